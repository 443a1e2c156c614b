/* _transit.h: threads that are on their way into the interpreter, or out of it.
 *
 * Such a thread uses the interpreter's memory without the GIL: it makes or takes over its thread state, or frees it.
 * The interpreter must not end meanwhile, nor fork: the child would have a thread state that is half in the list, or
 * a lock of the allocator (tracemalloc has one) that nobody releases.  So they are counted:
 *
 *   starting   with a GIL from pthread_create() until the thread has had the GIL for the first time; without one
 *              until it has made its thread state
 *   ending     from before it counts as done until its thread state is freed
 *
 * Who waits, waits for those who were on their way at that time; threads that start threads would have no end.  So there
 * are two counts for each way, and each wait begins a new one.  Nobody waits with the GIL, or attached, for code that
 * may want it.  An ending thread calls a hook of the program at most (a weak reference to its lock, up to 3.12), so the wait
 * for it is limited: to be stopped for good is worse than what the wait prevents.
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
    pthread_cond_t changed;   /* a count has become 0, or a thread has been born */
    struct {
        int count[2];
        int turn;             /* which of the counts takes those who come now */
    } way[2];
} hs_transit;

#define HS_PATIENCE 5  /* seconds */

static inline void hs_transit_init(void) {
    memset(&hs_transit, 0, sizeof(hs_transit));
    pthread_mutex_init(&hs_transit.mutex, NULL);
    pthread_cond_init(&hs_transit.changed, NULL);
}

/* Returns what hs_transit_out() wants to know. */
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

/* The mutex is held.  Whether the count is 0, before the time is over. */
static inline int hs_transit_drained(const int *count, const struct timespec *until) {
    while (*count > 0)
        if (pthread_cond_timedwait(&hs_transit.changed, &hs_transit.mutex, until) == ETIMEDOUT) break;
    return *count == 0;
}

/* Wait until those who are on that way now are through, for so many seconds at most.  The GIL is left as it is. */
static inline void hs_transit_wait(int way, int seconds) {
    struct timespec until;
    int *count = hs_transit.way[way].count, *turn = &hs_transit.way[way].turn;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&hs_transit.mutex);
    if (hs_transit_drained(&count[!*turn], &until)) { /* else the count has two waits' threads, which does no harm */
        *turn = !*turn;
        hs_transit_drained(&count[!*turn], &until);
    }
    pthread_mutex_unlock(&hs_transit.mutex);
}

/* hs_transit_wait(), detached.  Returns whether there was somebody to wait for. */
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

/* With a GIL: settle until nobody is on the way out, or the time is over.  Nobody sets out while the caller holds the
 * GIL; but it gets the GIL back from a thread that ends, as often as not, and that thread is not through then. */
static inline void hs_transit_drain_ending(int seconds) {
    time_t until = time(NULL) + seconds;
    while (hs_transit_settle(HS_ENDING, seconds) && time(NULL) < until) {}
}

#endif
