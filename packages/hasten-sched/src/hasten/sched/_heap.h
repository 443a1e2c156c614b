/* _heap.h: a 4-ary heap of due times.
 *
 * Invariant: no two nodes are equal, because sequence numbers are unique.  So the order in which nodes leave
 * does not depend on the shape of the heap, and is the standard library's.
 *
 * A node has the key of an event only, the rest is in _records.h: a comparison touches nothing but the array,
 * and the four children of a node lie in two cache lines.
 *
 * Nothing here runs Python code.
 */
#ifndef HASTEN_SCHED_HEAP_H
#define HASTEN_SCHED_HEAP_H

#include <Python.h>
#include <string.h>

#define HS_HEAP_MIN 16
#define HS_HEAP_WAYS 4

typedef struct {
    double time;  /* never a NaN */
    long priority;
    uint64_t sequence;
} hs_node;

typedef struct {
    hs_node *nodes;
    size_t count, capacity;
} hs_heap;

static inline int hs_node_before(const hs_node *a, const hs_node *b) {
    if (a->time != b->time) return a->time < b->time;
    if (a->priority != b->priority) return a->priority < b->priority;
    return a->sequence < b->sequence;
}

static inline int hs_node_compare(const void *a, const void *b) {  /* for qsort() */
    return hs_node_before((const hs_node *)b, (const hs_node *)a)
        - hs_node_before((const hs_node *)a, (const hs_node *)b);
}

static inline int hs_heap_resize(hs_heap *h, size_t capacity) {
    hs_node *nodes;
    if (capacity > PY_SSIZE_T_MAX / sizeof(hs_node)) return -1;
    nodes = (hs_node *)PyMem_RawMalloc(capacity * sizeof(hs_node));
    if (nodes == NULL) return -1;
    if (h->count > 0) memcpy(nodes, h->nodes, h->count * sizeof(hs_node));
    PyMem_RawFree(h->nodes);
    h->nodes = nodes;
    h->capacity = capacity;
    return 0;
}

/* Make room for one more node.  Returns 0, or -1 without memory (nothing has changed then). */
static inline int hs_heap_reserve(hs_heap *h) {
    if (h->count < h->capacity) return 0;
    return hs_heap_resize(h, h->capacity ? h->capacity * 2 : HS_HEAP_MIN);
}

/* Shrink to a quarter below one eighth in use: a heap whose size varies by less never resizes. */
static inline void hs_heap_relax(hs_heap *h) {
    if (h->capacity > 4 * HS_HEAP_MIN && h->count < h->capacity / 8)
        (void)hs_heap_resize(h, h->capacity / 4);
}

/* Put *node* into the hole at *at*, after moving down those ancestors that come later. */
static inline void hs_heap_rise(hs_heap *h, size_t at, hs_node node) {
    while (at > 0) {
        size_t parent = (at - 1) / HS_HEAP_WAYS;
        if (!hs_node_before(&node, &h->nodes[parent])) break;
        h->nodes[at] = h->nodes[parent];
        at = parent;
    }
    h->nodes[at] = node;
}

/* The earliest child of *at*, or 0 if it has none. */
static inline size_t hs_heap_child(const hs_heap *h, size_t at) {
    size_t first = at * HS_HEAP_WAYS + 1, end = first + HS_HEAP_WAYS, best = first, i;
    if (first >= h->count) return 0;
    if (end > h->count) end = h->count;
    for (i = first + 1; i < end; i++)
        if (hs_node_before(&h->nodes[i], &h->nodes[best])) best = i;
    return best;
}

/* There is room: see hs_heap_reserve(). */
static inline void hs_heap_push(hs_heap *h, hs_node node) {
    hs_heap_rise(h, h->count++, node);
}

/* Remove the earliest node; there is one. */
static inline void hs_heap_pop(hs_heap *h) {
    hs_node last = h->nodes[--h->count];
    size_t at = 0, child;
    if (h->count > 0) {
        /* The last node nearly always belongs near the bottom.  So the hole sinks all the way without
         * comparing it, which saves one comparison in four. */
        while ((child = hs_heap_child(h, at)) != 0) {
            h->nodes[at] = h->nodes[child];
            at = child;
        }
        hs_heap_rise(h, at, last);
    }
    hs_heap_relax(h);
}

static inline void hs_heap_sink(hs_heap *h, size_t at, hs_node node) {
    size_t child;
    while ((child = hs_heap_child(h, at)) != 0 && hs_node_before(&h->nodes[child], &node)) {
        h->nodes[at] = h->nodes[child];
        at = child;
    }
    h->nodes[at] = node;
}

/* Make nodes in any order a heap. */
static inline void hs_heap_order(hs_heap *h) {
    size_t at;
    if (h->count < 2) return;
    for (at = (h->count - 2) / HS_HEAP_WAYS + 1; at-- > 0;) hs_heap_sink(h, at, h->nodes[at]);
}

#endif
