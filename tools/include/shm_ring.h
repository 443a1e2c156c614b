/* shm_ring.h: a queue of records between processes, any of which may be killed anywhere.
 *
 * Invariants:
 *
 * - `tail` and `head` are 64-bit words, each with a position, the number of records put (taken) so far and the shutdown
 *   flag.  A record is in the queue from the store of tail until the store of head.  So one store is the commit on
 *   each side, and the number of records is exact at any time.
 * - Only the holder of `producers` stores tail, only the holder of `consumers` stores head.  Lock order: producers,
 *   consumers, reporting.
 * - Records are stored consecutively in runs of units (shm_units.h), each record within one run.  At the end of a run a
 *   JUMP, which is not counted, points to the next one.  A consumer that passes a JUMP frees the run.  A large record has
 *   its own run.  So the ring grows as far as memory permits, and no put depends on a get (a producer that is far AHEAD
 *   waits for one for up to 2 ms).
 * - A process that inherits a lock finds tail and head consistent.  What may be inconsistent is `room` (the end of tail's
 *   run; recomputed from the table), and there may be leaked runs (`lost`; see hs_ring_sweep).
 * - Once `armed`, the eventfd is readable exactly while there is a record or the queue is shut down, whenever no process is
 *   inside a put or a get.  The process that puts the first record, or takes the last one, updates it.
 *
 * Positions are in units of 16 bytes.  A record is a word (length and kind) and its bytes.
 *
 * No Python API.  Functions wait for a lock for HS_LOCK_SLICE at most; those that wait for the other end sleep for
 * HS_SLICE at most.
 */
#ifndef HASTEN_SHM_RING_H
#define HASTEN_SHM_RING_H

#include "shm_units.h"

#include <sys/eventfd.h>

#define HS_RING_PAGE 4096
#define HS_RING_MAGIC 0x31676e6972736831ull
#define HS_RUN_UNITS 4               /* units of an ordinary run: 256 KiB */
#define HS_AHEAD_UNITS 16            /* units that producers fill without checking for a consumer: 1 MiB */
#define HS_GRAIN 16                  /* bytes */

#define HS_COUNT_BITS 28
#define HS_COUNT_MASK (((uint64_t)1 << HS_COUNT_BITS) - 1)
#define HS_SHUT ((uint64_t)1 << HS_COUNT_BITS)
#define HS_POSITION_SHIFT (HS_COUNT_BITS + 1)

enum { HS_KIND_JUMP = 255 };

typedef struct {
    uint64_t magic;
    uint32_t armed, lost;
    _Alignas(64) pthread_mutex_t producers;
    uint64_t room;                     /* the offset where the run of tail ends */
    int32_t cpu;                       /* of the last producer */
    _Alignas(64) uint64_t tail;
    _Alignas(64) uint32_t data_sleepers, data_fruitless;
    uint64_t spinning;                 /* end of the current spin, ns; one waiter spins at a time */
    _Alignas(64) pthread_mutex_t consumers;
    _Alignas(64) uint64_t head;
    _Alignas(64) uint32_t space_sleepers, space_fruitless;
    uint32_t given, given_sleepers, given_fruitless; /* runs given back so far */
    uint64_t used;                     /* units in runs; approximate after a process was killed */
    uint64_t idle;                     /* head when producers last waited for consumers without success */
    uint32_t trim;                     /* warm units behind HS_KEEP_IDLE */
    _Alignas(64) pthread_mutex_t reporting;
    uint32_t reported;                 /* whether the eventfd is readable */
    _Alignas(64) uint64_t done;        /* how many records task_done() was called for */
    uint32_t done_sleepers, done_fruitless;
    uint32_t lock_holders[2];                 /* for `_rlock` and `_wlock`: the pid of the holder */
} hs_ring_page;

typedef struct {
    hs_units units;
    hs_ring_page *page;
    int event;                         /* the eventfd */
    int32_t spin;                      /* ns that a waiter spins */
    hs_window in, out;                 /* of producers and of consumers */
} hs_ring;

