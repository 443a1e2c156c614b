/* _take.h: a worker takes a task from the ring and records its number where the parent finds it after a kill.
 *
 * Each worker has a slot.  Invariant, whenever the consumers' lock is free:
 *
 * - slot.taken is the number of the task that the worker has taken and not answered yet, or 0.
 *
 * With the lock held, a taker stores the ring's head in its slot, its own index in `taking` (of slot 0) and the task's
 * number in `taken`; only then does it move the head.  If it is killed in between, `taking` stays set, and the next process
 * that holds the lock repairs: if the head has not moved, the task is still in the ring, and `taken` is reset to 0.  So
 * a task is always either in the ring or in exactly one slot.
 *
 * A result is put before `taken` is cleared: a worker that is killed in between has delivered its result.
 *
 * A worker in state HS_MAY_LEAVE takes tasks while there are any, and leaves (HS_LEAVES) when it finds none; this is
 * decided with the lock held, so it never leaves with a task.  Until then the parent can keep it.
 *
 * Each task has a mark, which decides between a worker that takes it and a caller that cancels it: the first to change it from
 * HS_OPEN wins.  Marks are indexed by the low bits of the number; the ring has far fewer tasks than the table entries.
 */
#ifndef HASTEN_TAKE_H
#define HASTEN_TAKE_H

#include "shm_ring.h"

typedef struct {
    _Alignas(64) uint64_t taken;  /* the number of a task, or 0 */
    uint64_t before;              /* the head of the ring before it was taken */
    int64_t since;                /* hs_now() when it was taken; if taken is 0, when the last one was answered */
    uint32_t ready;               /* STARTING, READY or LEAVING, see _ends.pyx */
    uint32_t stay;                /* HS_STAY, HS_MAY_LEAVE or HS_LEAVES */
    uint32_t taking;              /* used in slot 0 only, which no worker has: the slot of the current taker, or 0 */
} hs_slot;

/* The kinds of results.  They are above the ring's BYTEARRAY, so that a large result is returned as a bytearray and its
 * out-of-band buffers are writable views of it. */
enum { HS_RESULT_OK = 32, HS_RESULT_ERROR, HS_RESULT_BAD_START, HS_RESULT_WAKE, HS_RESULT_UNREADABLE };

enum { HS_MARKS = 1 << 15, HS_OPEN = 0, HS_BEGUN = 1, HS_CALLED_OFF = 2, HS_RING_CALLED_OFF = 100 };

enum { HS_STAY, HS_MAY_LEAVE, HS_LEAVES };

typedef struct {
    hs_slot *slots;
    uint8_t *marks;
} hs_workers;

static inline uint8_t *hs_mark_of(const hs_workers *d, uint64_t number) { return &d->marks[number & (HS_MARKS - 1)]; }

static inline void hs_mark_open(const hs_workers *d, uint64_t number) {
    __atomic_store_n(hs_mark_of(d, number), HS_OPEN, __ATOMIC_SEQ_CST);
}

static inline int hs_mark_get(const hs_workers *d, uint64_t number) {
    return __atomic_load_n(hs_mark_of(d, number), __ATOMIC_SEQ_CST);
}

