/* _spawn.h: starting a child by vfork(), or by fork() where that is not possible.  No Python API, no GIL.
 *
 * After vfork() the parent's thread sleeps until the child has executed its program or ended; both use the same
 * memory.  So a failure needs no pipe: the child stores errno and stage in the plan.
 *
 * A change of user or group requires fork(): otherwise a process of that user would share the memory of a more
 * privileged one.  There a failure is reported through a pipe that execve() closes.
 *
 * Signals.  A handler of the parent that ran in the child could change the parent's memory.  So all signals are blocked
 * during the start, and the child resets all handlers before it unblocks them.  Dispositions are the child's own;
 * ignored signals stay ignored.
 */
#ifndef HASTEN_SUBPROCESS_SPAWN_H
#define HASTEN_SUBPROCESS_SPAWN_H

#include <sys/wait.h>

#include "_child.h"
#include "_clone.h"

#ifdef __linux__
#  define HS_HAVE_VFORK 1
#else
#  define HS_HAVE_VFORK 0
#endif

static void hs_child_drop_handlers(void) {
    struct sigaction action, none = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) < 0) continue;
        if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) sigaction(number, &none, NULL);
    }
}

/* The child's argument.  report: a pipe for the failure, or -1 if the plan is in shared memory (vfork()). */
typedef struct {
    hs_plan *plan;
    sigset_t mask;
    int report;
} hs_new_child;

/* The child, after its handlers were reset. */
__attribute__((noinline, noreturn)) static void hs_child_run(void *of) {
    const hs_new_child *child = of;
    hs_plan *plan = child->plan;
    if (hs_child_prepare(plan) == 0) {
        sigprocmask(SIG_SETMASK, &child->mask, NULL);
        hs_child_exec(plan);
    }
    if (child->report >= 0) {
        int failure[2] = {plan->stage, plan->error};
        while (write(child->report, failure, sizeof failure) < 0 && errno == EINTR) {
        }
    }
    _exit(255);
}

/* The child's pid, or -1 with errno. */
__attribute__((noinline)) static pid_t hs_fork_child(hs_new_child *child, int by_vfork) {
#if HS_HAVE_CLONE
    if (by_vfork) {
        long result = hs_clone_vfork(hs_child_run, child);
        if (result > 0) return (pid_t)result;
        if (result != -ENOSYS && result != -EPERM && result != -EINVAL) {
            errno = (int)-result;
            return -1;
        } /* else the kernel is too old, or seccomp forbids it */
    }
#endif
#if HS_HAVE_VFORK
    pid_t pid = by_vfork ? vfork() : fork();
#else
    pid_t pid = fork();
    (void)by_vfork;
#endif
    if (pid == 0) {
        hs_child_drop_handlers();
        hs_child_run(child);
    }
    return pid;
}

static pid_t hs_start(hs_plan *plan, int by_vfork, int report) {
    hs_new_child child = {.plan = plan, .report = report};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &child.mask);
    pid_t pid = hs_fork_child(&child, by_vfork);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &child.mask, NULL);
    errno = error;
    return pid;
}

/* A close-on-exec pipe whose ends are not 0, 1 or 2. */
static int hs_report_pipe(int ends[2]) {
    int low[2], moved = 0;
#ifdef __linux__
    if (pipe2(low, O_CLOEXEC) < 0) return -1; /* atomically: another thread may start a child */
#else
    if (pipe(low) < 0) return -1;
#endif
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, HS_FIRST_FD);
        moved += ends[i] >= 0;
    }
    int error = errno;
    close(low[0]);
    close(low[1]);
    if (moved == 2) return 0;
    if (ends[0] >= 0) close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
    errno = error;
    return -1;
}

static pid_t hs_start_by_fork(hs_plan *plan) {
    int ends[2], failure[2];
    ssize_t size = 0;
    if (hs_report_pipe(ends) < 0) return -1;
    pid_t pid = hs_start(plan, 0, ends[1]);
    int error = errno;
    close(ends[1]);
    if (pid > 0) {
        do size = read(ends[0], failure, sizeof failure);
        while (size < 0 && errno == EINTR);
    }
    close(ends[0]);
    if (size == (ssize_t)sizeof failure) hs_child_failed(plan, failure[0], failure[1]);
    errno = error;
    return pid;
}

/* Start the child.  Returns its pid; or -1 with errno and stage in the plan, and no child. */
static pid_t hs_spawn(hs_plan *plan, int by_vfork) {
    plan->error = 0;
    by_vfork = by_vfork && !hs_changes_identity(plan);
    pid_t pid = by_vfork ? hs_start(plan, 1, -1) : hs_start_by_fork(plan);
    if (pid < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    if (plan->error == 0) return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return -1;
}

#endif
