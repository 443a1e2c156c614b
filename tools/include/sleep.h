/* sleep.h: how a Python thread parks in a list until another unparks it, signals and forks included.
 *
 * The words and the rules are in packages/hasten/docs/waiting.md.  In short: a thread looks under the guard
 * of the list and, having found nothing, enqueues itself before it unlocks the guard, so no change falls
 * between.
 *
 * hs_park_enqueued() is for waiters that are chosen: who dequeues a thread has decided for it.  hs_park()
 * is for waiters that all look again: an unpark is a hint and no promise.  Both park in the same way:
 *
 * - The thread stays enqueued while signal handlers run, so that what happens meanwhile is not lost on it.
 * - It is `parked` only while it has nothing else to do than to wake up.  Signal handlers, and the
 *   collector that PyErr_CheckSignals() runs since 3.12, may take long: an unpark that meets a thread there
 *   is not under way.
 * - It looks at the signals as the last thing before the GIL is free, and see hs_word_wait_alert().
 * - A handler may fork.  In the child this thread is the only one, and is enqueued anew.
 * - When a handler raises, the thread is dequeued; its word tells whether it had been unparked before.
 *
 * Unparking is in two steps, so that the second can wait until the GIL is free: under the guard a waiter is
 * dequeued, its word is set, and the address of the word is kept (hs_wakes); later its thread is woken.
 *
 * hs_unpark_any() keeps this rule for those who look again: if there is something to be had and somebody is
 * in the list, then somebody is awake who has yet to look.  With a GIL one such wake is under way at a time
 * (`pending`), because more threads would only queue up for the GIL; a thread that got what it wanted after
 * it was parked unparks the next one if there is more.  A wake too many does no harm, so the other
 * functions do not ask.
 *
 * Functions say what they do with the guard.  Those that end without it wake after it was unlocked.
 * Parking and unparking of one list belong into one module (see park.h), which calls hs_park_init().  An
 * attached thread state is needed throughout.
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
    for (int i = 0; i < due->count; i++) hs_word_wake(due->words[i]);
    due->count = 0;
}

/* Dequeue up to *most*, who waits longest first, and keep them in *due*; how many.  The guard is held. */
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

/* The same with all of them.  (None can come back meanwhile: the guard is held.) */
static inline void hs_dequeue_all_locked(hs_waitlist *list, hs_wakes *due) {
    hs_dequeue_some_locked(list, PY_SSIZE_T_MAX, due);
}

/* ---- parking of both kinds ---- */

/* Put a waiter for *target*, which may be NULL, at the end of the list.  The guard is held. */
static inline void hs_enqueue_locked(hs_waitlist *list, hs_waiter *me, const void *target) {
    hs_waitlist_append(list, me);
    me->target = target;
}

/* What is to be done after Python code has run: a child of fork() has to be enqueued anew.  The guard is held;
 * whether it was a child. */
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

enum { HS_PARK_HANDLERS = 1,  /* run signal handlers: without it they have to wait */
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
    if (due != NULL && due->count) { /* it did not sleep */
        hs_mutex_unlock(guard);
        hs_wake(due);
        hs_mutex_lock(guard);
    }
    return me->word ? HS_PARK_UNPARKED : forked ? HS_PARK_FORKED : HS_PARK_EXPIRED;
}

/* Park until dequeued by another thread (1) or the deadline (0); me->word tells it too.  The guard is not held
 * before, but afterwards, and the waiter is as it was left by who dequeued it.  When a signal handler
 * raises (-1), the guard is not held.  Those in *due*, which may be NULL, are woken when the GIL is free. */
static inline int hs_park_enqueued(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline,
                                   hs_wakes *due) {
    return hs_park_enqueued_as(list, guard, me, deadline, due, HS_PARK_HANDLERS);
}

/* Leave the list, whether unparked (1) or not.  The guard is not held, before and after. */
static inline int hs_dequeue(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) {
    int woken;
    hs_mutex_lock(guard);
    hs_waitlist_remove(list, me);
    woken = me->word;
    if (woken) list->pending = 0;
    hs_mutex_unlock(guard);
    return woken;
}

/* ---- unparking those who look again ---- */

/* Unpark the thread that waits longest; whether there was one.  The guard is held before, and not held after. */
static inline int hs_unpark_one(hs_waitlist *list, hs_mutex *guard) {
    int *word = hs_waitlist_pop(list);
    hs_mutex_unlock(guard);
    if (word != NULL) hs_word_wake(word);
    return word != NULL;
}

/* The same, and note that it has yet to look, if it has nothing else to do first. */
static inline int hs_unpark_next(hs_waitlist *list, hs_mutex *guard) {
    int parked;
    hs_waitlist_sync(list);
    parked = list->head != NULL && list->head->parked;
    list->pending = parked;
    return hs_unpark_one(list, guard);
}

/* Unpark a thread, unless nobody waits or one that was unparked has yet to look.  The guard is held before, and not held
 * after. */
static inline void hs_unpark_any(hs_waitlist *list, hs_mutex *guard) {
    if (list->head != NULL && (HS_FREE_THREADED || !list->pending || list->forks != hs_forks))
        hs_unpark_next(list, guard);
    else
        hs_mutex_unlock(guard);
}

/* Unpark as many threads as there is something for; with a GIL the first, who unparks the next.  The guard is held
 * before, and not held after. */
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

/* The same.  The guard is held before, and not held after: the threads are woken when they can have it. */
static inline void hs_unpark_all(hs_waitlist *list, hs_mutex *guard) {
    hs_wakes due;
    due.count = 0;
    hs_dequeue_all_locked(list, &due);
    hs_mutex_unlock(guard);
    hs_wake(&due);
}

/* ---- parking of those who look again ---- */

/* Park until unparked or the deadline; the caller looks again in any case.  The guard is held before, and not held
 * after.  Those in *due*, which may be NULL, are woken when the GIL is free.  Returns 0, or -1 with what a
 * signal handler has raised; the thread's unpark, if it had one, is passed on then. */
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

/* The same for a wait that no signal handler may interrupt: they run when the interpreter looks next. */
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
