/* _agenda.h: the pending events: a heap for their order, and a table of records by sequence number.
 *
 * Invariant: an event is pending if and only if the table has its record.  Cancelling removes the record and
 * leaves the node in the heap: one look-up, however many events there are.  A node without a record is dead.
 * Dead nodes are skipped when they come to the top, and all removed at once when they are more than half:
 * a cancel takes constant time on average, and the heap is at most twice as large as what is pending.
 */
#ifndef HASTEN_SCHED_AGENDA_H
#define HASTEN_SCHED_AGENDA_H

#include <stdlib.h>

#include "_heap.h"
#include "_records.h"

typedef struct {
    hs_heap heap;
    hs_records records;
} hs_agenda;

/* Takes over the references of *record*.  Returns 0, or -1 without memory. */
static inline int hs_agenda_add(hs_agenda *a, double time, long priority, hs_record record) {
    hs_node node = { time, priority, record.sequence };
    if (hs_heap_reserve(&a->heap) < 0 || hs_records_reserve(&a->records) < 0) return -1;
    hs_heap_push(&a->heap, node);
    hs_records_store(&a->records, record);
    return 0;
}

/* The record of the earliest event, or NULL.  Afterwards the top of the heap is not dead. */
static inline hs_record *hs_agenda_first(hs_agenda *a) {
    while (a->heap.count > 0) {
        hs_record *record = hs_records_find(&a->records, a->heap.nodes[0].sequence);
        if (record != NULL) return record;
        hs_heap_pop(&a->heap);
    }
    return NULL;
}

/* When that event is due. */
static inline double hs_agenda_first_time(const hs_agenda *a) { return a->heap.nodes[0].time; }

/* Remove what hs_agenda_first() returned; its references are the caller's. */
static inline hs_record hs_agenda_take_first(hs_agenda *a, hs_record *first) {
    hs_heap_pop(&a->heap);
    return hs_records_remove(&a->records, first);
}

static inline void hs_agenda_drop_dead(hs_agenda *a) {
    size_t i, kept = 0;
    for (i = 0; i < a->heap.count; i++)
        if (hs_records_find(&a->records, a->heap.nodes[i].sequence) != NULL)
            a->heap.nodes[kept++] = a->heap.nodes[i];
    a->heap.count = kept;
    hs_heap_order(&a->heap);
    hs_heap_relax(&a->heap);
}

/* Remove any pending record; its references are the caller's. */
static inline hs_record hs_agenda_cancel(hs_agenda *a, hs_record *pending) {
    hs_record record = hs_records_remove(&a->records, pending);
    if (a->heap.count > HS_HEAP_MIN && a->heap.count / 2 > a->records.live) hs_agenda_drop_dead(a);
    return record;
}

/* Whether this event is at the top of the heap. */
static inline int hs_agenda_on_top(const hs_agenda *a, uint64_t sequence) {
    return a->heap.count > 0 && a->heap.nodes[0].sequence == sequence;
}

/* Copy the pending records in their order, as borrowed references, to an array of *room* entries.
 * Returns how many are pending; if that is more than *room*, nothing is copied.  Sorts the heap, which
 * stays a heap by that. */
static inline size_t hs_agenda_list(hs_agenda *a, hs_record *into, size_t room) {
    size_t i, n = 0;
    if (a->records.live > room) return a->records.live;
    if (a->heap.count > 1) qsort(a->heap.nodes, a->heap.count, sizeof(hs_node), hs_node_compare);
    for (i = 0; i < a->heap.count; i++) {
        hs_record *record = hs_records_find(&a->records, a->heap.nodes[i].sequence);
        if (record != NULL) into[n++] = *record;
    }
    return n;
}

/* The next sequence number; no two threads get the same. */
static inline uint64_t hs_next_number(uint64_t *numbers) {
    return __atomic_fetch_add(numbers, 1, __ATOMIC_RELAXED);
}

/* Move the content to the caller, who owns it and drops it with hs_agenda_free(). */
static inline hs_agenda hs_agenda_detach(hs_agenda *a) {
    hs_agenda all = *a;
    memset(a, 0, sizeof *a);
    return all;
}

/* Drop everything in an agenda that no other thread can reach.  Runs Python code. */
static inline void hs_agenda_free(hs_agenda *a) {
    hs_records_free(&a->records);
    PyMem_RawFree(a->heap.nodes);
    memset(&a->heap, 0, sizeof a->heap);
}

#endif
