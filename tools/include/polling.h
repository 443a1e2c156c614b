/* polling.h: poll() with a deadline; returns on EINTR, so that the caller can run signal handlers.
 *
 * Signals.  One that arrives after the caller's last check and before the kernel sleeps does not end a plain
 * poll().  So the thread that gets the process's signals blocks them right after the check
 * (hs_alert_begin(), with the GIL), and ppoll() unblocks them and sleeps in one step.  A caller that sleeps in
 * another way unblocks them before (hs_alert_end()).
 *
 * Another thread may get a signal meanwhile, which does not wake this one.  So little is done in between, and
 * the thread wakes to check for signals as in park.h: after HS_LATE_LOOK_UP, then after periods that double.
 */
#ifndef HASTEN_POLLING_H
#define HASTEN_POLLING_H

#ifndef _GNU_SOURCE
#  define _GNU_SOURCE  /* ppoll */
#endif

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "park.h"

#define HS_LATE_LOOK_UP 500000000  /* ns; long enough for most waits to be one sleep */

/* The state of a wait's signal handling.  Starts as zero; lasts as long as the wait. */
typedef struct {
    sigset_t usual;  /* the thread's mask before its signals were blocked */
    int held;
    int64_t period;  /* ns until the next check for signals, or HS_NEVER; 0 before the first sleep */
} hs_alert;

/* Call it right after the check for signals: blocks them until the sleep. */
static inline void hs_alert_begin(hs_alert *alert) {
    if (alert->period == 0) alert->period = hs_takes_signals() ? HS_FIRST_LOOK_UP : HS_NEVER;
#if !defined(__APPLE__)
    if (alert->period != HS_NEVER && !alert->held) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &alert->usual);
        alert->held = 1;
    }
#endif
}

/* Unblock the signals. */
static inline void hs_alert_end(hs_alert *alert) {
    if (alert->held) {
        int saved = errno;
        alert->held = 0;
        pthread_sigmask(SIG_SETMASK, &alert->usual, NULL);
        errno = saved;
    }
}

/* When to wake up: at the deadline, or earlier to check for signals, but not within *least* ns. */
static inline int64_t hs_alert_until(hs_alert *alert, int64_t deadline, int64_t least) {
    int64_t until;
    if (alert->period == HS_NEVER || alert->period == 0) return deadline;
    if (alert->period < least) alert->period = least;
    until = hs_now() + alert->period;
    if (until >= deadline) return deadline;
    alert->period *= 2;
    return until;
}

/* Sleep until a descriptor is ready (returns how many), the deadline (0), or an error such as EINTR (-1).  With a
 * deadline that has passed it only checks.  Signals are unblocked, during the sleep and afterwards.  Call it without
 * the GIL. */
static inline int hs_poll(struct pollfd *fds, nfds_t count, int64_t deadline, hs_alert *alert) {
    int64_t left = 0;
    if (deadline != HS_NEVER) {
        left = deadline - hs_now();
        if (left < 0) left = 0;
    }
#if defined(__APPLE__)
    int64_t ms = left / 1000000 + (left % 1000000 != 0);  /* rounded up: never returns before the deadline */
    if (ms > INT_MAX) ms = INT_MAX;
    (void)alert;
    return poll(fds, count, deadline == HS_NEVER ? -1 : (int)ms);
#else
    struct timespec t = hs_timespec(left);
    int ready = ppoll(fds, count, deadline == HS_NEVER ? NULL : &t, alert->held ? &alert->usual : NULL);
    hs_alert_end(alert);
    return ready;
#endif
}

#endif
