/* shm_sync.h: locks and sleeping in memory that processes share, where any of them may be killed at any time.
 *
 * A lock is a robust pthread mutex: the kernel releases it when its holder dies, and reports that to the next holder
 * (HS_LOCK_INHERITED).  It is held for a few instructions or one copy; no Python code runs meanwhile.
 *
 * Processes sleep on 32-bit words (futexes).  Beside each word is the number of sleepers.  The waker subtracts those it
 * has woken, so that a sleeper that is woken but has not run yet causes no further system call.  A killed sleeper stays
 * counted: that costs unneeded system calls, until HS_FRUITLESS in a row have woken nobody and the number is reset.  A
 * sleep lasts HS_SLICE at most; then the sleeper checks again.  So neither a wake-up that was given to a dying process
 * nor a number that is too low blocks anybody for longer.
 *
 * No Python API.
 */
#ifndef HASTEN_SHM_SYNC_H
#define HASTEN_SHM_SYNC_H

#ifndef _GNU_SOURCE
#  define _GNU_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

#define HS_SLICE 500000000       /* ns: the longest sleep */
#define HS_LOCK_SLICE 50000000   /* ns: the longest wait for a lock between two checks of signals */
#define HS_FRUITLESS 1000        /* consecutive wake-ups without a sleeper */

/* ---- locks ---- */

enum { HS_LOCK_BUSY, HS_LOCK_TAKEN, HS_LOCK_INHERITED };

static inline int hs_shared_lock_init(pthread_mutex_t *lock) {
    pthread_mutexattr_t how;
    int error = pthread_mutexattr_init(&how);
    if (error == 0) error = pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    if (error == 0) error = pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    if (error == 0) error = pthread_mutex_init(lock, &how);
    return error;
}

static inline int hs_shared_lock_result(pthread_mutex_t *lock, int error) {
    if (error == 0) return HS_LOCK_TAKEN;
    if (error != EOWNERDEAD) return HS_LOCK_BUSY;
    pthread_mutex_consistent(lock);
    return HS_LOCK_INHERITED;
}

static inline int hs_shared_trylock(pthread_mutex_t *lock) {
    return hs_shared_lock_result(lock, pthread_mutex_trylock(lock));
}

/* Wait for it, HS_LOCK_SLICE at most. */
static inline int hs_shared_lock(pthread_mutex_t *lock) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HS_LOCK_SLICE;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return hs_shared_lock_result(lock, pthread_mutex_timedlock(lock, &until));
}

/* ---- words ---- */

/* The low half of a 64-bit word, which changes with every step: a futex is 32 bits. */
static inline uint32_t *hs_low_half(uint64_t *word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint32_t *)word + 1;
#else
    return (uint32_t *)word;
#endif
}

/* Subtract up to *count* from the number of sleepers. */
static inline void hs_sleepers_less(uint32_t *sleepers, uint32_t count) {
    uint32_t now = __atomic_load_n(sleepers, __ATOMIC_RELAXED), less;
    do {
        less = now > count ? now - count : 0;
    } while (!__atomic_compare_exchange_n(sleepers, &now, less, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

enum { HS_SLEEP_WOKEN, HS_SLEEP_CHANGED, HS_SLEEP_TIMEOUT, HS_SLEEP_SIGNAL };

/* Sleep while *word is *seen*, until woken, until *until* (CLOCK_MONOTONIC, ns), or for a signal.  The caller checks again. */
static inline int hs_shared_sleep(uint32_t *word, uint32_t seen, uint32_t *sleepers, int64_t until) {
    struct timespec left = hs_timespec(until - hs_now());
    if (left.tv_sec < 0 || left.tv_nsec < 0) return HS_SLEEP_TIMEOUT;
    __atomic_add_fetch(sleepers, 1, __ATOMIC_SEQ_CST);
    if (syscall(SYS_futex, word, FUTEX_WAIT, seen, &left, NULL, 0) == 0) return HS_SLEEP_WOKEN;
    int error = errno;
    hs_sleepers_less(sleepers, 1);
    return error == ETIMEDOUT ? HS_SLEEP_TIMEOUT : error == EINTR ? HS_SLEEP_SIGNAL : HS_SLEEP_CHANGED;
}

/* Wake up to *count* sleepers of the word, after a sequentially consistent store to it. */
static inline void hs_shared_wake(uint32_t *word, uint32_t *sleepers, uint32_t *fruitless, int count) {
    if (__atomic_load_n(sleepers, __ATOMIC_SEQ_CST) == 0) return; /* after the store of the word */
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    if (woken > 0) {
        hs_sleepers_less(sleepers, (uint32_t)woken);
        __atomic_store_n(fruitless, 0, __ATOMIC_RELAXED);
    } else if (__atomic_add_fetch(fruitless, 1, __ATOMIC_RELAXED) >= HS_FRUITLESS) {
        __atomic_store_n(fruitless, 0, __ATOMIC_RELAXED);
        __atomic_store_n(sleepers, 0, __ATOMIC_RELAXED);
    }
}

/* ---- spinning ----
 *
 * The time to spin before a sleep, in ns, adapts: doubled after a successful spin, halved after an unsuccessful one, and
 * raised again when a sleep was so short that spinning would have covered it.
 */
#define HS_SPIN_FIRST 20000
#define HS_SPIN_MOST 50000

static inline void hs_spin_met(int32_t *budget, int met) {
    int32_t now = __atomic_load_n(budget, __ATOMIC_RELAXED);
    now = !met ? now / 2 : now > HS_SPIN_MOST / 2 ? HS_SPIN_MOST : now * 2;
    __atomic_store_n(budget, now, __ATOMIC_RELAXED);
}

static inline void hs_spin_slept(int32_t *budget, int64_t ns) {
    int32_t now = __atomic_load_n(budget, __ATOMIC_RELAXED);
    if (ns < HS_SPIN_MOST && now <= HS_SPIN_FIRST) __atomic_store_n(budget, now * 2 + 1000, __ATOMIC_RELAXED);
}

static inline void hs_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