/* Change the mark from HS_OPEN; whether this call was the first to do so. */
static inline int hs_mark_claim(const hs_workers *d, uint64_t number, uint8_t mark) {
    uint8_t open = HS_OPEN;
    return __atomic_compare_exchange_n(hs_mark_of(d, number), &open, mark, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#define HS_SLOT_SET(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)
#define HS_SLOT_GET(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)

static inline uint64_t hs_take_head(const hs_ring *r) { return hs_ring_head(r) & ~HS_SHUT; }

/* Repair what a killed taker has left.  With the consumers' lock held. */
static inline void hs_take_settle(hs_ring *r, hs_slot *slots) {
    uint32_t who = HS_SLOT_GET(slots[0].taking);
    if (who == 0) return;
    if (HS_SLOT_GET(slots[who].before) == hs_take_head(r)) HS_SLOT_SET(slots[who].taken, 0);
    HS_SLOT_SET(slots[0].taking, 0);
}

static inline int hs_take_locked(hs_ring *r, const hs_workers *d, uint32_t me, hs_record *got, void *to, uint64_t size) {
    uint64_t head = hs_ring_head(r), tail = hs_ring_tail(r), number, *word;
    hs_slot *slots = d->slots;
    int status;
    if (hs_offset_of(head) == hs_offset_of(tail)) return tail & HS_SHUT ? HS_RING_SHUT : HS_RING_EMPTY;
    word = (uint64_t *)hs_units_at(&r->units, &r->out, hs_offset_of(head), sizeof *word);
    if (word == NULL) return HS_RING_ERROR;
    if ((uint8_t)*word == HS_KIND_JUMP) head = hs_ring_jump(r, head, *word >> 8);
    word = (uint64_t *)hs_units_at(&r->units, &r->out, hs_offset_of(head), 2 * sizeof *word);
    if (word == NULL) return HS_RING_ERROR;
    got->length = *word >> 8;
    if (got->length > size) return HS_RING_SMALL;
    __atomic_store_n(&slots[me].since, hs_now(), __ATOMIC_SEQ_CST);
    HS_SLOT_SET(slots[me].before, head & ~HS_SHUT);
    HS_SLOT_SET(slots[0].taking, me);
    HS_SLOT_SET(slots[me].taken, number = word[1]);
    status = hs_ring_get_locked(r, got, to, size);
    if (status == HS_RING_DONE && !hs_mark_claim(d, number, HS_BEGUN)) status = HS_RING_CALLED_OFF;
    if (status != HS_RING_DONE) HS_SLOT_SET(slots[me].taken, 0);
    HS_SLOT_SET(slots[0].taking, 0);
    return status;
}

/* Change a worker's `stay` from *from* to *to*; false if it is not *from*. */
static inline int hs_stay_step(hs_slot *slot, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&slot->stay, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* hs_ring_get() for a worker. */
static inline int hs_take(hs_ring *r, const hs_workers *d, uint32_t me, hs_record *got, void *to, uint64_t size, int wait) {
    hs_ring_page *p = r->page;
    int status, error, dropped = -1;
    uint64_t left;
    if (!hs_ring_lock_consumers(r, wait)) return HS_RING_BUSY;
    hs_take_settle(r, d->slots);
    do {
        status = hs_take_locked(r, d, me, got, to, size);
        dropped++;
    } while (status == HS_RING_CALLED_OFF);
    error = errno;
    if (status == HS_RING_EMPTY && hs_stay_step(&d->slots[me], HS_MAY_LEAVE, HS_LEAVES)) status = HS_RING_SHUT;
    left = status == HS_RING_DONE ? hs_ring_count(r) : 0;
    pthread_mutex_unlock(&p->consumers);
    if (status == HS_RING_DONE || dropped) {
        hs_shared_wake(hs_low_half(&p->head), &p->space_sleepers, &p->space_fruitless, 1);
        if (left) hs_shared_wake(hs_low_half(&p->tail), &p->data_sleepers, &p->data_fruitless, 1);
    }
    errno = error;
    return status;
}

/* Which task a worker that has ended still held; -1: call again. */
static inline int64_t hs_taken_by(hs_ring *r, hs_slot *slots, uint32_t who) {
    int64_t taken;
    if (!hs_ring_lock_consumers(r, 1)) return -1;
    hs_take_settle(r, slots);
    taken = (int64_t)HS_SLOT_GET(slots[who].taken);
    pthread_mutex_unlock(&r->page->consumers);
    /* the dead worker may have consumed the wake-up for a record that is still there */
    if (hs_ring_count(r))
        hs_shared_wake(hs_low_half(&r->page->tail), &r->page->data_sleepers, &r->page->data_fruitless, 1);
    return taken;
}

#endif
