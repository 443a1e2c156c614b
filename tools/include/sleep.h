/* sleep.h: how a Python thread parks in a list until another unparks it, signals and forks included.
 *
 * Terms and rules: packages/hasten/docs/waiting.md.  In short: a thread checks the state under the guard of
 * the list and, if it has to wait, enqueues itself before it unlocks the guard, so no change falls between.
 *
 * hs_park_enqueued() is for waiters that do not re-check: dequeuing one grants what it waits for.  hs_park()
 * is for waiters that all re-check: an unpark is only a hint.  Both park in the same way:
 *
 * - The thread stays enqueued while signal handlers run, so that it does not miss an unpark meanwhile.
 * - It is `parked` only while it runs no Python code before it wakes.  Signal handlers, and the collector
 *   that PyErr_CheckSignals() runs since 3.12, may take long: an unpark of a thread that runs them does not
 *   count as a wake in progress (`pending`).
 * - Its check for signals is the last step before the GIL is released; see also hs_word_wait_alert().
 * - A handler may fork.  In the child this thread is the only one, and is enqueued again.
 * - When a handler raises, the thread is dequeued; its word tells whether it had been unparked before.
 *
 * Unparking has two steps, so that the second can wait until the GIL is free: under the guard a waiter is
 * dequeued, its word is set, and the address of the word is kept (hs_wakes); later its thread is woken.
 *
 * Invariant of hs_unpark_any(), for waiters that re-check: if an item is available and the list is not empty,
 * then some awake thread has yet to re-check.  With a GIL one such wake is in progress at a time (`pending`),
 * because more threads would only queue up for the GIL; a thread that got its item after it was parked unparks
 * the next if there is more.  A superfluous wake is harmless, so the other functions do not check `pending`.
 *
 * Each function documents what it does with the guard.  Those that release it wake after the release; of a
 * crowd, all but the last HS_WAKES under the guard.
 * One list is parked in and unparked by one module only (see park.h), which calls hs_park_init().  All functions
 * but hs_wake() need an attached thread state.
 */
#ifndef HASTEN_SLEEP_H
#define HASTEN_SLEEP_H

#include <Python.h>

#include "compat.h"
#include "park.h"

/* ---- collected wakes ---- */

#define HS_WAKES 16

typedef struct {
    int *words[HS_WAKES];
    int count;
} hs_wakes;

/* Wake the collected threads.  Needs no GIL. */
static inline void hs_wake(hs_wakes *due) {
    for (int i = 0; i < due->count; i++) hs_word_wake(due->words[i]);
    due->count = 0;
}

/* Dequeue up to *most* waiters, the longest first, and collect them in *due*.  Returns their number.  Guard held. */
static inline Py_ssize_t hs_dequeue_some_locked(hs_waitlist *list, Py_ssize_t most, hs_wakes *due) {
    Py_ssize_t count = 0;
    int *word;
    while (count < most && list->head != NULL && (word = hs_waitlist_pop(list)) != NULL) {
        if (due->count == HS_WAKES) hs_wake(due);
        due->words[due->count++] = word;
        count++;
    }
    return count;
}

/* Dequeue all waiters.  (None can be enqueued meanwhile: the guard is held.) */
static inline void hs_dequeue_all_locked(hs_waitlist *list, hs_wakes *due) {
    hs_dequeue_some_locked(list, PY_SSIZE_T_MAX, due);
}

/* ---- parking of both kinds ---- */

/* Put a waiter for *target*, which may be NULL, at the end of the list.  The guard is held. */
static inline void hs_enqueue_locked(hs_waitlist *list, hs_waiter *me, const void *target) {
    hs_waitlist_append(list, me);
    me->target = target;
}

/* To be called after Python code has run: in a child of fork(), enqueue the waiter again.  Returns whether this is
 * such a child.  The guard is held. */
static inline int hs_enqueue_anew_locked(hs_waitlist *list, hs_waiter *me) {
    if (!hs_waiter_is_void(me)) return 0;
    if (me->word) { /* dequeued before the fork */
        me->linked = 0;
        me->forks = hs_forks;
    } else {
        hs_enqueue_locked(list, me, me->target);
    }
    return 1;
}

enum { HS_PARK_HANDLERS = 1,  /* run signal handlers; without it they run after the wait */
       HS_PARK_ONE_FORK = 2,  /* a fork in a handler ends the sleep of the child */
       HS_PARK_RAISED = -1, HS_PARK_EXPIRED = 0, HS_PARK_UNPARKED = 1, HS_PARK_FORKED = 2 };

/* Park, as hs_park_enqueued() does. */
static inline int hs_park_enqueued_as(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline,
                                      hs_wakes *due, int how) {
    int64_t period = 0;
    int status = HS_WOKEN, forked;
    for (;;) {
        if ((how & HS_PARK_HANDLERS) && PyErr_CheckSignals() < 0) {
            if (due != NULL) hs_wake(due);
            return HS_PARK_RAISED;
        }
        hs_mutex_lock(guard);
        forked = hs_enqueue_anew_locked(list, me) && (how & HS_PARK_ONE_FORK);
        if (me->word || status == HS_TIMEOUT || forked) break;
        me->parked = 1;
        hs_mutex_unlock(guard);
        Py_BEGIN_ALLOW_THREADS
        if (due != NULL) hs_wake(due);
        status = how & HS_PARK_HANDLERS ? hs_word_wait_alert(&me->word, deadline, &period)
                                        : hs_word_wait(&me->word, deadline);
        Py_END_ALLOW_THREADS
        hs_mutex_lock(guard);
        me->parked = 0;
        if (me->word || status == HS_TIMEOUT) break;
        hs_mutex_unlock(guard);
    }
    if (due != NULL && due->count) { /* it has not slept, so they are not woken yet */
        hs_mutex_unlock(guard);
        hs_wake(due);
        hs_mutex_lock(guard);
    }
    return me->word ? HS_PARK_UNPARKED : forked ? HS_PARK_FORKED : HS_PARK_EXPIRED;
}

