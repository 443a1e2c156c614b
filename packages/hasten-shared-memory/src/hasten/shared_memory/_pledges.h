/* _pledges.h: small blocks whose space is there but not taken yet.
 *
 * Taking the pages of a block when it is made costs about as much as all the rest.  Where a block is next to nothing
 * beside what is free, that is put off: its space is pledged.  As soon as a new block would bring what this process has
 * pledged above a 64th of what is free, all that is pledged is taken first, and the new block's pages at once; from
 * then on nothing is put off until there is more room.  So a full file system is an error where a block is made, and
 * not a SIGBUS where it is used, unless others take 63 of 64 parts of what is free in between.
 */
#ifndef HASTEN_PLEDGES_H
#define HASTEN_PLEDGES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include "compat.h"

#if defined(__linux__)
#  include <sys/mman.h>
#  include <sys/statfs.h>
#  ifndef MADV_POPULATE_WRITE
#    define MADV_POPULATE_WRITE 23  /* Linux 5.14; EFAULT instead of SIGBUS */
#  endif
#endif

#define HS_PLEDGED_SHARE 64
#define HS_PLEDGED_MOST (1 << 20)  /* bytes of a block that may be pledged */

typedef struct hs_pledge {
    struct hs_pledge *next, **place; /* *place* points here; NULL: not in the list */
    void *address;
    size_t size;
} hs_pledge;

static hs_pledge *hs_pledges;
static size_t hs_pledged;  /* the sum of the sizes in the list */
static hs_mutex hs_pledges_guard;

static void hs_pledge_take_out(hs_pledge *pledge) {
    *pledge->place = pledge->next;
    if (pledge->next != NULL) pledge->next->place = pledge->place;
    pledge->place = NULL;
    hs_pledged -= pledge->size;
}

static void hs_pledge_add(hs_pledge *pledge, void *address, size_t size) {
    hs_mutex_lock(&hs_pledges_guard);
    *pledge = (hs_pledge){hs_pledges, &hs_pledges, address, size};
    if (hs_pledges != NULL) hs_pledges->place = &pledge->next;
    hs_pledges = pledge;
    hs_pledged += size;
    hs_mutex_unlock(&hs_pledges_guard);
}

static void hs_pledge_drop(hs_pledge *pledge) {
    if (pledge->place == NULL) return;
    hs_mutex_lock(&hs_pledges_guard);
    if (pledge->place != NULL) hs_pledge_take_out(pledge);
    hs_mutex_unlock(&hs_pledges_guard);
}

/* Whether the space of one more block may be pledged in the file system of *fd*. */
static int hs_pledges_allow(int fd, size_t size) {
#if defined(__linux__)
    struct statfs fs;
    if (size > HS_PLEDGED_MOST || fstatfs(fd, &fs) < 0) return 0;
    return (hs_pledged + size) / fs.f_bsize < (size_t)fs.f_bavail / HS_PLEDGED_SHARE;
#else
    (void)fd, (void)size;
    return 0;
#endif
}

/* Take the pages of all that is pledged.  -1 with errno if they can't be had. */
static int hs_pledges_keep(void) {
    int result = 0;
#if defined(__linux__)
    hs_mutex_lock(&hs_pledges_guard);
    while (hs_pledges != NULL) {
        if (madvise(hs_pledges->address, hs_pledges->size, MADV_POPULATE_WRITE) < 0 && errno != EINVAL) {
            errno = errno == EFAULT ? ENOSPC : errno;
            result = -1;
            break;
        }
        hs_pledge_take_out(hs_pledges);
    }
    hs_mutex_unlock(&hs_pledges_guard);
#endif
    return result;
}

#endif
