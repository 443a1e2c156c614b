/* _lock.h: a lock in a slot.  The word is 0, or names the process that holds it (see _process.h).
 *
 * One compare-and-swap takes the lock and names the holder, one exchange releases it: at no moment is it held anonymously.
 * So a killed holder is always recognised, and a waiter takes the lock over at its next check.
 *
 * HS_WAITED: a waiter may be asleep on the low half.  A waiter that has slept sets it when it takes the lock, since it
 * cannot know whether there are others.
 *
 * *thread* and *depth* belong to the holder: it writes them, and whoever releases the lock sets *thread* to 0; other
 * threads of its process read them only to see that they are not the holder.
 */
#ifndef HASTEN_LOCK_H
#define HASTEN_LOCK_H

#include "../_arena/_words.h"
#include "_spin.h"

#define HS_CHECK_HOLDER_EVERY 10000000  /* ns; limits the check for callers that poll with acquire(False) */

typedef struct {
    uint64_t word;
    uint64_t thread;
    uint32_t depth;
    hs_spin spin;
} hs_lock;

_Static_assert(sizeof(hs_lock) <= 64, "it has to be in a slot");

enum { HS_LATE = 0, HS_TAKEN = 1, HS_INHERITED = 2 };

/* A number that is unique among the running threads of the process: the thread pointer, which is in a register.
 * PyThread_get_thread_ident() gives the same by two calls. */
static inline uint64_t hs_thread_pointer(void) {
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
           __atomic_load_n(&lock->thread, __ATOMIC_RELAXED) == hs_thread_pointer();
}

static inline void hs_lock_claim(hs_lock *lock) {
    __atomic_store_n(&lock->thread, hs_thread_pointer(), __ATOMIC_RELAXED);
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

/* For a waiter that was woken and leaves without the lock: wake another one. */
static inline void hs_lock_pass_on(hs_head *head, hs_lock *lock) {
    if (hs_word_load(&lock->word) == 0) hs_word_wake(head, hs_word_low(&lock->word), 1);
}

/* Spin until another process releases the lock, and take it; whether it was taken.  Only for a lock that follows a condition
 * wait that has spun (_condition.h).  For other contended locks spinning does not pay: the holder usually takes the lock again
 * before another CPU has seen it free. */
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

/* Wait for the lock.  HS_TAKEN; HS_INHERITED (from a dead holder); HS_LATE; -1 if a signal handler has raised. */
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
        if (!spun && naps.length == 0 && hs_holder(word) != me) {  /* a waiter that has slept has to set HS_WAITED */
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

/* Release the lock, whoever holds it.  0 if it is not held. */
static inline int hs_lock_give(hs_head *head, hs_lock *lock) {
    uint64_t word;
    /* First: without a GIL another thread could take the word next, and be seen with this thread's number. */
    __atomic_store_n(&lock->thread, 0, __ATOMIC_RELAXED);
    word = hs_word_swap(&lock->word, 0);
    if (word & HS_WAITED) hs_word_wake(head, hs_word_low(&lock->word), 1);
    return word != 0;
}

#endif
