/* _spawn.h: starting a child by vfork().  No Python API, no GIL.
 *
 * The parent's thread sleeps until the child has become its program or has ended; both use the same memory.
 * So a failure needs no pipe: the child leaves errno and stage in the plan.
 *
 * Signals.  A handler of the parent that ran in the child would change the parent's memory.  Therefore all
 * signals are blocked over vfork(), and the child gives up every handler before it lets signals through
 * again.  The dispositions are the child's own; signals that are ignored stay ignored.
 *
 * A change of user or group makes the memory undumpable, which is shared here; the parent puts that back.
 */
#ifndef HASTEN_SUBPROCESS_SPAWN_H
#define HASTEN_SUBPROCESS_SPAWN_H

#include "_child.h"

#ifdef __linux__
#  include <sys/prctl.h>
#  define HS_HAVE_VFORK 1
#else
#  define HS_HAVE_VFORK 0
#endif

#include <sys/wait.h>

#if HS_HAVE_VFORK
static void hs_child_drop_handlers(void) {
    struct sigaction action, none = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) < 0) continue;
        if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) sigaction(number, &none, NULL);
    }
}

__attribute__((noinline, noreturn)) static void hs_child_run(hs_plan *plan, const sigset_t *mask) {
    hs_child_drop_handlers();
    if (hs_child_prepare(plan) == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        hs_child_exec(plan);
    }
    _exit(255);
}

/* The child's pid, or -1 with errno. */
__attribute__((noinline)) static pid_t hs_vfork(hs_plan *plan) {
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &mask);
    pid_t pid = vfork();
    if (pid == 0) hs_child_run(plan, &mask);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return pid;
}

/* Start the child.  Returns its pid; or -1 with errno and stage in the plan, and no child. */
static pid_t hs_spawn(hs_plan *plan) {
    int changes_identity = plan->sets_groups || plan->sets_gid || plan->sets_uid;
    int dumpable = changes_identity ? prctl(PR_GET_DUMPABLE) : 0;
    plan->error = 0;
    pid_t pid = hs_vfork(plan);
    if (changes_identity && dumpable == 1) prctl(PR_SET_DUMPABLE, 1);
    if (pid < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    if (plan->error == 0) return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return -1;
}
#else
static pid_t hs_spawn(hs_plan *plan) { return hs_child_failed(plan, HS_STAGE_PREPARE, ENOSYS); }
#endif

#endif
