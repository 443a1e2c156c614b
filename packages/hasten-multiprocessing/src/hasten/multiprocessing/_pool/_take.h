/* _take.h: a worker takes a task from the ring, and says which one, where its parent reads it after a kill.
 *
 * Each worker has a slot.  What holds whenever nobody is inside the lock of the consumers:
 *
 * - slot.taken is the number of the task that the worker has taken and not yet given a result for, or 0.
 *
 * Inside it: the taker writes his number in `taking`, where the head of the ring is, and the number of the task, and only then the
 * head moves.  Killed in between he leaves `taking`, and whoever is inside next sets things right: if the head is still
 * where the dead one saw it, the task is still in the ring, and `taken` is 0.  So a task is always either in the ring or
 * in one slot.
 *
 * A result is put first and `taken` is cleared after it: a worker that dies in between has left its result.
 *
 * A worker that its parent lets go (HS_MAY_GO) takes tasks as long as there are any.  It goes when it finds none, inside of the
 * lock: so it never goes with a task.  Until then it can be kept.
 *
 * Each task has a mark, which decides between its worker and whoever calls it off: the first to change it from HS_OPEN
 * has it.  Marks are found by the low bits of the number; the ring is far shorter than the table.
 */
#ifndef HASTEN_TAKE_H
#define HASTEN_TAKE_H

#include "shm_ring.h"

typedef struct {
    _Alignas(64) uint64_t taken;  /* the number of a task, or 0 */
    uint64_t before;              /* the head of the ring before it was taken */
    int64_t since;                /* hs_now() when it was taken; with none, when the last one was answered */
    uint32_t ready;               /* whether the initializer has returned */
    uint32_t stay;                /* whether its parent lets it go: HS_STAY and so on */
    uint32_t taking;              /* in slot 0, which is no worker's: the slot of the one who is about to take */
} hs_slot;

/* The kinds of results.  They are above the ring's BYTEARRAY: a large one comes out of it as a bytearray, and its buffers are
 * views of that, which can be written to. */
enum { HS_RESULT_OK = 32, HS_RESULT_ERROR, HS_RESULT_BAD_START, HS_RESULT_WAKE, HS_RESULT_UNREADABLE };

enum { HS_MARKS = 1 << 15, HS_OPEN = 0, HS_BEGUN = 1, HS_CALLED_OFF = 2, HS_RING_CALLED_OFF = 100 };

enum { HS_STAY, HS_MAY_GO, HS_GOES };

typedef struct {
    hs_slot *slots;
    uint8_t *marks;
} hs_desk;

static inline uint8_t *hs_mark_of(const hs_desk *d, uint64_t number) { return &d->marks[number & (HS_MARKS - 1)]; }

static inline void hs_mark_open(const hs_desk *d, uint64_t number) {
    __atomic_store_n(hs_mark_of(d, number), HS_OPEN, __ATOMIC_SEQ_CST);
}

static inline int hs_mark_get(const hs_desk *d, uint64_t number) {
    return __atomic_load_n(hs_mark_of(d, number), __ATOMIC_SEQ_CST);
}

/* Whether this one was the first. */
static inline int hs_mark_claim(const hs_desk *d, uint64_t number, uint8_t mark) {
    uint8_t open = HS_OPEN;
    return __atomic_compare_exchange_n(hs_mark_of(d, number), &open, mark, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#define HS_SLOT_SET(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)
#define HS_SLOT_GET(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)

static inline uint64_t hs_take_head(const hs_ring *r) { return hs_ring_head(r) & ~HS_SHUT; }

/* Finish what a killed taker has begun.  The lock of the consumers is held. */
static inline void hs_take_settle(hs_ring *r, hs_slot *slots) {
    uint32_t who = HS_SLOT_GET(slots[0].taking);
    if (who == 0) return;
    if (HS_SLOT_GET(slots[who].before) == hs_take_head(r)) HS_SLOT_SET(slots[who].taken, 0);
    HS_SLOT_SET(slots[0].taking, 0);
}

static inline int hs_take_locked(hs_ring *r, const hs_desk *d, uint32_t me, hs_record *got, void *to, uint64_t size) {
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

/* A step in the life of a worker; false if it is not at *from*. */
static inline int hs_stay_step(hs_slot *slot, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(&slot->stay, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* hs_ring_get() for a worker. */
static inline int hs_take(hs_ring *r, const hs_desk *d, uint32_t me, hs_record *got, void *to, uint64_t size, int wait) {
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
    if (status == HS_RING_EMPTY && hs_stay_step(&d->slots[me], HS_MAY_GO, HS_GOES)) status = HS_RING_SHUT;
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
    /* the dead one may have been woken for a record that is still there */
    if (hs_ring_count(r))
        hs_shared_wake(hs_low_half(&r->page->tail), &r->page->data_sleepers, &r->page->data_fruitless, 1);
    return taken;
}

#endif
