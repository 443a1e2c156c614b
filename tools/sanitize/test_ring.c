/* _ring.h of hasten-queue against a plain array, and with memory that runs out. */
#include "check.h"
#include "Python.h"
#include "_ring.h"

enum { LEFT = 0, RIGHT = 1 };
#define OBJECTS 4096
static PyObject objects[OBJECTS];

static void own_all(void) {
    for (int i = 0; i < OBJECTS; i++) objects[i].ob_refcnt = 1;
}

static void first_in_first_out(void) {
    hs_ring ring = {0};
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_pop(&ring, LEFT) == &objects[i]);
    CHECK(ring.count == 0);
    hs_ring_free(&ring);
}

static void last_in_first_out_from_slot_0(void) {
    hs_ring ring = {0};
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    for (int i = OBJECTS - 1; i >= 0; i--) {
        CHECK(hs_ring_pop(&ring, RIGHT) == &objects[i]);
        CHECK(ring.head == 0);
    }
    hs_ring_free(&ring);
}

static unsigned int next_random(void) {
    static unsigned int state = 12345;
    state = state * 1103515245u + 12345u;
    return state >> 16;
}

/* Items i .. j of a model that is nothing but two numbers: pushes count up, pops take from an end. */
static void any_order_of_push_and_pop(void) {
    hs_ring ring = {0};
    int model[OBJECTS];
    int first = 0, count = 0;
    for (int step = 0; step < 400000; step++) {
        /* phases of growth and of decline, so that it resizes both ways with the head anywhere */
        int grow = (step / 20000) % 2 ? 3 : 1;
        if ((int)(next_random() % 4) < 4 - grow && count < OBJECTS) {
            int object = (int)(next_random() % OBJECTS);
            CHECK(hs_ring_push(&ring, &objects[object]) == 0);
            model[(first + count++) % OBJECTS] = object;
        } else if (count > 0 && next_random() % 2) {
            CHECK(hs_ring_pop(&ring, LEFT) == &objects[model[first]]);
            first = (first + 1) % OBJECTS;
            count--;
        } else if (count > 0) {
            CHECK(hs_ring_pop(&ring, RIGHT) == &objects[model[(first + --count) % OBJECTS]]);
        }
        CHECK(ring.count == count);
        CHECK(ring.count <= ring.capacity);
        CHECK((ring.capacity & (ring.capacity - 1)) == 0);
    }
    PyMem_RawFree(ring.slots);
}

static void memory_is_given_back(void) {
    hs_ring ring = {0};
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    while (ring.count > 1) hs_ring_pop(&ring, LEFT);
    CHECK(ring.capacity <= 64);
    CHECK(hs_ring_pop(&ring, LEFT) == &objects[OBJECTS - 1]);
    hs_ring_free(&ring);
}

static void no_memory_changes_nothing(void) {
    hs_ring ring = {0};
    for (int i = 0; i < HS_RING_MIN; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    hs_ring_pop(&ring, LEFT);
    CHECK(hs_ring_push(&ring, &objects[HS_RING_MIN]) == 0);  /* full, and wrapped around */
    allocations_left = 0;
    CHECK(hs_ring_push(&ring, &objects[0]) == -1);
    CHECK(hs_ring_reserve(&ring, 1) == -1);
    CHECK(ring.count == HS_RING_MIN);
    for (int i = 1; i <= HS_RING_MIN; i++) CHECK(hs_ring_pop(&ring, LEFT) == &objects[i]);
    allocations_left = -1;
    hs_ring_free(&ring);
}

static void no_memory_to_shrink_is_no_error(void) {
    hs_ring ring = {0};
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    allocations_left = 0;
    for (int i = 0; i < OBJECTS; i++) CHECK(hs_ring_pop(&ring, LEFT) == &objects[i]);
    allocations_left = -1;
    hs_ring_free(&ring);
}

static void more_than_there_can_be(void) {
    hs_ring ring = {0};
    CHECK(hs_ring_reserve(&ring, PY_SSIZE_T_MAX) == -1);
    CHECK(hs_ring_reserve(&ring, PY_SSIZE_T_MAX / 2) == -1);
    CHECK(hs_ring_resize(&ring, PY_SSIZE_T_MAX / 2) == -1);
    CHECK(ring.capacity == 0 && ring.slots == NULL);
    CHECK(hs_ring_reserve(&ring, 100) == 0);
    CHECK(ring.capacity >= 100);
    hs_ring_free(&ring);
}

static void free_drops_each_reference_once(void) {
    hs_ring ring = {0}, all;
    own_all();
    for (int i = 0; i < 100; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    for (int i = 0; i < 50; i++) hs_ring_pop(&ring, LEFT);
    for (int i = 0; i < 60; i++) CHECK(hs_ring_push(&ring, &objects[100 + i]) == 0);
    all = hs_ring_detach(&ring);
    CHECK(ring.count == 0 && ring.capacity == 0 && ring.slots == NULL);
    hs_ring_free(&all);
    for (int i = 0; i < 200; i++) CHECK(objects[i].ob_refcnt == (i < 50 || i >= 160 ? 1 : 0));
}

static int count_visit(PyObject *object, void *seen) {
    ((char *)seen)[object - objects]++;
    return object == &objects[70] ? 7 : 0;
}

static void visit_sees_each_item_and_stops_when_told(void) {
    hs_ring ring = {0};
    char seen[OBJECTS] = {0};
    for (int i = 0; i < 70; i++) CHECK(hs_ring_push(&ring, &objects[i]) == 0);
    for (int i = 0; i < 10; i++) hs_ring_pop(&ring, LEFT);
    CHECK(hs_ring_visit(&ring, count_visit, seen) == 0);
    for (int i = 0; i < OBJECTS; i++) CHECK(seen[i] == (i >= 10 && i < 70));
    CHECK(hs_ring_push(&ring, &objects[70]) == 0);
    CHECK(hs_ring_visit(&ring, count_visit, seen) == 7);
    hs_ring_free(&ring);
}

int main(void) {
    own_all();
    RUN(first_in_first_out);
    RUN(last_in_first_out_from_slot_0);
    RUN(any_order_of_push_and_pop);
    RUN(memory_is_given_back);
    RUN(no_memory_changes_nothing);
    RUN(no_memory_to_shrink_is_no_error);
    RUN(more_than_there_can_be);
    RUN(free_drops_each_reference_once);
    RUN(visit_sees_each_item_and_stops_when_told);
    return 0;
}
