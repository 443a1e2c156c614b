/* _words.h: sleeping on a 32-bit word that several processes have mapped.
 *
 * hs_nap() sleeps while the word has the value that the caller has seen.  It returns when woken, when a signal arrives, and
 * at the latest after a bounded time (5 ms at first, doubling up to half a second); the caller then checks again.  The
 * bound repairs whatever a killed process has left undone: a wake-up it owed, a wake-up it was given, a lock it held.
 *
 * On Linux the word is a futex.  Elsewhere, and with HASTEN_PORTABLE=1, a waiter sleeps on one of the arena's unnamed
 * POSIX semaphores, chosen by the word's address, and checks every 20 ms.  Where those are missing too, it polls.  The
 * method is a property of the arena, not of the process, so all processes that map it use the same.
 */
#ifndef HASTEN_WORDS_H
#define HASTEN_WORDS_H

#include <Python.h>

#include <semaphore.h>

#include "clock.h"
#include "../_arena/_process.h"

#if defined(__linux__)
#  include <linux/futex.h>
#endif

#define HS_NAP_FIRST 5000000    /* ns */
#define HS_NAP_LONGEST 500000000
#define HS_NAP_PORTABLE 20000000
#define HS_WAKE_ALL INT32_MAX

#define HS_NAP_BUCKETS 16
typedef struct { sem_t semaphore; uint32_t asleep; } hs_nap_bucket;

/* The start of an arena; the slots follow. */
typedef struct {
    uint32_t magic, bytes;
    uint32_t portable;  /* 0: futexes; 1: the semaphores below; 2: polling */
    hs_nap_bucket buckets[HS_NAP_BUCKETS];
} hs_head;

/* The state of one wait; {0} at its start. */
typedef struct {
    int64_t length;  /* of the next nap */
    int overslept;   /* whether the last nap timed out */
    uint32_t *asleep;  /* a count of the threads, of all processes, in a nap, or NULL */
} hs_naps;

#define hs_word_load(word) __atomic_load_n(word, __ATOMIC_SEQ_CST)
#define hs_word_store(word, value) __atomic_store_n(word, value, __ATOMIC_SEQ_CST)
#define hs_word_swap(word, value) __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST)
#define hs_word_cas(word, expected, value) \
    __atomic_compare_exchange_n(word, expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* The half of a 64-bit word that has its low bits. */
static inline uint32_t *hs_word_low(uint64_t *word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint32_t *)word + 1;
#else
    return (uint32_t *)word;
#endif
}

static inline hs_nap_bucket *hs_nap_bucket_of(hs_head *head, uint32_t *word) {
    return &head->buckets[((uintptr_t)((char *)word - (char *)head) >> 6) % HS_NAP_BUCKETS];
}

static inline void hs_sleep_portable(hs_head *head, uint32_t *word, uint32_t seen, int64_t length) {
    hs_nap_bucket *bucket = hs_nap_bucket_of(head, word);
    struct timespec until;
    if (length > HS_NAP_PORTABLE) length = HS_NAP_PORTABLE;
    __atomic_add_fetch(&bucket->asleep, 1, __ATOMIC_SEQ_CST);
    if (hs_word_load(word) == seen) {
#if !defined(__APPLE__)
        if (head->portable == 1) {
            clock_gettime(CLOCK_REALTIME, &until);
            length += until.tv_nsec;
            until.tv_sec += length / 1000000000;
            until.tv_nsec = length % 1000000000;
            sem_timedwait(&bucket->semaphore, &until);
        } else
#endif
        {
            until = hs_timespec(length > 1000000 ? 1000000 : length);
            nanosleep(&until, NULL);
        }
    }
    __atomic_sub_fetch(&bucket->asleep, 1, __ATOMIC_SEQ_CST);
}

/* Wake all sleepers of the word's bucket.  A killed sleeper stays counted: it costs spurious wake-ups, nothing else. */
static inline void hs_wake_portable(hs_head *head, uint32_t *word) {
    hs_nap_bucket *bucket = hs_nap_bucket_of(head, word);
    int there = (int)hs_word_load(&bucket->asleep), posted = 0;
    if (head->portable != 1) return;
    while (there-- > 0 && sem_getvalue(&bucket->semaphore, &posted) == 0 && posted <= there) sem_post(&bucket->semaphore);
}

/* Wake up to *most* sleepers of the word.  Returns how many were woken, or 1 where that is unknown. */
static inline int hs_word_wake(hs_head *head, uint32_t *word, int most) {
#if defined(__linux__)
    if (!head->portable) return (int)syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);
#endif
    (void)most;
    hs_wake_portable(head, word);
    return 1;
}

/* Sleep for up to *length* ns; whether that time has passed. */
static inline int hs_sleep_shared(hs_head *head, uint32_t *word, uint32_t seen, int64_t length) {
#if defined(__linux__)
    if (!head->portable) {
        struct timespec t = hs_timespec(length);
        return syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0) < 0 && errno == ETIMEDOUT;
    }
#endif
    int64_t before = hs_now();
    hs_sleep_portable(head, word, seen, length);
    return hs_now() - before >= (length < HS_NAP_PORTABLE ? length : HS_NAP_PORTABLE);
}

/* Sleep while *word == seen, for a bounded time.  1: the deadline has passed; 0: check again; -1: a signal handler has raised.
 * A deadline of 0 has always passed.  Needs an attached thread state, which is detached during the sleep. */
static inline int hs_nap(hs_head *head, uint32_t *word, uint32_t seen, int64_t deadline, hs_naps *naps) {
    int64_t length = naps->length ? naps->length : HS_NAP_FIRST;
    if (deadline == 0) return 1;
    if (deadline != HS_NEVER) {
        int64_t left = deadline - hs_now();
        if (left <= 0) return 1;
        if (left < length) length = left;
    }
    naps->length = length * 2 < HS_NAP_LONGEST ? length * 2 : HS_NAP_LONGEST;
    Py_BEGIN_ALLOW_THREADS
    if (naps->asleep != NULL) __atomic_add_fetch(naps->asleep, 1, __ATOMIC_SEQ_CST);
    naps->overslept = hs_sleep_shared(head, word, seen, length);
    if (naps->asleep != NULL) __atomic_sub_fetch(naps->asleep, 1, __ATOMIC_SEQ_CST);
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals() < 0 ? -1 : 0;
}

#endif
