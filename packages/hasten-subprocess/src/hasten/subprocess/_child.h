/* _child.h: what a child does between its start and execve().  No Python API.
 *
 * After vfork() the child runs in its parent's memory, while other threads of the parent continue.  So it calls only
 * async-signal-safe functions, allocates nothing and takes no lock; it reports a failure by two numbers in the plan.
 * hs_child_prepare() and hs_child_exec() are separate because a preexec_fn is called between them, which is
 * possible only after a real fork().
 */
#ifndef HASTEN_SUBPROCESS_CHILD_H
#define HASTEN_SUBPROCESS_CHILD_H

#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "_close_fds.h"

/* Where it failed; it decides which file name the error gets. */
enum { HS_STAGE_PREPARE, HS_STAGE_CHDIR, HS_STAGE_EXEC };

typedef struct {
    char **argv, **env, **programs;  /* end with NULL; the programs are tried in order */
    const char *cwd;                 /* or NULL */
    int stdio[3];                    /* what becomes stdin, stdout and stderr; -1: is inherited */
    int close_fds, keep_count;
    const int *keep;                 /* descriptors that the program gets */
    int restore_signals, new_session;
    int umask;                       /* -1: as it is */
    pid_t process_group;             /* -1: as it is */
    int sets_groups, sets_gid, sets_uid;
    size_t group_count;
    const gid_t *groups;
    gid_t gid;
    uid_t uid;
    int portable;
    volatile int stage, error;       /* error: an errno, 0 until something has failed */
} hs_plan;

static int hs_child_failed(hs_plan *plan, int stage, int error) {
    plan->stage = stage;
    plan->error = error;
    return -1;
}

/* Move the three descriptors to 0, 1 and 2.  One that has another one's number is moved away first; that happens if
 * the parent has closed some of 0 to 2. */
static int hs_child_stdio(hs_plan *plan) {
    int from[3];
    for (int i = 0; i < 3; i++) {
        from[i] = plan->stdio[i];
        if (from[i] >= 0 && from[i] < 3 && from[i] != i) {
            from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, HS_FIRST_FD);
            if (from[i] < 0) return -1;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (from[i] == -1) continue;
        if (from[i] == i ? hs_set_cloexec(i, 0) < 0 : dup2(from[i], i) < 0) return -1;
    }
    return 0;
}

static void hs_child_default_signals(void) {
    static const int signals[] = {
        SIGPIPE,
#ifdef SIGXFSZ
        SIGXFSZ,
#endif
    };
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

static int hs_changes_identity(const hs_plan *plan) {
    return plan->sets_groups || plan->sets_gid || plan->sets_uid;
}

static int hs_child_identity(const hs_plan *plan) {
    if (plan->sets_groups && setgroups(plan->group_count, plan->groups) < 0) return -1;
    if (plan->sets_gid && setregid(plan->gid, plan->gid) < 0) return -1;
    if (plan->sets_uid && setreuid(plan->uid, plan->uid) < 0) return -1;
    return 0;
}

/* All steps before a preexec_fn.  Returns 0, or -1 with the failure in the plan. */
static int hs_child_prepare(hs_plan *plan) {
    for (int i = 0; i < plan->keep_count; i++) {
        if (hs_set_cloexec(plan->keep[i], 0) < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    }
    if (hs_child_stdio(plan) < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    if (plan->cwd != NULL && chdir(plan->cwd) < 0) return hs_child_failed(plan, HS_STAGE_CHDIR, errno);
    if (plan->umask >= 0) umask((mode_t)plan->umask);
    if (plan->restore_signals) hs_child_default_signals();
    if (plan->new_session && setsid() < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    if (plan->process_group >= 0 && setpgid(0, plan->process_group) < 0)
        return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    if (hs_child_identity(plan) < 0) return hs_child_failed(plan, HS_STAGE_PREPARE, errno);
    return 0;
}

/* Execute the first possible program.  Returns only if there is none, with the failure in the plan: the first one
 * other than "no such file". */
static void hs_child_exec(hs_plan *plan) {
    int error = 0, last = ENOENT;
    if (plan->close_fds) {
        hs_cloexec_all(plan->portable);
        for (int i = 0; i < plan->keep_count; i++) hs_set_cloexec(plan->keep[i], 0);
    }
    for (char **program = plan->programs; *program != NULL; program++) {
        execve(*program, plan->argv, plan->env);
        last = errno;
        if (error == 0 && last != ENOENT && last != ENOTDIR) error = last;
    }
    hs_child_failed(plan, HS_STAGE_EXEC, error ? error : last);
}

#endif
