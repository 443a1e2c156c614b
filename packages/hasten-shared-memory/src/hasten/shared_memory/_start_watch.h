/* _start_watch.h: start the watcher of _watch.h.
 *
 * The program must not notice the watcher.  So it is not a child of the program, whose wait() would find it: a first
 * process, without an exit signal (no SIGCHLD, not found by wait()), starts the second, which becomes the watcher.  It
 * has its own session, all signals blocked, and neither the program's descriptors, except the two, nor its working
 * directory.
 *
 * Both processes share the program's memory, as after vfork(): nothing is copied, however large the program is.  They make
 * system calls only.  The calling thread waits for the end of the first process, but not for the exec of the second.
 */
#ifndef HASTEN_START_WATCH_H
#define HASTEN_START_WATCH_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "_watch.h"

#ifndef SYS_close_range
#  define SYS_close_range 436
#endif
#define HS_WATCH_STACK 16384

/* In a mapping of its own, since the maker does not wait for the second process. */
typedef struct {
    int line, table;
    void *mapped;            /* the table, in this process */
    const char *program;     /* NULL: the watcher is forked, with a copy of the program's memory */
    const char *words[2];    /* argv, and after the first of them an empty environment */
    int error;               /* errno of a failure, or 0 */
    pid_t busy;              /* the second process while it shares this memory; then the kernel sets it to 0 */
    char first_stack[HS_WATCH_STACK] __attribute__((aligned(16)));
    char second_stack[HS_WATCH_STACK] __attribute__((aligned(16)));
} hs_watch_start;

#if HS_WATCH_PROGRAM
extern const char hs_watch_entry[] __asm__("_start") __attribute__((visibility("hidden")));
#endif

/* The file to execute, or NULL if there is none that begins with our _start. */
static const char *hs_watch_file(void) {
#if HS_WATCH_PROGRAM
    Dl_info info;
    if (!dladdr((const void *)hs_watch_entry, &info) || info.dli_fname == NULL) return NULL;
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)info.dli_fbase;
    if ((const char *)info.dli_fbase + header->e_entry != hs_watch_entry) return NULL;
    return info.dli_fname;
#else
    return NULL;
#endif
}

/* Move the two descriptors to their numbers, open /dev/null as 0, 1 and 2, close all others.  0, or -errno. */
HS_ALONE static long hs_watch_descriptors(long line, long table) {
    long above = HS_WATCH_TABLE + 1, fd, null, limit[2];
    if ((line = hs_raw(SYS_fcntl, line, F_DUPFD, above, 0)) < 0) return line;
    if ((table = hs_raw(SYS_fcntl, table, F_DUPFD, above, 0)) < 0) return table;
    if ((fd = hs_raw(SYS_dup3, line, HS_WATCH_LINE, 0, 0)) < 0) return fd;
    if ((fd = hs_raw(SYS_dup3, table, HS_WATCH_TABLE, 0, 0)) < 0) return fd;
    null = hs_raw(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0);
    for (fd = 0; fd < 3; fd++) {
        if (null >= 0 && null != fd) hs_raw(SYS_dup3, null, fd, 0, 0);
        else if (null < 0) hs_raw(SYS_close, fd, 0, 0, 0);
    }
    if (hs_raw(SYS_close_range, above, UINT32_MAX, 0, 0) == 0) return 0;
    if (hs_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)limit) < 0 || limit[0] < 0) limit[0] = 65536;
    if (limit[0] > 65536) limit[0] = 65536;
    for (fd = above; fd < limit[0]; fd++) hs_raw(SYS_close, fd, 0, 0, 0);
    return 0;
}

/* The watcher as a copy of this process. */
HS_ALONE static void hs_watch_here(hs_watch_start *start) {
    hs_raw(SYS_munmap, (long)start->mapped, HS_TABLE_BYTES, 0, 0); /* otherwise the watcher would count as a process of the family */
    hs_watch(HS_WATCH_LINE, HS_WATCH_TABLE);
    hs_raw(SYS_exit_group, 0, 0, 0, 0);
}

/* The maker runs concurrently, in the same memory if there is a program to execute, errno included: hence no libc calls here,
 * which would set errno. */
HS_ALONE static int hs_watch_second(void *argument) {
    hs_watch_start *start = argument;
    hs_raw(SYS_setsid, 0, 0, 0, 0);
    if (hs_watch_descriptors(start->line, start->table) < 0) hs_raw(SYS_exit_group, 1, 0, 0, 0);
    hs_raw(SYS_chdir, (long)"/", 0, 0, 0);
    if (start->program != NULL) {
        start->words[0] = HS_WATCH_NAME;
        hs_raw(SYS_execve, (long)start->program, (long)start->words, (long)(start->words + 1), 0);
        /* the file can't be executed: a mode, or a mount's options */
        if (hs_raw(SYS_clone, 0, 0, 0, 0) != 0) hs_raw(SYS_exit_group, 0, 0, 0, 0);
    }
    hs_watch_here(start);
    return 0;
}

/* The new session is made before the maker continues, so that killing the maker's process group spares the watcher. */
HS_ALONE static int hs_watch_first(void *argument) {
    hs_watch_start *start = argument;
    long pid;
    hs_raw(SYS_setsid, 0, 0, 0, 0);
    if (start->program == NULL) {
        pid = hs_raw(SYS_clone, 0, 0, 0, 0);
        if (pid == 0) hs_watch_second(start);
    } else {
        int flags = CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
        pid_t *busy = &start->busy;
        pid = clone(hs_watch_second, start->second_stack + HS_WATCH_STACK, flags, start, busy, NULL, busy);
        if (pid < 0) start->error = errno;
    }
    hs_raw(SYS_exit_group, pid < 0, 0, 0, 0);
    return 0;
}

/* Returns 0 or an errno.  Signals are blocked: a handler must not run in a process that shares our memory. */
static int hs_watch_begin(hs_watch_start *start) {
    sigset_t all, before;
    int status, pid;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (start->program != NULL) {
        /* CLONE_FILES: it uses no descriptors, and copying and closing the table would take time. */
        int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES;
        pid = clone(hs_watch_first, start->first_stack + HS_WATCH_STACK, flags, start);
    } else {
        pid = (int)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
        if (pid == 0) hs_watch_first(start);
    }
    int error = pid < 0 ? errno : 0;
    if (pid > 0) {
        while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {}
        error = start->error != 0 ? start->error : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EAGAIN;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* *forked*: a copy of this process even where the file can be executed.  One thread at a time. */
static int hs_watch_start_for(int line, int table, void *mapped, int forked) {
    static hs_watch_start *last; /* in use until the second process has executed its file, for microseconds */
    if (last != NULL && __atomic_load_n(&last->busy, __ATOMIC_ACQUIRE) == 0) munmap(last, sizeof *last);
    hs_watch_start *start = mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    last = NULL;
    if (start == MAP_FAILED) return errno;
    start->line = line;
    start->table = table;
    start->mapped = mapped;
    start->program = forked ? NULL : hs_watch_file();
    last = start;
    return hs_watch_begin(start);
}

#endif
