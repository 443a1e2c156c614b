/* child_end.h: sleeping until one of some children has ended, without reaping it.  No Python API, no GIL.
 *
 * There are three ways, none of which wakes up periodically:
 *   - Linux: a pidfd for each child, and one poll() over all of them.
 *   - BSD, macOS: one kqueue with an event for each child's end.
 *   - anywhere else, without a free descriptor, or with HASTEN_PORTABLE=1: a thread for each child, which
 *     blocks in waitid(WNOWAIT) and is cancelled when the wait ends.
 *
 * A watch refers to the process that has the pid when the watch is made.  waitid() tells whether that is the
 * child: while an unreaped child has a pid, no other process can get it.  Hence the order: first the watch,
 * hs_watch(), then the check of the child, hs_look(), then the sleep, hs_wait_any().  A child that waitid() does
 * not know has been reaped by other code, or by the kernel because SIGCHLD is ignored; it counts as ended.
 */
#ifndef HASTEN_CHILD_END_H
#define HASTEN_CHILD_END_H

#include "polling.h"  /* first, for what it defines */

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#  include <sys/syscall.h>
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
#  include <sys/event.h>
#  include <sys/time.h>
#  define HS_HAVE_KQUEUE 1
#endif

/* A child that is waited for.  The caller sets its pid; the rest starts as zero. */
typedef struct {
    pid_t pid;
    int ended;
    int *woken;        /* what its thread sets */
    pthread_t thread;
    int has_thread;
} hs_child;

/* The state of a wait.  Starts as zero, except the children; ends with hs_unwatch(). */
typedef struct {
    hs_child *children;
    size_t count;
    int watches;           /* whether there are descriptors to sleep on */
    struct pollfd one, *fds;
    int queue;             /* the descriptor of a kqueue */
    hs_alert alert;
} hs_wait;

enum {
    HS_WAIT_ENDED,    /* *ended* is set in at least one child */
    HS_WAIT_TIMEOUT,
    HS_WAIT_SIGNALS,  /* check for signals, and wait again */
    HS_WAIT_ERROR     /* see errno */
};

/* glibc's pthread_cancel() loads a library at its first call, and aborts the process if it cannot, as without a free
 * descriptor.  So the library is loaded at the start. */
static inline void hs_wait_init(void) {
#ifdef __GLIBC__
    dlopen("libgcc_s.so.1", RTLD_LAZY);
#endif
}

/* Mark the children that have ended.  Returns how many are marked. */
static inline size_t hs_look(hs_child *children, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        siginfo_t info;
        info.si_pid = 0;
        int failed = waitid(P_PID, (id_t)children[i].pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0;
        if (failed ? errno == ECHILD : info.si_pid != 0) children[i].ended = 1;
        found += (size_t)children[i].ended;
    }
    return found;
}

/* Check a child without reaping it.  1 with the exit code (minus the signal number if a signal ended it), 0 while it
 * runs, -1 with errno: ECHILD if it has been reaped. */
static inline int hs_child_code(pid_t pid, int *code) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return -1;
    if (info.si_pid == 0) return 0;
    *code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}

static inline int hs_slept(int status) {
    if (status > 0) return HS_WAIT_ENDED;
    if (status == 0) return HS_WAIT_TIMEOUT;
    return errno == EINTR ? HS_WAIT_SIGNALS : HS_WAIT_ERROR;
}

/* ---- a thread for each child ---- */

static void *hs_watch_child(void *of) {
    hs_child *child = of;
    siginfo_t info;
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) continue;
    __atomic_store_n(child->woken, 1, __ATOMIC_RELEASE);
    hs_word_wake(child->woken);
    return NULL;
}

