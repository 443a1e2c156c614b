/* _space.h: whether a named block can do without its space for now.
 *
 * A page that /dev/shm has no room for is a SIGBUS for whoever first writes to it.  So a block's pages are taken when
 * it is made (hs_block_reserve), and a lack of them is an error there.  That costs as much as a program saves by it
 * that writes to all of the block, but one that writes to a few pages of many pays for all.
 *
 * Where room abounds, pages may come as they are used, as all other memory does.  It abounds as long as everything that
 * has been promised and not taken, with the new block, is a small share of what is free.  Promised is
 *   - what files in the directory lack, whoever made them: their sizes less what they occupy;
 *   - what blocks lack that were made here and have no name any more: at most what is mapped of them.
 * The first takes a system call for each file: it is looked up for many blocks in advance, which is an allowance.
 *
 * What may still go wrong: other programs take nearly all of what is free, HS_PLENTY at least, before the block is
 * used; or 64 processes, without a look at one another's blocks between theirs, promise all of it.
 */
#ifndef HASTEN_SPACE_H
#define HASTEN_SPACE_H

#include <stdint.h>

#if defined(__linux__)
#  include <dirent.h>
#  include <fcntl.h>
#  include <sys/stat.h>
#  include <sys/statfs.h>
#  include "_table.h"

#define HS_PLENTY (1ull << 30)    /* bytes: with fewer free, all that is promised is taken at once */
#define HS_SHARE 64               /* the part of what is free that may be promised */
#define HS_MOST_FILES 4096        /* in the directory: looking at more takes too long */
#define HS_PATIENCE 100           /* blocks that are made before the directory is looked at again to no avail */

static int64_t hs_untaken;   /* bytes mapped in this process of blocks made here without their space */
/* Bytes that may still be promised before looking again; threads may disagree by a block.  A first MiB needs no look. */
static int64_t hs_allowance = 1 << 20;
static int hs_refused;       /* blocks for which not to look at the directory */

/* How much the files in the directory may still take; -1 if that can't be told. */
static int64_t hs_space_promised(void) {
    struct dirent *entry;
    struct stat st;
    int64_t bytes = 0;
    int files = 0;
    DIR *directory = opendir(HS_SHM_DIRECTORY);
    if (directory == NULL) return -1;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_type == DT_DIR) continue;
        if (++files > HS_MOST_FILES) break;
        if (fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) continue;
        int64_t lacks = (int64_t)st.st_size - (int64_t)st.st_blocks * 512;
        if (lacks > 0 && __builtin_add_overflow(bytes, lacks, &bytes)) break;
    }
    int whole = entry == NULL;
    closedir(directory);
    return whole ? bytes : -1;
}

static void hs_space_leave(int64_t size) { __atomic_add_fetch(&hs_untaken, size, __ATOMIC_RELAXED); }

/* The rest of hs_space_abounds(), which may take milliseconds. */
static int hs_space_look(int64_t size, int64_t share) {
    int64_t promised;
    if (__atomic_sub_fetch(&hs_refused, 1, __ATOMIC_RELAXED) > 0) return 0;
    promised = hs_space_promised();
    if (promised < 0 || size > share - promised) {
        __atomic_store_n(&hs_refused, HS_PATIENCE, __ATOMIC_RELAXED);
        return 0;
    }
    __atomic_store_n(&hs_refused, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&hs_allowance, share - promised - size, __ATOMIC_RELAXED);
    return 1;
}

/* Whether a new block of this descriptor need not take its *size* bytes: 1, 0, or -1 for hs_space_look(). */
static int hs_space_abounds(int fd, int64_t size, int64_t *share) {
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0) return 0;
    uint64_t available = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    if (available < HS_PLENTY) return 0;
    *share = (int64_t)(available / HS_SHARE);
    if (size > *share - __atomic_load_n(&hs_untaken, __ATOMIC_RELAXED)) return 0;
    if (size <= __atomic_load_n(&hs_allowance, __ATOMIC_RELAXED)) {
        __atomic_sub_fetch(&hs_allowance, size, __ATOMIC_RELAXED);
        return 1;
    }
    return -1;
}

#else /* no reserving, see _block.h */
static int hs_space_abounds(int fd, int64_t size, int64_t *share) { (void)fd, (void)size, (void)share; return 0; }
static int hs_space_look(int64_t size, int64_t share) { (void)size, (void)share; return 0; }
static void hs_space_leave(int64_t size) { (void)size; }
#endif

#endif
