/* _memory.h: an arena's memory: a descriptor without a name, mapped by every process that was given it.
 *
 * Slots are given out by the process that has made the arena, and by no other: after a fork the child makes an arena of
 * its own.  A slot that only its maker ever knew is used again at once.  A slot that another process may know, because there
 * was a fork or because it was sent, is never used again; its arena goes as a whole, when the last object in it does.
 * So nobody has to know who else is alive, and a killed process can neither take a slot along nor leave one
 * to somebody who does not expect it.
 */
#ifndef HASTEN_MEMORY_H
#define HASTEN_MEMORY_H

#include "../_arena/_words.h"

#include <sys/mman.h>

#define HS_MAGIC 0x68736d31u  /* changes with the layout of head and slots */
#define HS_SLOT_BYTES 64
#define HS_HEAD_BYTES ((sizeof(hs_head) + HS_SLOT_BYTES - 1) / HS_SLOT_BYTES * HS_SLOT_BYTES)

/* A number above those of the standard streams, which may be closed. */
static inline int hs_fd_moved_up(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3), error = errno;
    close(fd);
    errno = error;
    return above;
}

static inline int hs_fd_is(int fd, uint64_t device, uint64_t inode) {
    struct stat found;
    return fstat(fd, &found) == 0 && (uint64_t)found.st_dev == device && (uint64_t)found.st_ino == inode;
}

static inline int hs_unnamed_file(const char *folder) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/hasten-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd >= 0) {
        unlink(path);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

/* A descriptor of *bytes* bytes of zeros that are there; -1 with errno. */
static inline int hs_memory_make(uint32_t bytes, int portable, const char *folder) {
    int fd = -1, error;
#if defined(__linux__) && defined(MFD_CLOEXEC)
    if (!portable) fd = memfd_create("hasten.words", MFD_CLOEXEC | MFD_ALLOW_SEALING);
#else
    (void)portable;
#endif
    if (fd < 0) fd = hs_unnamed_file(folder);
    fd = hs_fd_moved_up(fd);
    if (fd < 0) return -1;
    error = ftruncate(fd, bytes) < 0 ? errno : 0;
#if !defined(__APPLE__)
    if (error == 0) error = posix_fallocate(fd, 0, bytes);  /* or a first touch that finds no room is a SIGBUS */
#endif
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
#if defined(F_ADD_SEALS)
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
#endif
    return fd;
}

static inline hs_head *hs_memory_map(int fd, size_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

static inline void hs_memory_begin(hs_head *head, uint32_t bytes, int portable) {
    head->magic = HS_MAGIC;
    head->bytes = bytes;
    head->portable = portable ? 1 : 0;
#if !defined(__APPLE__)
    for (int i = 0; portable && i < HS_BEDS; i++)
        if (sem_init(&head->beds[i].semaphore, 1, 0) < 0) head->portable = 2;
#else
    if (portable) head->portable = 2;
#endif
}

/* Whether futexes are missing, or not wanted. */
static inline int hs_words_are_portable(void) {
    const char *forced = getenv("HASTEN_PORTABLE");
    if (forced != NULL && strcmp(forced, "1") == 0) return 1;
#if defined(__linux__)
    uint32_t probe = 0;
    return syscall(SYS_futex, &probe, FUTEX_WAKE, 1, NULL, NULL, 0) < 0;
#else
    return 1;
#endif
}

#endif