/* Start a thread for each child, with signals blocked.  Returns 0 or an errno. */
static inline int hs_watch_all(hs_child *children, size_t count, int *woken) {
    pthread_attr_t attr;
    sigset_t all, before;
    int err = pthread_attr_init(&attr);
    if (err) return err;
    pthread_attr_setstacksize(&attr, 128 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < count && !err; i++) {
        children[i].woken = woken;
        err = pthread_create(&children[i].thread, &attr, hs_watch_child, &children[i]);
        children[i].has_thread = !err;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err;
}

static inline void hs_unwatch_all(hs_child *children, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (children[i].has_thread) pthread_cancel(children[i].thread);
    for (size_t i = 0; i < count; i++)
        if (children[i].has_thread) pthread_join(children[i].thread, NULL);
    for (size_t i = 0; i < count; i++) children[i].has_thread = 0;
}

static inline int hs_wait_by_threads(hs_wait *w, int64_t deadline) {
    int woken = 0, status = HS_WAIT_ERROR, err;
    int64_t until = hs_alert_until(&w->alert, deadline, 0);
    hs_alert_end(&w->alert);
    err = hs_watch_all(w->children, w->count, &woken);
    if (!err) {
        status = hs_word_wait(&woken, until);
        status = status == HS_WOKEN ? HS_WAIT_ENDED : status == HS_TIMEOUT ? HS_WAIT_TIMEOUT : HS_WAIT_SIGNALS;
        if (status == HS_WAIT_TIMEOUT && until != deadline) status = HS_WAIT_SIGNALS;
    }
    hs_unwatch_all(w->children, w->count);
    errno = err;
    return status;
}

/* ---- descriptors ---- */

#if defined(__linux__)

#  ifndef SYS_pidfd_open
#    define SYS_pidfd_open 434
#  endif

static inline void hs_unwatch(hs_wait *w) {
    for (size_t i = 0; w->fds != NULL && i < w->count; i++)
        if (w->fds[i].fd >= 0) close(w->fds[i].fd);
    if (w->fds != &w->one) free(w->fds);
    w->fds = NULL;
    w->watches = 0;
}

static inline void hs_watch(hs_wait *w) {
    w->fds = w->count == 1 ? &w->one : calloc(w->count, sizeof *w->fds);
    if (w->fds == NULL) return;
    for (size_t i = 0; i < w->count; i++) w->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
    for (size_t i = 0; i < w->count; i++) {
        w->fds[i].fd = (int)syscall(SYS_pidfd_open, w->children[i].pid, 0);
        if (w->fds[i].fd < 0 && errno != ESRCH) { /* ESRCH: reaped; hs_look() finds that */
            hs_unwatch(w);
            return;
        }
    }
    w->watches = 1;
}

static inline int hs_wait_by_descriptor(hs_wait *w, int64_t deadline) {
    int status = hs_slept(hs_poll(w->fds, w->count, deadline, &w->alert));
    if (status == HS_WAIT_ENDED)
        for (size_t i = 0; i < w->count; i++) w->children[i].ended |= w->fds[i].fd >= 0 && w->fds[i].revents;
    return status;
}

#elif defined(HS_HAVE_KQUEUE)

static inline void hs_unwatch(hs_wait *w) {
    if (w->watches) close(w->queue);
    w->watches = 0;
}

static inline void hs_watch(hs_wait *w) {
    struct kevent event = {0};
    w->queue = kqueue();
    w->watches = w->queue >= 0;
    for (size_t i = 0; i < w->count && w->watches; i++) {
        EV_SET(&event, w->children[i].pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, 0);
        if (kevent(w->queue, &event, 1, NULL, 0, NULL) < 0 && errno != ESRCH) hs_unwatch(w);
    }
}

static inline int hs_wait_by_descriptor(hs_wait *w, int64_t deadline) {
    struct kevent event = {0};
    int64_t left = deadline == HS_NEVER ? 0 : deadline - hs_now();
    struct timespec t = hs_timespec(left > 0 ? left : 0);
    int status;
    hs_alert_end(&w->alert);
    status = hs_slept(kevent(w->queue, NULL, 0, &event, 1, deadline == HS_NEVER ? NULL : &t));
    if (status == HS_WAIT_ENDED)
        for (size_t i = 0; i < w->count; i++) w->children[i].ended |= (uintptr_t)w->children[i].pid == event.ident;
    return status;
}

#else

static inline void hs_unwatch(hs_wait *w) { (void)w; }
static inline void hs_watch(hs_wait *w) { (void)w; }
static inline int hs_wait_by_descriptor(hs_wait *w, int64_t deadline) {
    (void)w, (void)deadline;
    return HS_WAIT_ERROR;
}

#endif

/* ---- the way in ---- */

/* Begin to watch the children, if that has not been done, and check them.  HS_WAIT_ENDED, or HS_WAIT_TIMEOUT,
 * or HS_WAIT_SIGNALS: check for signals, call hs_alert_begin(), and then hs_wait_any(). */
static inline int hs_wait_look(hs_wait *w, int64_t deadline) {
    if (hs_look(w->children, w->count)) return HS_WAIT_ENDED;
    if (hs_now() >= deadline) return HS_WAIT_TIMEOUT;
    if (w->watches || hs_portable) return HS_WAIT_SIGNALS;
    hs_watch(w);
    return w->watches && hs_look(w->children, w->count) ? HS_WAIT_ENDED : HS_WAIT_SIGNALS;
}

/* Sleep until at least one of the children has ended, and mark those that have.  Returns one of the enum
 * above.  Call it without the GIL. */
static inline int hs_wait_any(hs_wait *w, int64_t deadline) {
    int status = HS_WAIT_ERROR;
    if (w->watches) {
        int64_t until = hs_alert_until(&w->alert, deadline, HS_LATE_LOOK_UP);
        status = hs_wait_by_descriptor(w, until);
        if (status == HS_WAIT_TIMEOUT && until != deadline) status = HS_WAIT_SIGNALS;
    }
    if (status == HS_WAIT_ERROR) status = hs_wait_by_threads(w, deadline);
    if (status == HS_WAIT_ENDED && !(w->count == 1 && w->children[0].ended)) hs_look(w->children, w->count);
    hs_alert_end(&w->alert);
    return status;
}

#endif
