/* sleep.h: how a Python thread sleeps until another wakes it, signals and forks included.
 *
 * A list of sleepers has a guard, the hs_mutex of what is waited for; the GIL stands in for it where there is
 * one.  A thread looks under the guard and, having found nothing, enlists itself before it lets go of the
 * guard.  Whoever changes something does so under the guard.  So no change falls between look and sleep.
 *
 * hs_nap() is for waiters that are chosen: the one who unlinks a thread has let it go, and it goes.  hs_sleep() is
 * for waiters that all look again: to be woken is a hint and no promise.  Both are the same sleep:
 *
 * - The thread stays enlisted while signal handlers run, so that what happens meanwhile is not lost on it.
 * - It is `parked` only while it has nothing else to do than to wake up.  Signal handlers, and the collector that
 *   PyErr_CheckSignals() runs since 3.12, may take long: a wake that meets a thread there is not under way.
 * - It looks at the signals as the last thing before the GIL is free, and see hs_park_alert().
 * - A handler may fork.  In the child this thread is the only one, and is enlisted anew.
 * - When a handler raises, the thread leaves the list; its word tells whether it had been woken before.
 *
 * Waking is in two steps, so that the second can wait until the GIL is free: under the guard a thread is unlinked
 * and marked, and the address of its word is kept (hs_wakes); later it is woken.  A marked thread that is awake for
 * another reason leaves at once; what is left of it is an address (see park.h).
 *
 * Wake, do not hand over.  hs_wake_any() keeps this rule for those who look again: if there is something to be had
 * and somebody sleeps, then somebody is awake who has yet to look.  With a GIL one such wake is under way at a time
 * (`pending`), because more threads would only queue up for the GIL; a thread that got what it wanted after a sleep
 * wakes the next one if there is more.  A wake too many does no harm, so the other functions do not ask.
 *
 * Functions say what they do with the guard.  Those that end without it take the address of what they have to wake
 * along, and wake after the guard.  Parking and waking of one list belong into one module (see park.h), which
 * calls hs_park_init().  An attached thread state is needed throughout.
 */
#ifndef HASTEN_SLEEP_H
#define HASTEN_SLEEP_H

#include <Python.h>

#include "compat.h"
#include "park.h"

/* ---- wakes that are due ---- */

#define HS_WAKES 16

typedef struct {
    int *words[HS_WAKES];
    int count;
} hs_wakes;

/* Wake those who were collected.  Needs no GIL. */
static inline void hs_wake(hs_wakes *due) {
    for (int i = 0; i < due->count; i++) hs_unpark(due->words[i]);
    due->count = 0;
}

/* Let up to *most* go who sleep in the list, longest first, and keep them in *due*; how many.  The guard is held. */
static inline Py_ssize_t hs_collect_some(hs_waitlist *list, Py_ssize_t most, hs_wakes *due) {
    Py_ssize_t count = 0;
    int *word;
    while (count < most && list->head != NULL && (word = hs_waitlist_pop(list)) != NULL) {
        if (due->count == HS_WAKES) hs_wake(due);
        due->words[due->count++] = word;
        count++;
    }
    return count;
}

/* The same with all of them.  (None can come back meanwhile: the guard is held.) */
static inline void hs_collect(hs_waitlist *list, hs_wakes *due) { hs_collect_some(list, PY_SSIZE_T_MAX, due); }

/* ---- the sleep of both kinds ---- */

/* Join those who wait for *target*, which may be NULL.  The guard is held. */
static inline void hs_enlist(hs_waitlist *list, hs_waiter *me, const void *target) {
    hs_waitlist_append(list, me);
    me->target = target;
}

/* What is to be done after Python code has run: a child of fork() has to be enlisted anew.  The guard is held;
 * whether it was a child. */
static inline int hs_enlist_anew(hs_waitlist *list, hs_waiter *me) {
    if (!hs_waiter_is_void(me)) return 0;
    if (me->word) { /* let go before the fork */
        me->linked = 0;
        me->forks = hs_forks;
    } else {
        hs_enlist(list, me, me->target);
    }
    return 1;
}

enum { HS_NAP_HANDLERS = 1,  /* run signal handlers: without it they have to wait */
       HS_NAP_ONE_FORK = 2,  /* a fork in a handler ends the sleep of the child */
       HS_NAP_RAISED = -1, HS_NAP_OVER = 0, HS_NAP_WOKEN = 1, HS_NAP_FORKED = 2 };

