/* _timers.h of hasten-threading against a plain array, and with memory that runs out. */
#include "check.h"

static int allocations_left = -1;  /* -1: as many as asked for */

static void *scarce_realloc(void *p, size_t size) {
    if (allocations_left == 0) return NULL;
    if (allocations_left > 0) allocations_left--;
    return realloc(p, size);
}

#define realloc scarce_realloc
#include "_timers.h"
#undef realloc

#define TIMERS 3000
static hs_timer timers[TIMERS];

static unsigned int next_random(void) {
    static unsigned int state = 12345;
    state = state * 1103515245u + 12345u;
    return state >> 16;
}

static void forget_all(void) {
    for (int i = 0; i < TIMERS; i++) timers[i] = (hs_timer){0};
}

static void check_places(const hs_timers *heap) {
    for (size_t place = 1; place <= heap->count; place++) {
        CHECK(heap->slots[place]->place == place);
        CHECK(place == 1 || !hs_timer_before(heap->slots[place], heap->slots[place / 2]));
    }
}

static void none_at_first(void) {
    hs_timers heap = {0};
    CHECK(hs_timers_first(&heap) == NULL);
    forget_all();
    CHECK(hs_timers_remove(&heap, &timers[0]) == 0);
}

static void earliest_first_and_equals_in_order(void) {
    hs_timers heap = {0};
    hs_timer *last = NULL, *t;
    forget_all();
    for (int i = 0; i < TIMERS; i++) {
        timers[i].deadline = next_random() % 50;
        CHECK(hs_timers_add(&heap, &timers[i]) == 0);
    }
    check_places(&heap);
    while ((t = hs_timers_first(&heap)) != NULL) {
        CHECK(last == NULL || last->deadline < t->deadline || (last->deadline == t->deadline && last < t));
        CHECK(hs_timers_remove(&heap, t) == 1);
        CHECK(t->place == 0);
        last = t;
    }
    CHECK(heap.slots == NULL && heap.capacity == 0);
}

/* The earliest of those that are in, found the slow way. */
static hs_timer *earliest(void) {
    hs_timer *found = NULL;
    for (int i = 0; i < TIMERS; i++)
        if (timers[i].place && (found == NULL || hs_timer_before(&timers[i], found))) found = &timers[i];
    return found;
}

static void any_order_of_add_and_remove(void) {
    hs_timers heap = {0};
    size_t count = 0;
    forget_all();
    for (int step = 0; step < 60000; step++) {
        hs_timer *t = &timers[next_random() % ((step / 10000) % 2 ? 200 : TIMERS)];
        if (t->place == 0) {
            t->deadline = (int64_t)(next_random() % 1000) - 500;
            CHECK(hs_timers_add(&heap, t) == 0);
            count++;
        } else {
            CHECK(hs_timers_remove(&heap, t) == 1);
            CHECK(hs_timers_remove(&heap, t) == 0);
            count--;
        }
        CHECK(heap.count == count);
        if (step % 64 == 0) {
            CHECK(hs_timers_first(&heap) == earliest());
            check_places(&heap);
        }
    }
    while (hs_timers_first(&heap)) CHECK(hs_timers_remove(&heap, hs_timers_first(&heap)) == 1);
    CHECK(heap.slots == NULL);
}

static void no_memory_changes_nothing(void) {
    hs_timers heap = {0};
    int added = 0;
    forget_all();
    allocations_left = 0;
    CHECK(hs_timers_add(&heap, &timers[0]) == -1);
    CHECK(heap.count == 0 && timers[0].place == 0);
    allocations_left = 1;
    while (hs_timers_add(&heap, &timers[added]) == 0) timers[added].deadline = 0, added++;
    CHECK(added > 0 && heap.count == (size_t)added);
    CHECK(timers[added].place == 0);
    check_places(&heap);
    allocations_left = -1;
    CHECK(hs_timers_add(&heap, &timers[added]) == 0);
    while (hs_timers_first(&heap)) hs_timers_remove(&heap, hs_timers_first(&heap));
}

int main(void) {
    RUN(none_at_first);
    RUN(earliest_first_and_equals_in_order);
    RUN(any_order_of_add_and_remove);
    RUN(no_memory_changes_nothing);
    return 0;
}