typedef struct {
    const void *data;
    uint64_t size;
} hs_piece;

enum { HS_RING_DONE, HS_RING_EMPTY, HS_RING_FULL, HS_RING_SHUT, HS_RING_BUSY, HS_RING_SMALL, HS_RING_AHEAD,
       HS_RING_ERROR };

/* ---- words ---- */

static inline uint64_t hs_word_of(uint64_t offset, uint64_t count) {
    return (offset / HS_GRAIN) << HS_POSITION_SHIFT | (count & HS_COUNT_MASK);
}

static inline uint64_t hs_offset_of(uint64_t word) { return (word >> HS_POSITION_SHIFT) * HS_GRAIN; }

static inline uint64_t hs_ring_tail(const hs_ring *r) { return __atomic_load_n(&r->page->tail, __ATOMIC_SEQ_CST); }
static inline uint64_t hs_ring_head(const hs_ring *r) { return __atomic_load_n(&r->page->head, __ATOMIC_SEQ_CST); }

static inline uint64_t hs_count_between(uint64_t tail, uint64_t head) { return (tail - head) & HS_COUNT_MASK; }

/* The number of records.  (head first: it can only fall behind) */
static inline uint64_t hs_ring_count(const hs_ring *r) {
    uint64_t head, tail;
    do {
        head = hs_ring_head(r);
        tail = hs_ring_tail(r);
    } while (head != hs_ring_head(r));
    return hs_count_between(tail, head);
}

static inline int hs_ring_is_shut(const hs_ring *r) { return (hs_ring_tail(r) & HS_SHUT) != 0; }

static inline uint64_t hs_record_size(uint64_t length) {
    return (sizeof(uint64_t) + length + HS_GRAIN - 1) & ~(uint64_t)(HS_GRAIN - 1);
}

/* ---- the eventfd ---- */

/* Update the eventfd.  A process killed inside leaves `reported` undefined, so the next one resets the eventfd first. */
static inline void hs_ring_report(hs_ring *r) {
    hs_ring_page *p = r->page;
    uint64_t value = 1;
    int lock;
    while ((lock = hs_shared_lock(&p->reporting)) == HS_LOCK_BUSY) {}
    if (lock == HS_LOCK_INHERITED) {
        (void)!read(r->event, &value, sizeof value);
        p->reported = 0;
        value = 1;
    }
    uint32_t wanted = hs_ring_count(r) != 0 || hs_ring_is_shut(r);
    if (wanted != p->reported) {
        (void)!(wanted ? write(r->event, &value, sizeof value) : read(r->event, &value, sizeof value));
        p->reported = wanted;
    }
    pthread_mutex_unlock(&p->reporting);
}

static inline int hs_ring_armed(const hs_ring *r) { return __atomic_load_n(&r->page->armed, __ATOMIC_SEQ_CST) != 0; }

/* Keep the eventfd up to date from now on; returns it. */
static inline int hs_ring_arm(hs_ring *r) {
    if (!hs_ring_armed(r)) {
        __atomic_store_n(&r->page->armed, 1, __ATOMIC_SEQ_CST);
        hs_ring_report(r);
    }
    return r->event;
}

/* ---- the locks of the two sides ---- */

static inline int hs_ring_inherit(hs_ring *r) {
    hs_ring_page *p = r->page;
    __atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
    if (hs_ring_armed(r)) hs_ring_report(r);
    return 1;
}

static inline int hs_ring_lock_producers(hs_ring *r, int wait) {
    hs_ring_page *p = r->page;
    int lock = hs_shared_trylock(&p->producers);
    if (lock == HS_LOCK_BUSY && wait) lock = hs_shared_lock(&p->producers);
    if (lock == HS_LOCK_INHERITED) {
        uint64_t unit = hs_offset_of(p->tail) / HS_UNIT;
        p->room = hs_run_end(&r->units, unit) * HS_UNIT;
        hs_ring_inherit(r);
    }
    return lock != HS_LOCK_BUSY;
}

