/* _close_fds.h: keeping descriptors from a program that is about to be run.  Only async-signal-safe calls.
 *
 * One close_range() marks every descriptor from 3 on close-on-exec (Linux 5.11).  Where it is missing or
 * forbidden, each descriptor that /proc/self/fd lists is marked; without /proc, each possible number.
 */
#ifndef HASTEN_SUBPROCESS_CLOSE_FDS_H
#define HASTEN_SUBPROCESS_CLOSE_FDS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef __linux__
#  include <sys/syscall.h>
#endif

#define HS_FIRST_FD 3               /* behind stdin, stdout and stderr */
#define HS_RANGE_CLOEXEC (1U << 2)  /* CLOSE_RANGE_CLOEXEC, which older headers lack */

static inline int hs_set_cloexec(int fd, int on) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0) return -1;
    int wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
    return wanted == flags ? 0 : fcntl(fd, F_SETFD, wanted);
}

#ifdef __linux__
/* The entries of /proc/self/fd, read without the C library's opendir(), which allocates. */
struct hs_dirent {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* The number that a name stands for, or -1. */
static int hs_fd_of(const char *name) {
    int fd = 0;
    if (*name < '0' || *name > '9') return -1;
    for (; *name >= '0' && *name <= '9'; name++) fd = fd * 10 + (*name - '0');
    return fd;
}

/* Marking does not remove entries, so that the listing stays whole while it is read. */
static int hs_cloexec_listed(void) {
    _Alignas(struct hs_dirent) char buffer[4096];
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long size;
    if (folder < 0) return -1;
    while ((size = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < size;) {
            struct hs_dirent *entry = (struct hs_dirent *)(buffer + at);
            int fd = hs_fd_of(entry->name);
            if (fd >= HS_FIRST_FD) hs_set_cloexec(fd, 1);
            at += entry->length;
        }
    }
    close(folder);
    return size < 0 ? -1 : 0;
}
#endif

static void hs_cloexec_each(void) {
    long limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0) limit = 1 << 16;
    for (int fd = HS_FIRST_FD; fd < limit; fd++) hs_set_cloexec(fd, 1);
}

/* Mark all descriptors from 3 on close-on-exec.  portable: as if the kernel had no close_range(). */
static void hs_cloexec_all(int portable) {
#ifdef __linux__
#  ifdef SYS_close_range
    if (!portable && syscall(SYS_close_range, HS_FIRST_FD, ~0U, HS_RANGE_CLOEXEC) == 0) return;
#  endif
    if (hs_cloexec_listed() == 0) return;
#endif
    (void)portable;
    hs_cloexec_each();
}

#endif
