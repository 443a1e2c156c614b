/* _ring.h: a growable circular array of owned references.
 *
 * Invariants: the caller holds the guard.  No function runs Python code or touches a reference count, so
 * a queue may call it between a check and a store; the exceptions are hs_ring_free() and
 * hs_ring_free_nested(), for a ring that no other thread can reach.
 *
 * Capacities are powers of two: a position is `& (capacity - 1)`.  While items leave at the right end
 * only, the head stays at slot 0, and the array is a plain stack or heap.
 *
 * `count` may be read without the guard (hs_ring_count()): it is stored with release and loaded with acquire.
 */
#ifndef HASTEN_QUEUE_RING_H
#define HASTEN_QUEUE_RING_H

#include <Python.h>
#include <stdlib.h>
#include <string.h>

#define HS_RING_MIN 8

typedef struct {
    PyObject **slots;
    Py_ssize_t capacity, head, count;
} hs_ring;

static inline void hs_ring_set_count(hs_ring *r, Py_ssize_t count) {
    __atomic_store_n(&r->count, count, __ATOMIC_RELEASE);
}

/* For a caller that does not hold the guard. */
static inline Py_ssize_t hs_ring_count(hs_ring *r) { return __atomic_load_n(&r->count, __ATOMIC_ACQUIRE); }

static inline Py_ssize_t hs_ring_slot(const hs_ring *r, Py_ssize_t i) {
    return (r->head + i) & (r->capacity - 1);
}

/* Move all items to a new array.  Returns 0, or -1 without memory (nothing has changed then).  Not inline:
 * put() and get() would save registers for it on every call. */
__attribute__((noinline, unused)) static int hs_ring_resize(hs_ring *r, Py_ssize_t capacity) {
    PyObject **slots;
    Py_ssize_t first;
    if ((size_t)capacity > PY_SSIZE_T_MAX / sizeof(PyObject *)) return -1;
    slots = (PyObject **)PyMem_RawMalloc((size_t)capacity * sizeof(PyObject *));
    if (slots == NULL) return -1;
    if (r->count > 0) {
        first = r->capacity - r->head;
        if (first > r->count) first = r->count;
        memcpy(slots, r->slots + r->head, (size_t)first * sizeof(PyObject *));
        memcpy(slots + first, r->slots, (size_t)(r->count - first) * sizeof(PyObject *));
    }
    PyMem_RawFree(r->slots);
    r->slots = slots;
    r->capacity = capacity;
    r->head = 0;
    return 0;
}

/* Make room for *extra* more items. */
static inline int hs_ring_reserve(hs_ring *r, Py_ssize_t extra) {
    Py_ssize_t capacity = r->capacity ? r->capacity : HS_RING_MIN;
    if (extra <= r->capacity - r->count) return 0;
    if (extra > PY_SSIZE_T_MAX / 4 - r->count) return -1;
    while (capacity < r->count + extra) capacity *= 2;
    return hs_ring_resize(r, capacity);
}

/* Takes over the reference.  Returns 0, or -1 without memory. */
static inline int hs_ring_push(hs_ring *r, PyObject *item) {
    if (r->count == r->capacity && hs_ring_reserve(r, 1) < 0) return -1;
    r->slots[hs_ring_slot(r, r->count)] = item;
    hs_ring_set_count(r, r->count + 1);
    return 0;
}

/* Shrink to a quarter below one eighth in use: a queue whose length varies by less never resizes. */
static inline void hs_ring_relax(hs_ring *r) {
    if (r->capacity > 64 && r->count < r->capacity / 8)
        (void)hs_ring_resize(r, r->capacity / 4);
}

/* Remove the item at the right end or the left one; the reference is the caller's.  The ring is not empty. */
static inline PyObject *hs_ring_pop(hs_ring *r, int right) {
    PyObject *item = r->slots[right ? hs_ring_slot(r, r->count - 1) : r->head];
    if (!right) r->head = (r->head + 1) & (r->capacity - 1);
    hs_ring_set_count(r, r->count - 1);
    hs_ring_relax(r);
    return item;
}

/* Move the content of *r* to the caller, who owns it and drops it with hs_ring_free(). */
static inline hs_ring hs_ring_detach(hs_ring *r) {
    hs_ring all = *r;
    hs_ring_set_count(r, 0);
    r->slots = NULL;
    r->capacity = r->head = 0;
    return all;
}

/* Drop the items and the array of a ring that no other thread can reach.  Runs Python code. */
static inline void hs_ring_free(hs_ring *r) {
    while (r->count > 0) {
        PyObject *item = r->slots[r->head];
        r->head = (r->head + 1) & (r->capacity - 1);
        r->count--;
        Py_DECREF(item);
    }
    PyMem_RawFree(r->slots);
    r->slots = NULL;
}

/* The same for a ring whose owner is being deallocated.  Each level of nested queues takes C stack; from
 * HS_RING_DEPTH levels on, a ring is deferred until the outermost one has been dropped. */
#define HS_RING_DEPTH 40

typedef struct hs_ring_later {
    struct hs_ring_later *next;
    hs_ring ring;
} hs_ring_later;

static inline void hs_ring_free_nested(hs_ring *r) {
    static __thread int depth;
    static __thread hs_ring_later *later;
    hs_ring_later *one;
    if (r->count > 0 && depth >= HS_RING_DEPTH && (one = (hs_ring_later *)malloc(sizeof *one)) != NULL) {
        one->ring = *r;
        one->next = later;
        later = one;
        return;
    }
    depth++;
    hs_ring_free(r);
    while (depth == 1 && (one = later) != NULL) {
        hs_ring ring = one->ring;
        later = one->next;
        free(one);
        hs_ring_free(&ring);
    }
    depth--;
}

static inline int hs_ring_visit(hs_ring *r, visitproc visit, void *arg) {
    Py_ssize_t i;
    for (i = 0; i < r->count; i++) Py_VISIT(r->slots[hs_ring_slot(r, i)]);
    return 0;
}

#endif
