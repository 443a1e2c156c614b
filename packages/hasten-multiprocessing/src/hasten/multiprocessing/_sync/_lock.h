/* _lock.h: a lock in a slot.  The word is 0, or names the process that holds it (see _process.h).
 *
 * One instruction takes the lock and says for whom, one gives it back: there is no moment at which it is held by nobody.
 * So a holder that was killed is always known, and who waits takes the lock over as soon as he looks.
 *
 * HS_WAITED says that somebody may sleep on the low half.  Who has slept sets it when he takes the lock: he does not know
 * whether he was the only one.
 *
 * Within the process *thread* and *depth* are the holder's; they are written and read by the one who holds the lock,
 * and by others only to see that it is not theirs.
 */
#ifndef HASTEN_LOCK_H
#define HASTEN_LOCK_H

#include "../_arena/_words.h"
#include "_spin.h"

#define HS_CHECK_HOLDER_EVERY 10000000  /* ns; for those who do not wait but ask again and again */

typedef struct {
    uint64_t word;
    uint64_t thread;
    uint32_t depth;
    hs_spin spin;
} hs_lock;

_Static_assert(sizeof(hs_lock) <= 64, "it has to be in a slot");

enum { HS_LATE = 0, HS_TAKEN = 1, HS_INHERITED = 2 };

/* What no other thread of the process has that runs now.  The address of the thread's own memory is that, and is in a
 * register, where PyThread_get_thread_ident() takes two calls to say the same. */
static inline uint64_t hs_thread_here(void) {
#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__) && defined(__GNUC__)
    uint64_t here;
    __asm__("mov %%fs:0, %0" : "=r"(here));
    return here;
#elif defined(__linux__) && defined(__aarch64__) && defined(__GNUC__)
    return (uint64_t)(uintptr_t)__builtin_thread_pointer();
#else
    return (uint64_t)PyThread_get_thread_ident();
#endif
}

#define hs_holder(word) ((word) & ~(uint64_t)HS_WAITED)

static inline int hs_lock_is_mine(hs_lock *lock, uint64_t me) {
    return hs_holder(__atomic_load_n(&lock->word, __ATOMIC_RELAXED)) == me &&
           __atomic_load_n(&lock->thread, __ATOMIC_RELAXED) == hs_thread_here();
}

static inline void hs_lock_claim(hs_lock *lock) {
    __atomic_store_n(&lock->thread, hs_thread_here(), __ATOMIC_RELAXED);
    lock->depth = 1;
}

static inline int hs_lock_try(hs_lock *lock, uint64_t me) {
    uint64_t nobody = 0;
    if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) != 0 || !hs_word_cas(&lock->word, &nobody, me)) return 0;
    hs_lock_claim(lock);
    return 1;
}

/* Take the lock from a holder that has ended. */
static inline int hs_lock_inherit(hs_lock *lock, uint64_t seen, uint64_t me) {
    if (seen == 0 || !hs_holder_is_dead(seen, me)) return 0;
    if (!hs_word_cas(&lock->word, &seen, me | HS_WAITED)) return 0;
    hs_lock_claim(lock);
    return 1;
}

/* Whoever was woken and does not take the lock wakes another in his place. */
static inline void hs_lock_pass_on(hs_head *head, hs_lock *lock) {
    if (hs_word_load(&lock->word) == 0) hs_word_wake(head, hs_word_low(&lock->word), 1);
}

/* Spin until another process gives the lock back, and take it; whether it was taken.  Only where waiting for a condition has
 * spun (see _condition.h), whose next step this is.  Otherwise whoever has a lock that many want is best left alone: he will
 * have taken it again before another CPU has seen it free. */
static inline int hs_lock_spin(hs_lock *lock, uint64_t me, int64_t deadline) {
    int64_t until;
    uint64_t word;
    int taken;
    if (__atomic_load_n(&lock->spin.seen, __ATOMIC_RELAXED) == 0) return 0;
    if ((until = hs_spin_begin(&lock->spin, deadline)) == 0) return 0;
    Py_BEGIN_ALLOW_THREADS
    do {
        for (int i = 0; i < 4; i++) hs_spin_pause();
        word = hs_word_load(&lock->word);
    } while (word != 0 && hs_holder(word) != me && hs_now() < until);
    Py_END_ALLOW_THREADS
    taken = hs_lock_try(lock, me);
    hs_spin_end(&lock->spin, taken);
    return taken;
}

/* Wait for the lock, which somebody else had a moment ago.  HS_TAKEN, HS_INHERITED, HS_LATE; -1 with what a signal handler has
 * raised. */
static inline int hs_lock_wait(hs_head *head, hs_lock *lock, hs_process *process, int64_t deadline) {
    hs_naps naps = {0, 0, NULL};
    int spun = 0;
    for (;;) {
        int64_t start = 0;
        uint64_t me = hs_process_id(process);  /* a signal handler may have forked */
        uint64_t word = hs_word_load(&lock->word), free = 0;
        int late;
        if (word == 0) {
            if (!hs_word_cas(&lock->word, &free, me | (naps.length ? HS_WAITED : 0))) continue;
            hs_lock_claim(lock);
            return HS_TAKEN;
        }
        if (!spun && naps.length == 0 && hs_holder(word) != me) {  /* who has slept has to set HS_WAITED */
            spun = 1;
            if (hs_lock_spin(lock, me, deadline)) return HS_TAKEN;
            continue;
        }
        if (naps.overslept && hs_lock_inherit(lock, word, me)) return HS_INHERITED;
        if (!(word & HS_WAITED)) {
            if (!hs_word_cas(&lock->word, &word, word | HS_WAITED)) continue;
            word |= HS_WAITED;
        }
        if (naps.length == 0) start = hs_now();
        late = hs_nap(head, hs_word_low(&lock->word), (uint32_t)word, deadline, &naps);
        if (start != 0 && !naps.overslept) hs_spin_slept(&lock->spin, hs_now() - start);
        if (late < 0) hs_lock_pass_on(head, lock);
        if (late) return late < 0 ? -1 : hs_lock_try(lock, me) ? HS_TAKEN : HS_LATE;
    }
}

/* Give the lock back, whoever holds it.  0 if nobody does. */
static inline int hs_lock_give(hs_head *head, hs_lock *lock) {
    uint64_t word;
    /* Or, without a GIL, the next holder's process would show the last thread between its two stores. */
    __atomic_store_n(&lock->thread, 0, __ATOMIC_RELAXED);
    word = hs_word_swap(&lock->word, 0);
    if (word & HS_WAITED) hs_word_wake(head, hs_word_low(&lock->word), 1);
    return word != 0;
}

#endif