static inline int hs_ring_lock_consumers(hs_ring *r, int wait) {
    int lock = hs_shared_trylock(&r->page->consumers);
    if (lock == HS_LOCK_BUSY && wait) lock = hs_shared_lock(&r->page->consumers);
    if (lock == HS_LOCK_INHERITED) hs_ring_inherit(r);
    return lock != HS_LOCK_BUSY;
}

/* ---- finding lost runs ---- */

/* Mark a run that a record in the queue uses as not lost; its number of units. */
static inline uint64_t hs_run_keep(hs_units *u, uint64_t unit) {
    uint64_t first = hs_run_first(u, unit), end = hs_run_end(u, unit);
    if (hs_unit_state(u, first) != HS_UNIT_LOST_FIRST) return 0;
    hs_unit_set(u, first, HS_UNIT_FIRST);
    for (uint64_t at = first + 1; at < end; at++) hs_unit_set(u, at, HS_UNIT_MORE);
    return end - first;
}

/* Free the runs that killed processes have leaked.  With both locks held.  If it is killed, the next process repeats it,
 * since `lost` stays set.  -1 if memory can't be mapped. */
static inline int hs_ring_sweep(hs_ring *r) {
    hs_units *u = &r->units;
    uint64_t at, header = hs_units_header(HS_RING_PAGE, u->units * HS_UNIT), kept = 0;
    for (at = header; at < u->units; at++) {
        uint8_t state = hs_unit_state(u, at);
        if (state == HS_UNIT_FIRST) hs_unit_set(u, at, HS_UNIT_LOST_FIRST);
        if (state == HS_UNIT_MORE) hs_unit_set(u, at, HS_UNIT_LOST_MORE);
        if (state == HS_UNIT_TRIMMED) hs_unit_set(u, at, HS_UNIT_FREE);
    }
    uint64_t offset = hs_offset_of(r->page->head), end = hs_offset_of(r->page->tail);
    kept += hs_run_keep(u, offset / HS_UNIT) + hs_run_keep(u, end / HS_UNIT);
    while (offset != end) {
        uint64_t *word = (uint64_t *)hs_units_at(u, &r->out, offset, sizeof *word);
        if (word == NULL) return -1;
        offset = (uint8_t)*word == HS_KIND_JUMP ? *word >> 8 : offset + hs_record_size(*word >> 8);
        kept += hs_run_keep(u, offset / HS_UNIT);
    }
    hs_units_give_lost(u, header);
    __atomic_store_n(&r->page->used, kept, __ATOMIC_RELAXED);
    __atomic_store_n(&r->page->lost, 0, __ATOMIC_RELEASE);
    return 0;
}

/* ---- putting ---- */

/* Whether a producer should wait before it makes a run of that size: much is unread, and consumers are reading. */
static inline int hs_ring_is_ahead(const hs_ring *r, uint64_t units) {
    const hs_ring_page *p = r->page;
    uint64_t most = units * 3 > HS_AHEAD_UNITS ? units * 3 : HS_AHEAD_UNITS;
    return __atomic_load_n(&p->used, __ATOMIC_RELAXED) + units > most
           && hs_ring_head(r) != __atomic_load_n(&p->idle, __ATOMIC_RELAXED);
}

static inline uint64_t hs_ring_units_for(uint64_t size) {
    uint64_t units = (size + HS_GRAIN + HS_UNIT - 1) / HS_UNIT;
    return units < HS_RUN_UNITS ? HS_RUN_UNITS : units;
}