/* Park until dequeued by another thread (1, and me->word is 1) or the deadline (0).  Called without the guard,
 * returns with it held.  When a signal handler raises (-1), the guard is not held.  The threads in *due*, which may
 * be NULL, are woken once the GIL is free. */
static inline int hs_park_enqueued(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline,
                                   hs_wakes *due) {
    return hs_park_enqueued_as(list, guard, me, deadline, due, HS_PARK_HANDLERS);
}

/* Leave the list.  Returns whether the waiter had been unparked.  Called and returns without the guard. */
static inline int hs_dequeue(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) {
    int woken;
    hs_mutex_lock(guard);
    hs_waitlist_remove(list, me);
    woken = me->word;
    if (woken) list->pending = 0;
    hs_mutex_unlock(guard);
    return woken;
}

/* ---- unparking waiters that re-check ---- */

/* Unpark the longest waiter.  Returns whether there was one.  Called with the guard held; releases it. */
static inline int hs_unpark_one(hs_waitlist *list, hs_mutex *guard) {
    int *word = hs_waitlist_pop(list);
    hs_mutex_unlock(guard);
    if (word != NULL) hs_word_wake(word);
    return word != NULL;
}

/* The same; `pending` is set if that thread is parked, so that it re-checks at once. */
static inline int hs_unpark_next(hs_waitlist *list, hs_mutex *guard) {
    int parked;
    hs_waitlist_sync(list);
    parked = list->head != NULL && list->head->parked;
    list->pending = parked;
    return hs_unpark_one(list, guard);
}

/* Unpark a thread, unless none waits or an unparked one has yet to re-check.  Called with the guard held; releases
 * it. */
static inline void hs_unpark_any(hs_waitlist *list, hs_mutex *guard) {
    if (list->head != NULL && (HS_FREE_THREADED || !list->pending || list->forks != hs_forks))
        hs_unpark_next(list, guard);
    else
        hs_mutex_unlock(guard);
}

/* Unpark a thread for each of *count* items; with a GIL only the first, which unparks the next.  Called with the
 * guard held; releases it. */
static inline void hs_unpark_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) {
    if (HS_FREE_THREADED && list->head != NULL) {
        hs_wakes due;
        due.count = 0;
        hs_dequeue_some_locked(list, count, &due);
        hs_mutex_unlock(guard);
        hs_wake(&due);
    } else if (count > 0) {
        hs_unpark_any(list, guard);
    } else {
        hs_mutex_unlock(guard);
    }
}

/* Unpark every thread of the list.  The guard is held, and kept. */
static inline void hs_unpark_all_locked(hs_waitlist *list) {
    hs_wakes due;
    due.count = 0;
    hs_dequeue_all_locked(list, &due);
    hs_wake(&due);
}

/* The same, but the guard is released, and the threads are woken after that, so that they need not wait for it. */
static inline void hs_unpark_all(hs_waitlist *list, hs_mutex *guard) {
    hs_wakes due;
    due.count = 0;
    hs_dequeue_all_locked(list, &due);
    hs_mutex_unlock(guard);
    hs_wake(&due);
}

/* ---- parking of waiters that re-check ---- */

/* Park until unparked or the deadline; the caller re-checks in any case.  Called with the guard held; releases it.
 * The threads in *due*, which may be NULL, are woken once the GIL is free.  Returns 0, or -1 with the exception of
 * a signal handler; if this thread had been unparked, the next waiter is unparked then. */
static inline int hs_park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) {
    const int how = HS_PARK_HANDLERS | HS_PARK_ONE_FORK;
    hs_waiter me;
    hs_enqueue_locked(list, &me, NULL);
    hs_mutex_unlock(guard);
    if (hs_park_enqueued_as(list, guard, &me, deadline, due, how) == HS_PARK_RAISED) {
        if (hs_dequeue(list, guard, &me)) {
            hs_mutex_lock(guard);
            hs_unpark_next(list, guard);
        }
        return -1;
    }
    hs_waitlist_remove(list, &me);
    if (me.word) list->pending = 0;
    hs_mutex_unlock(guard);
    return 0;
}

/* The same without running signal handlers: they run at the interpreter's next check. */
static inline void hs_park_uninterruptible(hs_waitlist *list, hs_mutex *guard, int64_t deadline) {
    hs_waiter me;
    hs_enqueue_locked(list, &me, NULL);
    hs_mutex_unlock(guard);
    hs_park_enqueued_as(list, guard, &me, deadline, NULL, 0);
    hs_waitlist_remove(list, &me);
    if (me.word) list->pending = 0;
    hs_mutex_unlock(guard);
}

#endif
