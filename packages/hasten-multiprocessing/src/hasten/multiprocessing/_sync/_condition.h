/* _condition.h: a condition in a slot.
 *
 * *state* counts the waiters that were not notified (high half) and the notifications that were not consumed yet (low
 * half, the futex).  notify() moves a number from the high to the low half in one instruction.  So it counts waiters
 * correctly whether they are asleep, awake, late or killed.
 *
 * Invariant: a notification is for those who waited when it was made, not for later, faster waiters.  Waits and
 * notifications carry a *round*: notify() ends a round, and a waiter consumes a notification only if its round has ended.
 * While unconsumed notifications and later waiters exist, notify() first waits for the former to be consumed (that
 * needs no lock).  If a killed waiter has left one, this takes HS_GRACE at most, once; then waiters of either round may
 * consume it.  Notifications older than HS_STALE are dropped, and waiters of that time return as if notified.
 *
 * Registration and notification are done by the holder of the condition's lock; only fairness relies on that.
 */
#ifndef HASTEN_CONDITION_H
#define HASTEN_CONDITION_H

#include "../_arena/_words.h"
#include "_lock.h"

#define HS_GRACE 20000000    /* ns */
#define HS_STALE 2000000000

typedef struct {
    uint64_t state;
    uint32_t round;    /* waits that begin now belong to round + 1 */
    uint32_t ended;    /* the last round that was notified; rounds begin with 1 */
    uint32_t newest;   /* the round of the latest wait */
    uint32_t dropped;  /* the last round whose notifications were dropped */
    int64_t notified;  /* time of the last notify(), ns */
    uint32_t asleep;   /* sleepers, including those killed asleep; 0: no wake-up system call is needed */
    uint32_t stuck;    /* notifications that were still not consumed after HS_GRACE */
    hs_spin spin;
} hs_condition;

_Static_assert(sizeof(hs_condition) <= 64, "it has to be in a slot");

#define hs_counts(sleepers, notes) ((uint64_t)(sleepers) << 32 | (uint32_t)(notes))
#define hs_sleepers(state) ((uint32_t)((state) >> 32))
#define hs_notes(state) ((uint32_t)(state))
#define hs_round_has_ended(now, round) ((int32_t)((now) - (round)) >= 0)

static inline uint32_t hs_condition_enter(hs_condition *c) {
    uint32_t round = hs_word_load(&c->round) + 1;
    hs_word_store(&c->newest, round);
    __atomic_add_fetch(&c->state, hs_counts(1, 0), __ATOMIC_SEQ_CST);
    return round;
}

/* Consume a notification for a wait of that round; whether there was one. */
static inline int hs_condition_take(hs_condition *c, uint32_t round) {
    uint64_t state = hs_word_load(&c->state);
    if (!hs_round_has_ended(hs_word_load(&c->ended), round)) return 0;
    while (hs_notes(state))
        if (hs_word_cas(&c->state, &state, state - 1)) return 1;
    return 0;
}

/* Deregister a waiter.  If all waiters were notified, it consumes its notification. */
static inline void hs_condition_leave(hs_condition *c) {
    uint64_t state = hs_word_load(&c->state), less;
    do {
        if (state == 0) return;
        less = hs_sleepers(state) ? state - hs_counts(1, 0) : state - 1;
    } while (!hs_word_cas(&c->state, &state, less));
}

/* Spin until the number of notifications is not *notes*, and then until the lock is free, which the caller takes next.
 * Whether the number has changed.  Stops while a thread of this process holds the lock. */
static inline int hs_condition_spin(hs_condition *c, hs_lock *lock, uint64_t me, uint32_t notes, int64_t deadline) {
    int64_t until = hs_spin_begin(&c->spin, deadline);
    uint64_t holder = 0;
    int met = 0;
    if (until == 0) return 0;
    if (lock != NULL) hs_spin_share(&lock->spin, &c->spin);
    Py_BEGIN_ALLOW_THREADS
    do {
        for (int i = 0; i < 4; i++) hs_spin_pause();
        met = met || hs_notes(hs_word_load(&c->state)) != notes;
        if (lock != NULL) holder = hs_holder(hs_word_load(&lock->word));
    } while (!(met && holder == 0) && holder != me && hs_now() < until);
    Py_END_ALLOW_THREADS
    hs_spin_end(&c->spin, met);
    return met;
}

