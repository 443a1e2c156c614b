/* park.h: one thread on one word, and lists of waiters.  packages/hasten/docs/waiting.md defines the terms.
 *
 * hs_word_wait() sleeps while *word == 0; hs_word_wake() is called after *word was set to 1.  On Linux that
 * is a futex.  Elsewhere (or with HASTEN_PORTABLE=1 in the environment) a small table of condition
 * variables, hashed by the word's address, does the same; a waiter then wakes every 20 ms to check for signals,
 * because pthread_cond_wait does not return when one arrives.
 *
 * A waiter lies on the waiting thread's C stack and is linked into the list of the object it waits for.  The
 * waking thread unlinks it, sets its word and then uses nothing but the word's *address*.  The woken thread takes
 * the list's hs_mutex once more before it returns: from then on no other thread uses the node.  A late wake for
 * an address that is not a word any more has no effect, or is a spurious wake-up of another waiter.
 *
 * After fork() the nodes of the other threads lie on stacks that no longer exist.  Each list and each node
 * carries the fork count it was used under; hs_waitlist_sync() empties a list of an older count, and a node of
 * an older count is in no list, whatever its pointers say.  While an interpreter is finalised, threads end
 * inside their sleep and leave their nodes behind; only the finalising thread runs on, so it empties every list
 * it uses instead of following pointers into dead stacks.
 */
#ifndef HASTEN_PARK_H
#define HASTEN_PARK_H

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#ifdef Py_PYTHON_H
#  include "compat.h"
#  define hs_lists_void() hs_finalizing()
#else
#  define hs_lists_void() 0
#endif

#if defined(__linux__)
#  include <linux/futex.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#endif

enum { HS_WOKEN = 0, HS_TIMEOUT = 1, HS_INTERRUPTED = 2 };

/* ---- process-wide state of this copy: read-only after hs_park_init(), but for the portable table ---- */

#define HS_BUCKETS 64
typedef struct { pthread_mutex_t mutex; pthread_cond_t changed; } hs_bucket;

static hs_bucket hs_buckets[HS_BUCKETS];
static int hs_portable;
static unsigned int hs_forks;

static inline void hs_buckets_init(void) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
#if defined(__linux__)
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    for (int i = 0; i < HS_BUCKETS; i++) {
        pthread_mutex_init(&hs_buckets[i].mutex, NULL);
        pthread_cond_init(&hs_buckets[i].changed, &attr);
    }
    pthread_condattr_destroy(&attr);
}

static void hs_park_after_fork(void) {
    hs_forks++;
    if (hs_portable) hs_buckets_init();  /* a thread of the parent may have held one of the mutexes */
}

/* Once per module that parks, at import.  Returns 0, or the errno of pthread_atfork(). */
static inline int hs_park_init(void) {
    const char *forced = getenv("HASTEN_PORTABLE");
    hs_portable = forced != NULL && strcmp(forced, "1") == 0;
#if defined(__linux__)
    if (!hs_portable) {
        int probe = 0;
        hs_portable = syscall(SYS_futex, &probe, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0;
    }
#else
    hs_portable = 1;
#endif
    if (hs_portable) hs_buckets_init();
    return pthread_atfork(NULL, NULL, hs_park_after_fork);
}

/* The address of the fork count: the number of forks since the process that loaded this module.  State that a thread
 * left under another count is void. */
static inline const unsigned int *hs_fork_count(void) { return &hs_forks; }

/* A number for the calling thread that, unlike its ident, no later thread of this process or of a
 * forked child ever has.  Per module. */
static inline uint64_t hs_thread_number(void) {
    static uint64_t last;
    static __thread uint64_t mine;
    if (mine == 0) mine = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return mine;
}

/* ---- one sleeper ---- */

static inline hs_bucket *hs_bucket_of(const int *word) {
    return &hs_buckets[((uintptr_t)word >> 4) % HS_BUCKETS];
}

#define HS_LOOK_UP_EVERY 20000000  /* ns */

static inline int hs_word_wait_portable(int *word, int64_t deadline) {
    hs_bucket *bucket = hs_bucket_of(word);
    int64_t now = hs_now(), until = now + HS_LOOK_UP_EVERY;
    int status = HS_WOKEN;
    if (deadline < until) until = deadline;
    pthread_mutex_lock(&bucket->mutex);
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
#if defined(__linux__)
        struct timespec t = hs_timespec(until);
        int err = pthread_cond_timedwait(&bucket->changed, &bucket->mutex, &t);
#else
        struct timespec t = hs_timespec(until > now ? until - now : 0);
        int err = pthread_cond_timedwait_relative_np(&bucket->changed, &bucket->mutex, &t);
#endif
        if (err == ETIMEDOUT) {
            status = until == deadline ? HS_TIMEOUT : HS_INTERRUPTED;
            break;
        }
        now = hs_now();
    }
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != 0) status = HS_WOKEN;
    pthread_mutex_unlock(&bucket->mutex);
    return status;
}

