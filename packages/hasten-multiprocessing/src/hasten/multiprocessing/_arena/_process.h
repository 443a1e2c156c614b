/* _process.h: which process holds a word, and whether it still runs.
 *
 * A word names its holder by pid and stamp.  The stamp is 24 bits of the process's start time (pids are reused) and 8 bits
 * of its pid namespace (a pid means nothing in another namespace, so holders there count as alive).
 * Bit 31 does not belong to the name: see HS_WAITED.
 *
 *     63     56 55            32 31 30            0
 *     namespace start time       W  pid
 *
 * A zombie counts as dead: it runs no code, and its parent may be waiting for a lock that it held.
 */
#ifndef HASTEN_PROCESS_H
#define HASTEN_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#if defined(__linux__)
#  include <sys/syscall.h>
#endif

#define HS_WAITED 0x80000000u  /* a waiter may be asleep on the word */
#define HS_PID_BITS 0x7fffffffu

typedef struct {
    uint64_t id;         /* 0: not yet determined */
    unsigned int forks;  /* how many forks this process descends from */
    unsigned int shared; /* changes at each fork, in parent and child: other processes may know objects made under another value */
} hs_process;

/* The state letter of a process and the low 24 bits of its start time; 0, or -1 if /proc does not tell. */
static inline int hs_process_stat(pid_t pid, char *state, uint32_t *start) {
    char path[32], text[512], *at;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return -1;
    text[length] = 0;
    at = strrchr(text, ')');  /* the name before it may have blanks and brackets */
    if (at == NULL || at[1] == 0) return -1;
    *state = at[2];
    for (int field = 2; field < 22; field++)
        if ((at = strchr(at + 1, ' ')) == NULL) return -1;
    *start = (uint32_t)strtoull(at + 1, NULL, 10) & 0xffffff;
    return 0;
}

/* The stamp of this process; each part is 0 if it cannot be determined. */
static inline uint32_t hs_process_stamp(pid_t pid) {
    struct stat space;
    char state;
    uint32_t start, tag;
    if (hs_process_stat(pid, &state, &start) < 0) return 0;
    tag = stat("/proc/self/ns/pid", &space) < 0 ? 0 : (uint32_t)(space.st_ino % 255 + 1);
    return tag << 24 | start;
}

/* Out of line, so that hs_process_id() stays small enough to be inlined. */
static __attribute__((noinline, unused)) uint64_t hs_process_find_id(hs_process *p) {
    pid_t pid = getpid();
    uint64_t id = (uint64_t)hs_process_stamp(pid) << 32 | (uint32_t)pid;
    __atomic_store_n(&p->id, id, __ATOMIC_RELAXED);
    return id;
}

static inline uint64_t hs_process_id(hs_process *p) {
    uint64_t id = __atomic_load_n(&p->id, __ATOMIC_RELAXED);
    return id != 0 ? id : hs_process_find_id(p);
}

/* Whether all threads of a process have ended, for one that /proc cannot show or shows as a zombie.
 * otherwise: the answer where pidfds are missing. */
static inline int hs_process_has_ended(pid_t pid, int otherwise) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    struct pollfd end = {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    if (end.fd >= 0) {
        int ended = poll(&end, 1, 0) == 1;
        close(end.fd);
        return ended;
    }
    if (errno == ESRCH) return 1;
#else
    (void)pid;
#endif
    return otherwise;
}

/* Whether the holder that a word names has ended; 0 if that is not certain.  Changes errno. */
static inline int hs_holder_is_dead(uint64_t word, uint64_t me) {
    pid_t pid = (pid_t)(word & HS_PID_BITS);
    uint32_t stamp = (uint32_t)(word >> 32), mine = (uint32_t)(me >> 32), start;
    char state;
    if ((word & ~(uint64_t)HS_WAITED) == me || stamp >> 24 != mine >> 24) return 0;
    if (kill(pid, 0) < 0 && errno == ESRCH) return 1;
    if (stamp == 0) return hs_process_has_ended(pid, 0);
    if (hs_process_stat(pid, &state, &start) < 0) return hs_process_has_ended(pid, 0);
    if (start != (stamp & 0xffffff)) return 1;
    return (state == 'Z' || state == 'X') && hs_process_has_ended(pid, 1);
}

#endif
