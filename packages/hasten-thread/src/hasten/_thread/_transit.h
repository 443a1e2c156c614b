/* _transit.h: threads that are entering the interpreter, or leaving it.
 *
 * Invariant: the interpreter neither ends nor forks while a thread is in transit.  Such a thread uses the
 * interpreter's memory without the GIL: it makes, adopts or frees its thread state.  A forked child would
 * have a thread state that is half in the list, or a lock of the allocator (tracemalloc has one) that is
 * never released.  So they are counted:
 *
 *   starting   from pthread_create() until the thread has had the GIL for the first time; without a GIL until
 *              it has made its thread state
 *   ending     from before it is marked done until its thread state is freed
 *
 * A wait is for the threads in transit when it begins, as a program may start threads for ever: each way
 * has two counts, and each wait switches to the other.  No thread waits with the GIL held, or attached, for
 * code that may need it.  An ending thread may run Python code (the callback of a weak reference to its lock,
 * up to 3.12), so the wait for it is limited: to hang for ever is worse than what the wait prevents.
 */
#ifndef HASTEN_TRANSIT_H
#define HASTEN_TRANSIT_H

#include <Python.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <time.h>

enum { HS_STARTING, HS_ENDING };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;   /* a count has become 0, or `born` of a thread was set */
    struct {
        int count[2];
        int turn;             /* the count for threads that come now */
    } way[2];
} hs_transit;

#define HS_PATIENCE 5  /* seconds */

static inline void hs_transit_init(void) {
    memset(&hs_transit, 0, sizeof(hs_transit));
    pthread_mutex_init(&hs_transit.mutex, NULL);
    pthread_cond_init(&hs_transit.changed, NULL);
}

/* Returns the `turn` argument of hs_transit_out(). */
static inline int hs_transit_in(int way) {
    int turn;
    pthread_mutex_lock(&hs_transit.mutex);
    turn = hs_transit.way[way].turn;
    hs_transit.way[way].count[turn]++;
    pthread_mutex_unlock(&hs_transit.mutex);
    return turn;
}

/* The mutex is held. */
static inline void hs_transit_less(int way, int turn) {
    if (--hs_transit.way[way].count[turn] == 0) pthread_cond_broadcast(&hs_transit.changed);
}

static inline void hs_transit_out(int way, int turn) {
    pthread_mutex_lock(&hs_transit.mutex);
    hs_transit_less(way, turn);
    pthread_mutex_unlock(&hs_transit.mutex);
}

/* Wait until the count is 0; returns whether it is.  The mutex is held. */
static inline int hs_transit_drained(const int *count, const struct timespec *until) {
    while (*count > 0)
        if (pthread_cond_timedwait(&hs_transit.changed, &hs_transit.mutex, until) == ETIMEDOUT) break;
    return *count == 0;
}

/* Wait until the threads now in transit that way are through, *seconds* at most.  Does not release the GIL. */
static inline void hs_transit_wait(int way, int seconds) {
    struct timespec until;
    int *count = hs_transit.way[way].count, *turn = &hs_transit.way[way].turn;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&hs_transit.mutex);
    if (hs_transit_drained(&count[!*turn], &until)) { /* else the time is over */
        *turn = !*turn;
        hs_transit_drained(&count[!*turn], &until);
    }
    pthread_mutex_unlock(&hs_transit.mutex);
}

/* hs_transit_wait(), detached.  Returns whether there was a thread to wait for. */
static inline int hs_transit_settle(int way, int seconds) {
    int busy;
    pthread_mutex_lock(&hs_transit.mutex);
    busy = hs_transit.way[way].count[0] + hs_transit.way[way].count[1];
    pthread_mutex_unlock(&hs_transit.mutex);
    if (!busy) return 0;
    Py_BEGIN_ALLOW_THREADS
    hs_transit_wait(way, seconds);
    Py_END_ALLOW_THREADS
    return 1;
}

/* With a GIL: settle until no thread is ending, or the time is over.  No thread begins to end while the caller
 * holds the GIL, but often the caller gets the GIL back from a thread that is just ending. */
static inline void hs_transit_drain_ending(int seconds) {
    time_t until = time(NULL) + seconds;
    while (hs_transit_settle(HS_ENDING, seconds) && time(NULL) < until) {}
}

#endif