/* Make a run for a record of *size* bytes and write the JUMP to it; its offset, or 0 with the reason in *status*. */
static inline uint64_t hs_ring_grow(hs_ring *r, uint64_t tail, uint64_t size, int patient, int *status) {
    hs_ring_page *p = r->page;
    uint64_t units = hs_ring_units_for(size), first;
    *status = HS_RING_AHEAD;
    if (patient && hs_ring_is_ahead(r, units)) return 0;
    *status = HS_RING_BUSY;
    if (__atomic_load_n(&p->lost, __ATOMIC_ACQUIRE)) {
        if (!hs_ring_lock_consumers(r, 1)) return 0;
        *status = HS_RING_ERROR;
        int swept = hs_ring_sweep(r);
        pthread_mutex_unlock(&p->consumers);
        if (swept < 0) return 0;
    }
    *status = HS_RING_ERROR;
    uint64_t *jump = (uint64_t *)hs_units_at(&r->units, &r->in, hs_offset_of(tail), sizeof *jump);
    if (jump == NULL) return 0;
    first = hs_run_take(&r->units, units, hs_units_header(HS_RING_PAGE, r->units.units * HS_UNIT));
    if (first == 0) return 0;
    *jump = (first * HS_UNIT) << 8 | HS_KIND_JUMP;
    p->room = (first + units) * HS_UNIT;
    __atomic_add_fetch(&p->used, units, __ATOMIC_RELAXED);
    return first * HS_UNIT;
}

static inline void hs_copy_pieces(char *to, const hs_piece *pieces, int n) {
    for (int i = 0; i < n; to += pieces[i++].size)
        if (pieces[i].size) memcpy(to, pieces[i].data, pieces[i].size);
}

/* hs_ring_put() with the producers' lock held; *first*: whether the queue was empty before. */
static inline int hs_ring_put_locked(hs_ring *r, int kind, const hs_piece *pieces, int n, uint64_t limit, int patient,
                                     int *first) {
    hs_ring_page *p = r->page;
    uint64_t tail = __atomic_load_n(&p->tail, __ATOMIC_RELAXED), offset = hs_offset_of(tail), length = 0, size;
    int status;
    for (int i = 0; i < n; i++) length += pieces[i].size;
    size = hs_record_size(length);
    if (tail & HS_SHUT) return HS_RING_SHUT;
    if (hs_count_between(tail, hs_ring_head(r)) >= (limit ? limit : HS_COUNT_MASK)) {
        errno = EOVERFLOW;
        return limit ? HS_RING_FULL : HS_RING_ERROR;
    }
    if (offset + size + HS_GRAIN > p->room && (offset = hs_ring_grow(r, tail, size, patient, &status)) == 0) {
        /* `room` is unchanged, or a run was leaked that the next sweep frees */
        return status;
    }
    char *at = hs_units_at(&r->units, &r->in, offset, size);
    if (at == NULL) {
        p->room = hs_run_end(&r->units, hs_offset_of(tail) / HS_UNIT) * HS_UNIT;
        __atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
        return HS_RING_ERROR;
    }
    *(uint64_t *)at = length << 8 | (uint64_t)kind;
    hs_copy_pieces(at + sizeof(uint64_t), pieces, n);
    p->cpu = sched_getcpu();
    __atomic_store_n(&p->tail, hs_word_of(offset + size, tail + 1), __ATOMIC_SEQ_CST); /* the commit */
    *first = hs_count_between(tail + 1, hs_ring_head(r)) == 1;
    return HS_RING_DONE;
}

/* Put a record, copied from the pieces.  BUSY: the lock is held, with *wait* for longer than HS_LOCK_SLICE.  FULL: there
 * are *limit* records.  AHEAD, if *patient*: let a consumer run first, see hs_ring_let_read(). */
static inline int hs_ring_put(hs_ring *r, int kind, const hs_piece *pieces, int n, uint64_t limit, int wait,
                              int patient) {
    hs_ring_page *p = r->page;
    int first = 0, status;
    if (!hs_ring_lock_producers(r, wait)) return HS_RING_BUSY;
    status = hs_ring_put_locked(r, kind, pieces, n, limit, patient, &first);
    int error = errno;
    if (first && hs_ring_armed(r)) hs_ring_report(r);
    pthread_mutex_unlock(&p->producers);
    if (status == HS_RING_DONE) hs_shared_wake(hs_low_half(&p->tail), &p->data_sleepers, &p->data_fruitless, 1);
    errno = error;
    return status;
}

/* ---- getting ---- */