/* Sleep until *word is not 0, the deadline has passed, or a signal has arrived.  Call it without the GIL. */
static inline int hs_word_wait(int *word, int64_t deadline) {
    if (hs_portable) return hs_word_wait_portable(word, deadline);
#if defined(__linux__)
    struct timespec t, *until = NULL;
    if (deadline != HS_NEVER) {
        t = hs_timespec(deadline);
        until = &t;
    }
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
        /* WAIT_BITSET takes an absolute CLOCK_MONOTONIC time; plain WAIT a relative one */
        if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 0, until, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
            continue;
        if (errno == ETIMEDOUT) return HS_TIMEOUT;
        if (errno == EINTR) return HS_INTERRUPTED;
    }
#endif
    return HS_WOKEN;
}

/* A signal that arrives after the last check for signals and before the futex call does not interrupt the sleep.
 * So the thread that gets the process's signals wakes to check after 5 ms, then after periods that double: such
 * a signal is handled late by one period at most, and an hour of sleep has 20 checks. */
#define HS_FIRST_LOOK_UP 5000000  /* ns */

/* Whether the kernel delivers the process's signals to the calling thread first (the main thread). */
static inline int hs_takes_signals(void) {
#if defined(__linux__)
    static __thread unsigned int known_since;  /* the fork count at that time, plus one */
    static __thread int answer;
    if (known_since != hs_forks + 1) {
        answer = syscall(SYS_gettid) == getpid();
        known_since = hs_forks + 1;
    }
    return answer;
#else
    return 0;  /* hs_word_wait_portable() checks in any case */
#endif
}

/* hs_word_wait() for a thread that has just checked for signals.  *period* belongs to the wait; it is 0 before the
 * first call. */
static inline int hs_word_wait_alert(int *word, int64_t deadline, int64_t *period) {
    int64_t until;
    int status;
    if (*period == 0) *period = !hs_portable && hs_takes_signals() ? HS_FIRST_LOOK_UP : HS_NEVER;
    if (*period == HS_NEVER) return hs_word_wait(word, deadline);
    until = hs_now() + *period;
    if (until >= deadline) return hs_word_wait(word, deadline);
    *period *= 2;
    status = hs_word_wait(word, until);
    return status == HS_TIMEOUT ? HS_INTERRUPTED : status;
}

/* Wake the thread that sleeps on *word*, which was set to 1 before.  The memory of *word* may be invalid by now. */
static inline void hs_word_wake(int *word) {
    if (hs_portable) {
        hs_bucket *bucket = hs_bucket_of(word);
        pthread_mutex_lock(&bucket->mutex);
        pthread_cond_broadcast(&bucket->changed);
        pthread_mutex_unlock(&bucket->mutex);
        return;
    }
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
#endif
}

/* ---- lists of sleepers; every call under the owner's hs_mutex ---- */

typedef struct hs_waiter {
    struct hs_waiter *next, *prev;
    int word;    /* 0 asleep, 1 woken; written once, by the thread that unlinks the node */
    int linked;
    unsigned int forks;  /* the fork count when it was linked */
    int parked;  /* for the owner's use: the thread sleeps, or is about to and runs no Python code before */
    const void *target;  /* for the owner's use: the object that is waited for */
} hs_waiter;

typedef struct {
    hs_waiter *head, *tail;
    unsigned int forks;
    int pending;  /* for the owner's use: a woken thread has yet to re-check */
} hs_waitlist;

static inline void hs_waitlist_sync(hs_waitlist *list) {
    if (list->forks != hs_forks || hs_lists_void()) {
        list->head = list->tail = NULL;
        list->pending = 0;
        list->forks = hs_forks;
    }
}

static inline void hs_waitlist_append(hs_waitlist *list, hs_waiter *w) {
    hs_waitlist_sync(list);
    w->word = 0;
    w->linked = 1;
    w->forks = hs_forks;
    w->parked = 0;
    w->target = NULL;
    w->next = NULL;
    w->prev = list->tail;
    if (list->tail) list->tail->next = w; else list->head = w;
    list->tail = w;
}

static inline void hs_waitlist_remove(hs_waitlist *list, hs_waiter *w) {
    if (!w->linked) return;
    w->linked = 0;
    if (w->forks != hs_forks) return;
    if (w->prev) w->prev->next = w->next; else list->head = w->next;
    if (w->next) w->next->prev = w->prev; else list->tail = w->prev;
}

/* Whether the node was linked in the parent of this process; it is in no list then. */
static inline int hs_waiter_is_void(const hs_waiter *w) { return w->forks != hs_forks; }

/* Unlink the longest waiter and mark it woken.  Returns the address to hs_word_wake(), or NULL. */
static inline int *hs_waitlist_pop(hs_waitlist *list) {
    hs_waiter *w;
    hs_waitlist_sync(list);
    w = list->head;
    if (w == NULL) return NULL;
    hs_waitlist_remove(list, w);
    __atomic_store_n(&w->word, 1, __ATOMIC_RELEASE);
    return &w->word;
}

#endif
