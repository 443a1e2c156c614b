/* _timers.h: a binary heap of timers by deadline.  Takes no locks, calls no Python.
 *
 * Each timer has its index in the heap, so that a cancelled one is removed at once.  Timers with equal deadlines
 * leave in the order in which they were added.
 */
#ifndef HASTEN_TIMERS_H
#define HASTEN_TIMERS_H

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int64_t deadline;  /* nanoseconds of CLOCK_MONOTONIC */
    uint64_t order;    /* given by hs_timers_add() */
    size_t place;      /* index in the heap, from 1; 0: not in it */
    void *owner;
} hs_timer;

typedef struct {
    hs_timer **slots;  /* slots[0] is not used */
    size_t count, capacity;
    uint64_t added;
} hs_timers;

static inline int hs_timer_before(const hs_timer *a, const hs_timer *b) {
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static inline void hs_timers_put(hs_timers *h, size_t place, hs_timer *t) {
    h->slots[place] = t;
    t->place = place;
}

static inline void hs_timers_up(hs_timers *h, hs_timer *t, size_t place) {
    for (; place > 1 && hs_timer_before(t, h->slots[place / 2]); place /= 2)
        hs_timers_put(h, place, h->slots[place / 2]);
    hs_timers_put(h, place, t);
}

static inline void hs_timers_down(hs_timers *h, hs_timer *t, size_t place) {
    size_t child;
    while ((child = 2 * place) <= h->count) {
        if (child < h->count && hs_timer_before(h->slots[child + 1], h->slots[child])) child++;
        if (!hs_timer_before(h->slots[child], t)) break;
        hs_timers_put(h, place, h->slots[child]);
        place = child;
    }
    hs_timers_put(h, place, t);
}

/* The timer that is due first, or NULL. */
static inline hs_timer *hs_timers_first(const hs_timers *h) { return h->count ? h->slots[1] : NULL; }

/* Returns 0, or -1 without memory. */
static inline int hs_timers_add(hs_timers *h, hs_timer *t) {
    if (h->count + 1 >= h->capacity) {
        size_t capacity = h->capacity ? 2 * h->capacity : 16;
        hs_timer **slots = (hs_timer **)realloc(h->slots, capacity * sizeof(hs_timer *));
        if (slots == NULL) return -1;
        h->slots = slots;
        h->capacity = capacity;
    }
    t->order = h->added++;
    hs_timers_up(h, t, ++h->count);
    return 0;
}

/* Remove *t*; returns whether it was in the heap. */
static inline int hs_timers_remove(hs_timers *h, hs_timer *t) {
    size_t place = t->place;
    hs_timer *last;
    if (place == 0) return 0;
    last = h->slots[h->count--];
    t->place = 0;
    if (last != t) {
        if (place > 1 && hs_timer_before(last, h->slots[place / 2])) hs_timers_up(h, last, place);
        else hs_timers_down(h, last, place);
    }
    if (h->count == 0) {
        free(h->slots);
        h->slots = NULL;
        h->capacity = 0;
    }
    return 1;
}

#endif