/* 1 if notified, 0 if the deadline has passed, -1 with what a signal handler has raised.
 *
 * lock: the one that the caller takes afterwards, or NULL; me: this process. */
static inline int hs_condition_sleep(hs_head *head, hs_condition *c, hs_lock *lock, uint64_t me, uint32_t round,
                                     int64_t deadline) {
    hs_naps naps = {0, 0, &c->asleep};
    int spun = 0;
    for (;;) {
        uint64_t state = hs_word_load(&c->state);
        int64_t start = 0;
        int late;
        if (hs_condition_take(c, round)) return 1;
        if (hs_word_load(&c->dropped) != 0 && hs_round_has_ended(hs_word_load(&c->dropped), round)) {
            hs_condition_leave(c);
            return 1;
        }
        if (hs_notes(state) && hs_round_has_ended(hs_word_load(&c->ended), round)) continue;
        if (!spun && deadline != 0) {
            spun = 1;
            if (hs_condition_spin(c, lock, me, hs_notes(state), deadline)) continue;
        }
        if (naps.length == 0) start = hs_now();
        if (hs_notes(state) && naps.length && !naps.overslept)
            hs_word_wake(head, hs_word_low(&c->state), 1);  /* this wake-up was for another waiter */
        late = hs_nap(head, hs_word_low(&c->state), hs_notes(state), deadline, &naps);
        if (start != 0 && !naps.overslept) hs_spin_slept(&c->spin, hs_now() - start);
        if (late) {
            if (late > 0 && hs_condition_take(c, round)) return 1;
            hs_condition_leave(c);
            return late < 0 ? -1 : 0;
        }
    }
}

/* Wake notified waiters.  One that is not asleep yet sees the notification, or its futex wait fails. */
static inline void hs_condition_wake(hs_head *head, hs_condition *c, int most) {
    if (hs_word_load(&c->asleep) != 0) hs_word_wake(head, hs_word_low(&c->state), most);
}

/* Wait until earlier notifications are consumed, up to HS_GRACE; drop stale ones.  Needs an attached thread state. */
static inline void hs_condition_settle(hs_head *head, hs_condition *c) {
    int64_t until = hs_now() + HS_GRACE;
    uint64_t state = hs_word_load(&c->state);
    uint32_t notes;
    if (hs_now() - c->notified > HS_STALE) {
        c->stuck = 0;
        hs_word_store(&c->dropped, c->ended);
        while (!hs_word_cas(&c->state, &state, hs_counts(hs_sleepers(state), 0))) {}
        hs_word_wake(head, hs_word_low(&c->state), HS_WAKE_ALL);
        return;
    }
    if (hs_notes(state) <= c->stuck) return;
    hs_word_wake(head, hs_word_low(&c->state), HS_WAKE_ALL);  /* the wake-up may have been deferred: see _condition.pyx */
    Py_BEGIN_ALLOW_THREADS
    struct timespec pause = {0, 50000};
    while ((notes = hs_notes(hs_word_load(&c->state))) > c->stuck && hs_now() < until) nanosleep(&pause, NULL);
    Py_END_ALLOW_THREADS
    c->stuck = notes;
}

/* Notify up to *most* waiters; how many.  The caller has to wake them: hs_condition_wake(). */
static inline uint32_t hs_condition_notify(hs_head *head, hs_condition *c, uint64_t most) {
    uint64_t state = hs_word_load(&c->state), now;
    uint32_t count;
    if (hs_sleepers(state) == 0 || most == 0) return 0;
    if (c->stuck > hs_notes(state)) c->stuck = hs_notes(state);
    if (hs_notes(state) && !hs_round_has_ended(c->ended, c->newest)) {
        hs_condition_settle(head, c);
        state = hs_word_load(&c->state);
    }
    c->notified = hs_now();
    hs_word_store(&c->round, c->round + 1);
    hs_word_store(&c->ended, c->round);
    do {
        count = hs_sleepers(state) < most ? hs_sleepers(state) : (uint32_t)most;
        now = hs_counts(hs_sleepers(state) - count, hs_notes(state) + count);
    } while (!hs_word_cas(&c->state, &state, now));
    return count;
}

#endif
