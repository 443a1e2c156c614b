/* _records.h: the records of the events, by sequence number.
 *
 * Invariants: a slot is live, free, or was live, in which case a search continues behind it; at most two
 * thirds are not free.  Only hs_record_incref(), hs_record_drop() and hs_records_free() touch reference
 * counts; the latter two run Python code.
 *
 * A hash table with open addressing.  Sequence numbers count up, so a number is its own hash: events entered
 * one after the other have adjacent slots, and do not collide while fewer are pending than there are slots.
 * Probes use the upper bits too, so that no regular pattern of old events makes long chains.
 */
#ifndef HASTEN_SCHED_RECORDS_H
#define HASTEN_SCHED_RECORDS_H

#include <Python.h>
#include <string.h>

#define HS_RECORDS_MIN 32

typedef struct {
    uint64_t sequence;
    PyObject *time;  /* NULL: not live */
    PyObject *priority;  /* not NULL, and not to be used, in a slot that was live */
    PyObject *action, *argument;
    PyObject *kwargs;  /* NULL: an empty dict that nobody has seen */
} hs_record;

typedef struct {
    hs_record *slots;
    size_t capacity;  /* a power of two */
    size_t live, used;  /* used: not free */
} hs_records;

typedef struct { size_t slot; uint64_t rest; } hs_probe;

static inline hs_probe hs_probe_start(const hs_records *r, uint64_t sequence) {
    hs_probe p = { (size_t)sequence & (r->capacity - 1), sequence };
    return p;
}

static inline void hs_probe_next(const hs_records *r, hs_probe *p) {
    p->rest >>= 5;  /* 0 after 13 steps; from then on the sequence 5x + 1 visits every slot */
    p->slot = (size_t)(p->slot * 5 + p->rest + 1) & (r->capacity - 1);
}

/* The live record of this number, or NULL. */
static inline hs_record *hs_records_find(const hs_records *r, uint64_t sequence) {
    hs_probe p;
    if (r->live == 0) return NULL;
    for (p = hs_probe_start(r, sequence);; hs_probe_next(r, &p)) {
        hs_record *slot = &r->slots[p.slot];
        if (slot->time == NULL) {
            if (slot->priority == NULL) return NULL;
        } else if (slot->sequence == sequence) {
            return slot;
        }
    }
}

/* Store a record of a new number; there is a free slot. */
static inline void hs_records_store(hs_records *r, hs_record record) {
    hs_probe p = hs_probe_start(r, record.sequence);
    while (r->slots[p.slot].time != NULL) hs_probe_next(r, &p);
    if (r->slots[p.slot].priority == NULL) r->used++;
    r->slots[p.slot] = record;
    r->live++;
}

/* Move the live records to a new array of *capacity* slots. */
static inline int hs_records_rehash(hs_records *r, size_t capacity) {
    hs_records fresh = { NULL, capacity, 0, 0 };
    size_t i;
    if (capacity > PY_SSIZE_T_MAX / sizeof(hs_record)) return -1;
    fresh.slots = (hs_record *)PyMem_RawMalloc(capacity * sizeof(hs_record));
    if (fresh.slots == NULL) return -1;
    memset(fresh.slots, 0, capacity * sizeof(hs_record));
    for (i = 0; i < r->capacity; i++)
        if (r->slots[i].time != NULL) hs_records_store(&fresh, r->slots[i]);
    PyMem_RawFree(r->slots);
    *r = fresh;
    return 0;
}

/* Make room for one more record.  Returns 0, or -1 without memory (nothing has changed then). */
static inline int hs_records_reserve(hs_records *r) {
    size_t capacity = HS_RECORDS_MIN;
    if ((r->used + 1) * 3 <= r->capacity * 2) return 0;
    /* at most a third live afterwards: rehashing again is far off */
    while (capacity < r->live * 3) capacity *= 2;
    return hs_records_rehash(r, capacity);
}

/* Remove a live record; its references are the caller's. */
static inline hs_record hs_records_remove(hs_records *r, hs_record *slot) {
    hs_record record = *slot;
    slot->time = NULL;
    r->live--;
    if (r->capacity > 4 * HS_RECORDS_MIN && r->live < r->capacity / 16)
        (void)hs_records_rehash(r, r->capacity / 4);
    return record;
}

static inline void hs_record_incref(const hs_record *record) {
    Py_INCREF(record->time);
    Py_INCREF(record->priority);
    Py_INCREF(record->action);
    Py_INCREF(record->argument);
    Py_XINCREF(record->kwargs);
}

/* Drop the references of a record that no other thread can reach.  Runs Python code. */
static inline void hs_record_drop(hs_record *record) {
    Py_DECREF(record->time);
    Py_DECREF(record->priority);
    Py_DECREF(record->action);
    Py_DECREF(record->argument);
    Py_XDECREF(record->kwargs);
}

/* Drop all records and the array of a table that no other thread can reach.  Runs Python code. */
static inline void hs_records_free(hs_records *r) {
    size_t i;
    for (i = 0; i < r->capacity; i++)
        if (r->slots[i].time != NULL) hs_record_drop(&r->slots[i]);
    PyMem_RawFree(r->slots);
    memset(r, 0, sizeof *r);
}

static inline int hs_records_visit(hs_records *r, visitproc visit, void *arg) {
    size_t i;
    for (i = 0; i < r->capacity; i++) {
        hs_record *slot = &r->slots[i];
        if (slot->time == NULL) continue;
        Py_VISIT(slot->time);
        Py_VISIT(slot->priority);
        Py_VISIT(slot->action);
        Py_VISIT(slot->argument);
        Py_VISIT(slot->kwargs);
    }
    return 0;
}

#endif
