/* _start_watch.h: start the watcher of _watch.h.
 *
 * It must be nobody's business but ours.  So: no child of the program, which may call wait(), hence two generations,
 * the first without an exit signal, so that the program neither gets a SIGCHLD nor meets it; a session of its own, with
 * every signal blocked; no descriptor of the program's but the two; no working directory of the program's.
 *
 * Both generations share the program's memory, as after vfork(), while the calling thread waits: nothing is copied,
 * however large the program is.  All they do are system calls.
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

typedef struct {
    int line, table;
    void *mapped;            /* the table, in this process */
    const char *program;     /* NULL: the watcher is forked, with a copy of the program's memory */
    char *second_stack;
    int error;               /* errno of what has failed, 0 if nothing has */
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

HS_ALONE static void hs_close_from(int first) {
    if (hs_raw(SYS_close_range, first, -1, 0, 0) == 0) return;
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
    for (int fd = first; fd < end; fd++) close(fd);
}

/* The two descriptors to their places, the null device to 0, 1 and 2, nothing else. */
HS_ALONE static int hs_watch_descriptors(int line, int table) {
    int above = HS_WATCH_TABLE + 1;
    if ((line = fcntl(line, F_DUPFD, above)) < 0 || (table = fcntl(table, F_DUPFD, above)) < 0) return -1;
    if (dup2(line, HS_WATCH_LINE) < 0 || dup2(table, HS_WATCH_TABLE) < 0) return -1;
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) {
        if (null >= 0 && null != fd) dup2(null, fd);
        else if (null < 0) close(fd);
    }
    hs_close_from(above);
    return 0;
}

HS_ALONE static int hs_watch_second(void *argument) {
    hs_watch_start *start = argument;
    setsid();
    if (hs_watch_descriptors(start->line, start->table) < 0 || chdir("/") < 0) {
        start->error = errno;
        _exit(1);
    }
    if (start->program == NULL) {
        munmap(start->mapped, HS_TABLE_BYTES); /* who has it mapped is of the family */
        hs_watch(HS_WATCH_LINE, HS_WATCH_TABLE);
        _exit(0);
    }
    char *words[] = {HS_WATCH_NAME, NULL}, *nothing[] = {NULL};
    execve(start->program, words, nothing);
    start->error = errno;
    _exit(1);
}

HS_ALONE static int hs_watch_first(void *argument) {
    hs_watch_start *start = argument;
    if (start->program == NULL) {
        setsid(); /* before the maker goes on: whoever kills its process group must not meet the watcher in it */
        long pid = syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
        if (pid == 0) hs_watch_second(start);
        _exit(pid < 0);
    }
    int flags = CLONE_VM | CLONE_VFORK;
    if (clone(hs_watch_second, start->second_stack + HS_WATCH_STACK, flags, start) < 0) start->error = errno;
    _exit(0);
}

/* Returns 0 or an errno.  Signals are blocked: a handler must not run in a process that shares our memory. */
static int hs_watch_begin(hs_watch_start *start) {
    sigset_t all, before;
    int status, pid;
    char *stacks = mmap(NULL, 2 * HS_WATCH_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED) return errno;
    start->second_stack = stacks + HS_WATCH_STACK;
    start->error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (start->program != NULL) {
        pid = clone(hs_watch_first, stacks + HS_WATCH_STACK, CLONE_VM | CLONE_VFORK, start);
    } else {
        pid = (int)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
        if (pid == 0) hs_watch_first(start);
    }
    int error = pid < 0 ? errno : 0;
    if (pid > 0) {
        while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {}
        error = start->error;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stacks, 2 * HS_WATCH_STACK);
    return error;
}

/* *forked*: a copy of this process even where the file can be executed. */
static int hs_watch_start_for(int line, int table, void *mapped, int forked) {
    hs_watch_start start = {line, table, mapped, forked ? NULL : hs_watch_file(), NULL, 0};
    if (start.program != NULL && hs_watch_begin(&start) == 0) return 0;
    start.program = NULL; /* the file can't be executed: a mode, or a mount's options */
    return hs_watch_begin(&start);
}

#endif
