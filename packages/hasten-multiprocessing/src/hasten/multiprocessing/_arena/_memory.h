/* _memory.h: an arena's memory: a descriptor without a name, mapped by every process that was given it.
 *
 * Invariant: only the process that made an arena allocates slots from it; after a fork the child makes an arena of its
 * own.  A slot is reused only if no other process can know it: it was not sent, and there was no fork since it was made.
 * Any other slot is never reused; its memory is freed with the arena, when the last object in it is deallocated.
 * So no process has to know which others are alive, and a killed process can neither leak a slot to another object nor
 * see one reused under it.
 */
#ifndef HASTEN_MEMORY_H
#define HASTEN_MEMORY_H

#include "../_arena/_words.h"

#include <sys/mman.h>

#define HS_MAGIC 0x68736d31u  /* changes with the layout of head and slots */
#define HS_SLOT_BYTES 64
#define HS_HEAD_BYTES ((sizeof(hs_head) + HS_SLOT_BYTES - 1) / HS_SLOT_BYTES * HS_SLOT_BYTES)

/* Duplicate fd above 0-2 if it is one of them: the program may have closed a standard stream and reopen it. */
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

/* A descriptor of *bytes* zero bytes, already allocated; -1 with errno. */
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
    if (error == 0) error = posix_fallocate(fd, 0, bytes);  /* otherwise a first write without free memory raises SIGBUS */
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
    for (int i = 0; portable && i < HS_NAP_BUCKETS; i++)
        if (sem_init(&head->buckets[i].semaphore, 1, 0) < 0) head->portable = 2;
#else
    if (portable) head->portable = 2;
#endif
}

/* Whether to use semaphores: there are no futexes, or HASTEN_PORTABLE=1. */
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
