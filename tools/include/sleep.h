/* sleep.h: sleeping until something has changed, for owners whose sleepers all look again when woken.
 *
 * hs_sleep() is called with the guard held, after a look that found nothing; whoever changes something does
 * so under the guard.  So no change falls between the look and the sleep.
 *
 * Waking is in two steps, so that it can wait until the GIL is free: hs_collect() marks the sleepers of a
 * list, under its guard, and keeps the addresses of their words; hs_wake() wakes them.  Marked sleepers that
 * are awake for another reason leave at once; what is left of them is an address (see park.h).
 *
 * Needs Python.h before it.  Parking and waking of one list belong into one module (see park.h).
 */
#ifndef HASTEN_SLEEP_H
#define HASTEN_SLEEP_H

#include "compat.h"
#include "park.h"

#define HS_WAKES 16

typedef struct {
    int *words[HS_WAKES];
    int count;
} hs_wakes;

/* Wake those who were collected. */
static inline void hs_wake(hs_wakes *due) {
    for (int i = 0; i < due->count; i++) hs_unpark(due->words[i]);
    due->count = 0;
}

/* Mark all who sleep in the list as woken, and keep them in *due*.  The guard is held. */
static inline void hs_collect(hs_waitlist *list, hs_wakes *due) {
    int *word;
    while (list->head != NULL && (word = hs_waitlist_pop(list)) != NULL) {
        if (due->count == HS_WAKES) hs_wake(due);
        due->words[due->count++] = word;
    }
}

static inline void hs_leave(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) {
    hs_mutex_lock(guard);
    hs_waitlist_remove(list, me);
    hs_mutex_unlock(guard);
}

/* Sleep until woken, the deadline, or a signal; the caller looks again in any case.
 * The guard is held at the start and free at the end.  Those in *due*, which may be NULL, are woken when the
 * GIL is free.  Returns 0, or -1 with what a signal handler has raised. */
static inline int hs_sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) {
    hs_waiter me;
    int status;
    hs_waitlist_append(list, &me);
    hs_mutex_unlock(guard);
    if (PyErr_CheckSignals() < 0) { /* a signal that came before must not be slept over */
        hs_leave(list, guard, &me);
        if (due != NULL) hs_wake(due);
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    if (due != NULL) hs_wake(due);
    status = hs_park(&me.word, deadline);
    Py_END_ALLOW_THREADS
    hs_leave(list, guard, &me);
    return status == HS_INTERRUPTED ? PyErr_CheckSignals() : 0;
}

#endif