/* Pass a JUMP and free the run; the new head.  With the consumers' lock held. */
static inline uint64_t hs_ring_jump(hs_ring *r, uint64_t head, uint64_t to) {
    hs_ring_page *p = r->page;
    uint64_t first = hs_run_first(&r->units, hs_offset_of(head) / HS_UNIT);
    uint64_t word = hs_word_of(to, head) | (head & HS_SHUT);
    __atomic_store_n(&p->head, word, __ATOMIC_SEQ_CST);
    uint64_t units = hs_run_give(&r->units, first);
    if (first + units > HS_KEEP_IDLE) __atomic_store_n(&p->trim, 1, __ATOMIC_RELAXED);
    uint64_t used = __atomic_load_n(&p->used, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&p->used, &used, used > units ? used - units : 0, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {}
    __atomic_add_fetch(&p->given, 1, __ATOMIC_SEQ_CST);
    hs_shared_wake(&p->given, &p->given_sleepers, &p->given_fruitless, INT_MAX);
    return word;
}

/* Return the memory of a large run that has been read, up to *end*, to the system, beyond HS_KEEP_WARM. */
static inline void hs_ring_punch_read(hs_ring *r, uint64_t start, uint64_t end) {
    uint64_t first = (start + HS_UNIT - 1) / HS_UNIT, stop = end / HS_UNIT;
    if (stop > HS_KEEP_WARM && stop > first + HS_RUN_UNITS)
        hs_units_punch(&r->units, first > HS_KEEP_WARM ? first : HS_KEEP_WARM, stop);
}

typedef struct {
    int kind;
    uint64_t length; /* bytes; with SMALL, the bytes needed */
} hs_record;

/* hs_ring_get() with the consumers' lock held. */
static inline int hs_ring_get_locked(hs_ring *r, hs_record *got, void *to, uint64_t size) {
    hs_ring_page *p = r->page;
    uint64_t head = __atomic_load_n(&p->head, __ATOMIC_RELAXED), tail = hs_ring_tail(r), offset;
    if (hs_offset_of(head) == hs_offset_of(tail)) return tail & HS_SHUT ? HS_RING_SHUT : HS_RING_EMPTY;
    uint64_t *word = (uint64_t *)hs_units_at(&r->units, &r->out, hs_offset_of(head), sizeof *word);
    if (word == NULL) return HS_RING_ERROR;
    if ((uint8_t)*word == HS_KIND_JUMP) {
        head = hs_ring_jump(r, head, *word >> 8);
        if ((word = (uint64_t *)hs_units_at(&r->units, &r->out, hs_offset_of(head), sizeof *word)) == NULL)
            return HS_RING_ERROR;
    }
    offset = hs_offset_of(head);
    got->kind = (uint8_t)*word;
    got->length = *word >> 8;
    if (got->length > size) return HS_RING_SMALL;
    char *at = hs_units_at(&r->units, &r->out, offset, sizeof *word + got->length);
    if (at == NULL) return HS_RING_ERROR;
    if (got->length) memcpy(to, at + sizeof *word, got->length);
    uint64_t end = offset + hs_record_size(got->length);
    __atomic_store_n(&p->head, hs_word_of(end, head + 1) | (head & HS_SHUT), __ATOMIC_SEQ_CST); /* the commit */
    if (got->length > HS_UNIT * HS_RUN_UNITS) hs_ring_punch_read(r, offset, end);
    return HS_RING_DONE;
}

/* Take a record into *to*, which has room for *size* bytes.  SMALL: the room is too small, and nothing was taken. */
static inline int hs_ring_get(hs_ring *r, hs_record *got, void *to, uint64_t size, int wait) {
    hs_ring_page *p = r->page;
    if (!hs_ring_lock_consumers(r, wait)) return HS_RING_BUSY;
    int status = hs_ring_get_locked(r, got, to, size), error = errno;
    uint64_t left = status == HS_RING_DONE ? hs_ring_count(r) : status != HS_RING_EMPTY;
    if (left == 0 && hs_ring_armed(r)) hs_ring_report(r);
    pthread_mutex_unlock(&p->consumers);
    if (status == HS_RING_DONE) {
        hs_shared_wake(hs_low_half(&p->head), &p->space_sleepers, &p->space_fruitless, 1);
        /* the process that was woken for the remaining records may have been killed */
        if (left) hs_shared_wake(hs_low_half(&p->tail), &p->data_sleepers, &p->data_fruitless, 1);
    }
    errno = error;
    return status;
}

/* ---- tasks ---- */

static inline uint64_t hs_ring_unfinished(const hs_ring *r) {
    return (hs_ring_tail(r) - __atomic_load_n(&r->page->done, __ATOMIC_SEQ_CST)) & HS_COUNT_MASK;
}

/* Count a record as done; 0 if all are. */
static inline int hs_ring_task_done(hs_ring *r) {
    hs_ring_page *p = r->page;
    uint64_t done = __atomic_load_n(&p->done, __ATOMIC_SEQ_CST);
    do {
        if (((hs_ring_tail(r) - done) & HS_COUNT_MASK) == 0) return 0;
    } while (!__atomic_compare_exchange_n(&p->done, &done, done + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (hs_ring_unfinished(r) == 0)
        hs_shared_wake(hs_low_half(&p->done), &p->done_sleepers, &p->done_fruitless, INT_MAX);
    return 1;
}

/* ---- the end ---- */

/* Shut the ring down: no put from now on, and no get once it is empty; immediate: drop all records.  BUSY: call again. */
static inline int hs_ring_shut(hs_ring *r, int immediate) {
    hs_ring_page *p = r->page;
    if (!hs_ring_lock_producers(r, 1)) return HS_RING_BUSY;
    uint64_t tail = p->tail | HS_SHUT;
    __atomic_store_n(&p->tail, tail, __ATOMIC_SEQ_CST);
    if (!hs_ring_lock_consumers(r, 1)) {
        pthread_mutex_unlock(&p->producers);
        return HS_RING_BUSY;
    }
    uint64_t head = p->head | HS_SHUT;
    if (immediate) {
        uint64_t dropped = hs_count_between(tail, head), left = hs_ring_unfinished(r);
        __atomic_add_fetch(&p->done, dropped < left ? dropped : left, __ATOMIC_SEQ_CST);
        head = tail;
        __atomic_store_n(&p->lost, 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&p->head, head, __ATOMIC_SEQ_CST);
    if (immediate) hs_ring_sweep(r);
    if (hs_ring_armed(r)) hs_ring_report(r);
    pthread_mutex_unlock(&p->consumers);
    pthread_mutex_unlock(&p->producers);
    hs_shared_wake(hs_low_half(&p->tail), &p->data_sleepers, &p->data_fruitless, INT_MAX);
    hs_shared_wake(hs_low_half(&p->head), &p->space_sleepers, &p->space_fruitless, INT_MAX);
    hs_shared_wake(hs_low_half(&p->done), &p->done_sleepers, &p->done_fruitless, INT_MAX);
    return HS_RING_DONE;
}

/* ---- making and mapping ---- */

static inline void hs_ring_close(hs_ring *r) {
    hs_window_close(&r->in);
    hs_window_close(&r->out);
    if (r->units.base != NULL) munmap(r->units.base, r->units.mapped);
    r->units.base = NULL;
    if (r->units.fd >= 0) close(r->units.fd);
    if (r->event >= 0) close(r->event);
    r->units.fd = r->event = -1;
}

/* Map a ring that another process has made.  It owns the descriptors from now on, unless this fails. */
static inline int hs_ring_attach(hs_ring *r, int fd, int event) {
    memset(r, 0, sizeof *r);
    r->units.fd = r->event = -1;
    r->spin = HS_SPIN_FIRST;
    if (hs_units_map(&r->units, fd, HS_RING_PAGE) < 0) return -1;
    r->page = (hs_ring_page *)r->units.base;
    if (r->page->magic != HS_RING_MAGIC) {
        munmap(r->units.base, r->units.mapped);
        r->units.base = NULL;
        r->units.fd = -1;
        errno = EINVAL;
        return -1;
    }
    r->event = event;
    return 0;
}

static inline int hs_ring_begin(hs_ring *r) {
    hs_ring_page *p = r->page;
    uint64_t header = hs_units_header(HS_RING_PAGE, r->units.units * HS_UNIT), first;
    int error = hs_shared_lock_init(&p->producers);
    if (error == 0) error = hs_shared_lock_init(&p->consumers);
    if (error == 0) error = hs_shared_lock_init(&p->reporting);
    if (error != 0) {
        errno = error;
        return -1;
    }
    for (uint64_t at = 0; at < header; at++) hs_unit_set(&r->units, at, at ? HS_UNIT_MORE : HS_UNIT_FIRST);
    if ((first = hs_run_take(&r->units, 1, header)) == 0) return -1; /* most queues hold little */
    p->used = 1;
    p->room = (first + 1) * HS_UNIT;
    p->head = p->tail = hs_word_of(first * HS_UNIT, 0);
    p->idle = UINT64_MAX;
    p->cpu = -1;
    p->magic = HS_RING_MAGIC;
    return 0;
}

/* Make a ring; -1 with errno. */
static inline int hs_ring_make(hs_ring *r) {
    uint64_t space = HS_RING_SPACE;
    struct rlimit limit;
    int error;
    memset(r, 0, sizeof *r);
    r->spin = HS_SPIN_FIRST;
    r->event = -1;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < space)
        space = limit.rlim_cur < HS_RING_LEAST ? HS_RING_LEAST : limit.rlim_cur & ~(HS_UNIT - 1);
    if ((r->units.fd = memfd_create("hasten.queue", MFD_CLOEXEC)) < 0) return -1;
    if (ftruncate(r->units.fd, (off_t)space) < 0) goto failed;
    if (fallocate(r->units.fd, 0, 0, HS_RING_PAGE) < 0 && errno != EOPNOTSUPP && errno != ENOSYS) goto failed;
    if ((r->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) goto failed;
    if (hs_units_map(&r->units, r->units.fd, HS_RING_PAGE) < 0) goto failed;
    r->page = (hs_ring_page *)r->units.base;
    if (hs_ring_begin(r) < 0) goto failed;
    return 0;
failed:
    error = errno;
    hs_ring_close(r);
    errno = error;
    return -1;
}

/* ---- waiting ---- */

/* Spin for a record if the last producer ran on another CPU and no other waiter spins; whether there is one. */
static inline int hs_ring_spin(hs_ring *r, uint64_t head, int64_t deadline) {
    hs_ring_page *p = r->page;
    int32_t budget = __atomic_load_n(&r->spin, __ATOMIC_RELAXED), cpu = p->cpu;
    int64_t now = hs_now(), until = now + budget;
    uint64_t other = __atomic_load_n(&p->spinning, __ATOMIC_RELAXED);
    if (cpu < 0 || cpu == sched_getcpu() || budget < 1000 || (int64_t)other > now) return 0;
    if (!__atomic_compare_exchange_n(&p->spinning, &other, (uint64_t)until, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return 0;
    if (until > deadline) until = deadline;
    int found;
    do {
        for (int i = 0; i < 16; i++) hs_pause();
        found = hs_offset_of(hs_ring_tail(r)) != hs_offset_of(head) || hs_ring_is_shut(r);
    } while (!found && hs_now() < until);
    __atomic_store_n(&p->spinning, 0, __ATOMIC_RELAXED);
    hs_spin_met(&r->spin, found);
    return found;
}

/* Return memory that a burst has left to the system, if there is much of it. */
static inline void hs_ring_trim(hs_ring *r) {
    hs_ring_page *p = r->page;
    if (!__atomic_load_n(&p->trim, __ATOMIC_RELAXED) || !hs_ring_lock_consumers(r, 0)) return;
    __atomic_store_n(&p->trim, 0, __ATOMIC_RELAXED);
    hs_units_trim(&r->units, HS_KEEP_WARM);
    pthread_mutex_unlock(&p->consumers);
}

/* Wait until there may be a record or a shutdown, until *until*, or for a signal (then 1).  HS_SLICE at most. */
static inline int hs_ring_wait_data(hs_ring *r, int64_t until) {
    hs_ring_page *p = r->page;
    uint64_t head = hs_ring_head(r), tail = hs_ring_tail(r);
    int64_t start, slice;
    int how;
    if (hs_offset_of(tail) != hs_offset_of(head) || (tail & HS_SHUT)) return 0;
    if (hs_ring_spin(r, head, until)) return 0;
    start = hs_now();
    slice = start + HS_SLICE;
    how = hs_shared_sleep(hs_low_half(&p->tail), (uint32_t)tail, &p->data_sleepers, until < slice ? until : slice);
    if (how == HS_SLEEP_TIMEOUT && hs_now() >= slice) hs_ring_trim(r);
    if (how == HS_SLEEP_WOKEN) hs_spin_slept(&r->spin, hs_now() - start);
    return how == HS_SLEEP_SIGNAL;
}

/* Wait until there may be space for another record in a queue of *limit*. */
static inline int hs_ring_wait_space(hs_ring *r, uint64_t limit, int64_t until) {
    hs_ring_page *p = r->page;
    uint64_t head = hs_ring_head(r), tail = hs_ring_tail(r);
    int64_t slice = hs_now() + HS_SLICE;
    if (hs_count_between(tail, head) < limit || ((tail | head) & HS_SHUT)) return 0;
    return hs_shared_sleep(hs_low_half(&p->head), (uint32_t)head, &p->space_sleepers, until < slice ? until : slice)
           == HS_SLEEP_SIGNAL;
}

/* Wake all waiters, so that they check again. */
static inline void hs_ring_wake_all(hs_ring *r) {
    hs_ring_page *p = r->page;
    hs_shared_wake(hs_low_half(&p->tail), &p->data_sleepers, &p->data_fruitless, INT_MAX);
    hs_shared_wake(hs_low_half(&p->head), &p->space_sleepers, &p->space_fruitless, INT_MAX);
}

/* Whether there is more than one record, and the records use more than *units* units. */
static inline int hs_ring_exceeds(const hs_ring *r, uint64_t units) {
    return __atomic_load_n(&r->page->used, __ATOMIC_RELAXED) > units && hs_ring_count(r) > 1;
}

/* Wait until all records are done, until *until*, or for a signal (then 1).  HS_SLICE at most. */
static inline int hs_ring_wait_done(hs_ring *r, int64_t until) {
    hs_ring_page *p = r->page;
    uint64_t done = __atomic_load_n(&p->done, __ATOMIC_SEQ_CST);
    int64_t slice = hs_now() + HS_SLICE;
    if (((hs_ring_tail(r) - done) & HS_COUNT_MASK) == 0) return 0;
    return hs_shared_sleep(hs_low_half(&p->done), (uint32_t)done, &p->done_sleepers, until < slice ? until : slice)
           == HS_SLEEP_SIGNAL;
}

/* For a producer that is AHEAD: wait for consumers, up to 2 ms, since using fresh memory takes longer than waiting.  If
 * nothing was read meanwhile, producers do not wait again until something is. */
static inline void hs_ring_let_read(hs_ring *r, uint64_t size) {
    hs_ring_page *p = r->page;
    uint64_t units = hs_ring_units_for(size), head = hs_ring_head(r);
    int64_t until = hs_now() + 2000000;
    while (hs_ring_is_ahead(r, units)) {
        uint32_t given = __atomic_load_n(&p->given, __ATOMIC_SEQ_CST);
        if (!hs_ring_is_ahead(r, units)) break;
        if (hs_shared_sleep(&p->given, given, &p->given_sleepers, until) == HS_SLEEP_TIMEOUT || hs_now() >= until) {
            if (hs_ring_head(r) == head) __atomic_store_n(&p->idle, head, __ATOMIC_RELAXED);
            break;
        }
    }
}

#endif
