/* _spin.h: looking again and again for some microseconds, before a sleep that would take longer than that.
 *
 * It is worth it only if the process that is waited for runs at that moment, on another CPU.  So each object keeps on which
 * CPUs those who wait were seen (a bit for each, modulo 64): nobody spins as long as that is his own.  Where spinning
 * has met nothing, the others are forgotten until they show up again.
 *
 * How long is learned: nothing at first, more when a sleep was so short that spinning would have done, twice as long
 * after what it has met and half as long after what it has not.  One at a time spins on an object; if he is killed, his
 * time passes.
 */
#ifndef HASTEN_SPIN_H
#define HASTEN_SPIN_H

#include <sched.h>

#include "clock.h"

#define HS_SPIN_LEAST 1000  /* ns */
#define HS_SPIN_MOST 50000

typedef struct {
    int64_t until;   /* somebody spins until then */
    uint64_t seen;   /* the CPUs */
    int32_t budget;  /* ns */
} hs_spin;

static inline void hs_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static inline uint64_t hs_spin_here(void) {
#if defined(__linux__)
    return (uint64_t)1 << ((unsigned)sched_getcpu() % 64);
#else
    return 1;  /* which CPU is not known: nobody spins */
#endif
}

/* Until when to spin; 0: not at all. */
static inline int64_t hs_spin_begin(hs_spin *s, int64_t deadline) {
    uint64_t here = hs_spin_here(), seen = __atomic_load_n(&s->seen, __ATOMIC_RELAXED);
    int64_t now, until, other, budget = __atomic_load_n(&s->budget, __ATOMIC_RELAXED);
    if (!(seen & here)) __atomic_or_fetch(&s->seen, here, __ATOMIC_RELAXED);
    if (budget < HS_SPIN_LEAST || (seen & ~here) == 0) return 0;
    now = hs_now();
    until = now + budget < deadline ? now + budget : deadline;
    other = __atomic_load_n(&s->until, __ATOMIC_RELAXED);
    if (other > now || until <= now) return 0;
    return __atomic_compare_exchange_n(&s->until, &other, until, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? until : 0;
}

static inline void hs_spin_end(hs_spin *s, int met) {
    int32_t budget = __atomic_load_n(&s->budget, __ATOMIC_RELAXED);
    __atomic_store_n(&s->until, 0, __ATOMIC_RELAXED);
    if (!met) __atomic_store_n(&s->seen, 0, __ATOMIC_RELAXED);
    budget = !met ? budget / 2 : budget > HS_SPIN_MOST / 2 ? HS_SPIN_MOST : budget * 2;
    __atomic_store_n(&s->budget, budget, __ATOMIC_RELAXED);
}

/* Who spins on *other* is going to wait for *s*, and those for whom he waits, too. */
static inline void hs_spin_share(hs_spin *s, hs_spin *other) {
    uint64_t seen = __atomic_load_n(&other->seen, __ATOMIC_RELAXED);
    if (seen & ~__atomic_load_n(&s->seen, __ATOMIC_RELAXED)) __atomic_or_fetch(&s->seen, seen, __ATOMIC_RELAXED);
}

/* A sleep that was ended by others has taken so long. */
static inline void hs_spin_slept(hs_spin *s, int64_t ns) {
    int32_t budget = __atomic_load_n(&s->budget, __ATOMIC_RELAXED);
    if (ns < HS_SPIN_MOST && budget < HS_SPIN_MOST / 2)
        __atomic_store_n(&s->budget, budget * 2 + HS_SPIN_LEAST, __ATOMIC_RELAXED);
}

#endif