/* Sleep in the list, as hs_nap() does. */
static inline int hs_nap_as(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline, hs_wakes *due,
                            int how) {
    int64_t period = 0;
    int status = HS_WOKEN, forked;
    for (;;) {
        if ((how & HS_NAP_HANDLERS) && PyErr_CheckSignals() < 0) {
            if (due != NULL) hs_wake(due);
            return HS_NAP_RAISED;
        }
        hs_mutex_lock(guard);
        forked = hs_enlist_anew(list, me) && (how & HS_NAP_ONE_FORK);
        if (me->word || status == HS_TIMEOUT || forked) break;
        me->parked = 1;
        hs_mutex_unlock(guard);
        Py_BEGIN_ALLOW_THREADS
        if (due != NULL) hs_wake(due);
        status = how & HS_NAP_HANDLERS ? hs_park_alert(&me->word, deadline, &period) : hs_park(&me->word, deadline);
        Py_END_ALLOW_THREADS
        hs_mutex_lock(guard);
        me->parked = 0;
        if (me->word || status == HS_TIMEOUT) break;
        hs_mutex_unlock(guard);
    }
    if (due != NULL && due->count) { /* it did not sleep */
        hs_mutex_unlock(guard);
        hs_wake(due);
        hs_mutex_lock(guard);
    }
    return me->word ? HS_NAP_WOKEN : forked ? HS_NAP_FORKED : HS_NAP_OVER;
}

/* Sleep until let go (1) or the deadline (0); me->word tells it too.  The guard is not held before, but
 * afterwards, and the thread is in the list as it was left by who let it go.  When a signal handler raises (-1), the
 * guard is not held.  Those in *due*, which may be NULL, are woken when the GIL is free. */
static inline int hs_nap(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline, hs_wakes *due) {
    return hs_nap_as(list, guard, me, deadline, due, HS_NAP_HANDLERS);
}

/* Leave the list, whether woken (1) or not.  The guard is not held, before and after. */
static inline int hs_leave(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) {
    int woken;
    hs_mutex_lock(guard);
    hs_waitlist_remove(list, me);
    woken = me->word;
    if (woken) list->pending = 0;
    hs_mutex_unlock(guard);
    return woken;
}

/* ---- waking those who look again ---- */

/* Wake the thread that has slept longest; whether there was one.  The guard is held before, and not held after. */
static inline int hs_wake_one(hs_waitlist *list, hs_mutex *guard) {
    int *word = hs_waitlist_pop(list);
    hs_mutex_unlock(guard);
    if (word != NULL) hs_unpark(word);
    return word != NULL;
}

/* The same, and note that it has yet to look, if it has nothing else to do first. */
static inline int hs_wake_next(hs_waitlist *list, hs_mutex *guard) {
    int parked;
    hs_waitlist_sync(list);
    parked = list->head != NULL && list->head->parked;
    list->pending = parked;
    return hs_wake_one(list, guard);
}

/* Wake a thread, unless nobody sleeps or one that was woken has yet to look.  The guard is held before, and not held
 * after. */
static inline void hs_wake_any(hs_waitlist *list, hs_mutex *guard) {
    if (list->head != NULL && (HS_FREE_THREADED || !list->pending || list->forks != hs_forks))
        hs_wake_next(list, guard);
    else
        hs_mutex_unlock(guard);
}

/* Wake as many threads as there is something for; with a GIL the first, who wakes the next.  The guard is held
 * before, and not held after. */
static inline void hs_wake_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) {
    if (HS_FREE_THREADED && list->head != NULL) {
        hs_wakes due;
        due.count = 0;
        hs_collect_some(list, count, &due);
        hs_mutex_unlock(guard);
        hs_wake(&due);
    } else if (count > 0) {
        hs_wake_any(list, guard);
    } else {
        hs_mutex_unlock(guard);
    }
}

/* Wake every thread that sleeps now.  The guard is held before, and not held after. */
static inline void hs_wake_all(hs_waitlist *list, hs_mutex *guard) {
    hs_wakes due;
    due.count = 0;
    hs_collect(list, &due);
    hs_mutex_unlock(guard);
    hs_wake(&due);
}

/* ---- sleeping for those who look again ---- */

/* Sleep until woken or the deadline; the caller looks again in any case.  The guard is held before, and not held
 * after.  Those in *due*, which may be NULL, are woken when the GIL is free.  Returns 0, or -1 with what a signal
 * handler has raised; the thread's wake, if it had one, is passed on then. */
static inline int hs_sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) {
    hs_waiter me;
    hs_enlist(list, &me, NULL);
    hs_mutex_unlock(guard);
    if (hs_nap_as(list, guard, &me, deadline, due, HS_NAP_HANDLERS | HS_NAP_ONE_FORK) == HS_NAP_RAISED) {
        if (hs_leave(list, guard, &me)) {
            hs_mutex_lock(guard);
            hs_wake_next(list, guard);
        }
        return -1;
    }
    hs_waitlist_remove(list, &me);
    if (me.word) list->pending = 0;
    hs_mutex_unlock(guard);
    return 0;
}

/* The same for a wait that no signal handler may interrupt: they run when the interpreter looks next. */
static inline void hs_sleep_deaf(hs_waitlist *list, hs_mutex *guard, int64_t deadline) {
    hs_waiter me;
    hs_enlist(list, &me, NULL);
    hs_mutex_unlock(guard);
    hs_nap_as(list, guard, &me, deadline, NULL, 0);
    hs_waitlist_remove(list, &me);
    if (me.word) list->pending = 0;
    hs_mutex_unlock(guard);
}

#endif
