/* _spin.h: polling for some microseconds before a sleep, where the expected wait is shorter than a sleep and a wake-up.
 *
 * Spinning pays only if the process waited for runs at that moment on another CPU.  So each object records on which CPUs
 * its waiters were seen (one bit each, modulo 64): a waiter does not spin while its own CPU is the only one.  After an
 * unsuccessful spin the record is cleared.
 *
 * The duration adapts: 0 at first, raised when a sleep was so short that spinning would have covered it, doubled after a
 * successful spin, halved after an unsuccessful one.  One process at a time spins on an object; *until* bounds the
 * claim of one that is killed.
 */
#ifndef HASTEN_SPIN_H
#define HASTEN_SPIN_H

#include <sched.h>

#include "clock.h"

#define HS_SPIN_LEAST 1000  /* ns */
#define HS_SPIN_MOST 50000

typedef struct {
    int64_t until;   /* end of the current spin, ns; one spins at a time */
    uint64_t seen;   /* CPUs on which waiters were seen */
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
    return 1;  /* CPU unknown: never spin */
#endif
}

/* When to stop spinning, ns; 0: do not spin. */
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

/* The waiters of *other* wait for *s* next: copy the CPUs they were seen on. */
static inline void hs_spin_share(hs_spin *s, hs_spin *other) {
    uint64_t seen = __atomic_load_n(&other->seen, __ATOMIC_RELAXED);
    if (seen & ~__atomic_load_n(&s->seen, __ATOMIC_RELAXED)) __atomic_or_fetch(&s->seen, seen, __ATOMIC_RELAXED);
}

/* Record how long a sleep took that ended with a wake-up. */
static inline void hs_spin_slept(hs_spin *s, int64_t ns) {
    int32_t budget = __atomic_load_n(&s->budget, __ATOMIC_RELAXED);
    if (ns < HS_SPIN_MOST && budget < HS_SPIN_MOST / 2)
        __atomic_store_n(&s->budget, budget * 2 + HS_SPIN_LEAST, __ATOMIC_RELAXED);
}

#endif
