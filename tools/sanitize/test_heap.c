/* The agenda of hasten-sched (_heap.h, _records.h, _agenda.h) against a plain array, and with memory that runs
 * out. */
#include "check.h"
#include "Python.h"
#include "_agenda.h"

#define EVENTS 4096
static PyObject objects[EVENTS];

typedef struct { double time; long priority; uint64_t sequence; int pending; } entry;
static entry model[EVENTS];

static void own_all(void) {
    for (int i = 0; i < EVENTS; i++) objects[i].ob_refcnt = 5;  /* one for each field of a record */
}

static unsigned int next_random(void) {
    static unsigned int state = 12345;
    state = state * 1103515245u + 12345u;
    return state >> 16;
}

static hs_record record_of(int i, uint64_t sequence) {
    hs_record record = { sequence, &objects[i], &objects[i], &objects[i], &objects[i], &objects[i] };
    return record;
}

static int add(hs_agenda *a, int i, double time, long priority, uint64_t sequence) {
    entry e = { time, priority, sequence, 1 };
    if (hs_agenda_add(a, time, priority, record_of(i, sequence)) < 0) return -1;
    model[i] = e;
    return 0;
}

static int model_before(const entry *a, const entry *b) {
    if (a->time != b->time) return a->time < b->time;
    if (a->priority != b->priority) return a->priority < b->priority;
    return a->sequence < b->sequence;
}

static int model_first(void) {
    int first = -1;
    for (int i = 0; i < EVENTS; i++)
        if (model[i].pending && (first < 0 || model_before(&model[i], &model[first]))) first = i;
    return first;
}

static void forget_model(void) { memset(model, 0, sizeof model); }

static int is_a_heap(const hs_heap *h) {
    for (size_t i = 1; i < h->count; i++)
        if (hs_node_before(&h->nodes[i], &h->nodes[(i - 1) / HS_HEAP_WAYS])) return 0;
    return 1;
}

static void check_take_first(hs_agenda *a) {
    int expected = model_first();
    hs_record *first = hs_agenda_first(a);
    CHECK((first == NULL) == (expected < 0));
    if (first == NULL) return;
    CHECK(first->sequence == model[expected].sequence && first->action == &objects[expected]);
    CHECK(hs_agenda_first_time(a) == model[expected].time);
    CHECK(hs_agenda_on_top(a, first->sequence));
    hs_record taken = hs_agenda_take_first(a, first);
    CHECK(taken.time == &objects[expected]);
    model[expected].pending = 0;
}

static void check_cancel(hs_agenda *a, int i) {
    hs_record *found = hs_records_find(&a->records, model[i].sequence);
    CHECK((found != NULL) == model[i].pending);
    if (found == NULL) return;
    hs_record cancelled = hs_agenda_cancel(a, found);
    CHECK(cancelled.sequence == model[i].sequence && cancelled.kwargs == &objects[i]);
    CHECK(hs_records_find(&a->records, model[i].sequence) == NULL);
    model[i].pending = 0;
}

/* Ever growing sequence numbers on a fixed set of places, with phases of growth and of decline. */
static void any_order_of_add_take_and_cancel(void) {
    hs_agenda a = {0};
    uint64_t sequence = 1;  /* 0 stands for a place that was never used */
    size_t live = 0;
    forget_model();
    for (int step = 0; step < 60000; step++) {
        int i = (int)(next_random() % (EVENTS / 8));
        unsigned int what = next_random() % 8, add_below = (step / 6000) % 2 ? 2 : 6;
        if (what < add_below) {
            if (model[i].pending) continue;
            CHECK(add(&a, i, next_random() % 50, (long)(next_random() % 3) - 1, sequence++) == 0);
            live++;
        } else if (what % 2) {
            live -= model_first() >= 0;
            check_take_first(&a);
        } else {
            live -= (size_t)model[i].pending;
            check_cancel(&a, i);
        }
        CHECK(a.records.live == live);
        CHECK(a.heap.count >= live && a.heap.count <= 2 * live + HS_HEAP_MIN + 2);
        CHECK(a.records.used * 3 <= a.records.capacity * 2);
        if (step % 1000 == 0) CHECK(is_a_heap(&a.heap));
    }
    while (model_first() >= 0) check_take_first(&a);
    CHECK(hs_agenda_first(&a) == NULL);
    hs_agenda_free(&a);
}

static void ties_leave_as_they_came(void) {
    hs_agenda a = {0};
    forget_model();
    for (int i = 0; i < EVENTS; i++) CHECK(add(&a, i, 1.0, i % 3, (uint64_t)i) == 0);
    for (int priority = 0; priority < 3; priority++)
        for (int i = priority; i < EVENTS; i += 3) {
            hs_record *first = hs_agenda_first(&a);
            CHECK(first->sequence == (uint64_t)i);
            hs_agenda_take_first(&a, first);
        }
    hs_agenda_free(&a);
}

/* Old events at distances that are powers of two, which all have the same slot to begin with. */
static void numbers_far_apart(void) {
    for (unsigned int shift = 5; shift < 52; shift++) {
        hs_records r = {0};
        for (uint64_t i = 0; i < 500; i++) {
            CHECK(hs_records_reserve(&r) == 0);
            hs_records_store(&r, record_of((int)i, i << shift));
        }
        for (uint64_t i = 0; i < 500; i++) {
            hs_record *found = hs_records_find(&r, i << shift);
            CHECK(found != NULL && found->time == &objects[i]);
            CHECK(hs_records_find(&r, (i << shift) + 1) == NULL);
            if (i % 2) hs_records_remove(&r, found);
        }
        for (uint64_t i = 0; i < 500; i++) CHECK((hs_records_find(&r, i << shift) == NULL) == (i % 2));
        PyMem_RawFree(r.slots);
    }
}

static void a_listing_is_in_order_and_changes_nothing(void) {
    hs_agenda a = {0};
    hs_record listed[EVENTS];
    forget_model();
    for (int i = 0; i < 1000; i++) CHECK(add(&a, i, next_random() % 100, 0, (uint64_t)i) == 0);
    for (int i = 0; i < 1000; i += 3) check_cancel(&a, i);
    CHECK(hs_agenda_list(&a, NULL, 0) == 666);
    CHECK(hs_agenda_list(&a, listed, EVENTS) == 666);
    CHECK(is_a_heap(&a.heap));
    for (int i = 0; i < 666; i++) {
        CHECK(listed[i].sequence == hs_agenda_first(&a)->sequence);
        check_take_first(&a);
    }
    CHECK(hs_agenda_list(&a, listed, EVENTS) == 0);
    hs_agenda_free(&a);
}

static void memory_is_given_back(void) {
    hs_agenda a = {0};
    forget_model();
    for (int i = 0; i < EVENTS; i++) CHECK(add(&a, i, i, 0, (uint64_t)i) == 0);
    for (int i = 0; i < EVENTS - 1; i++) hs_agenda_take_first(&a, hs_agenda_first(&a));
    CHECK(a.heap.capacity <= 64 && a.records.capacity <= 128);
    CHECK(hs_agenda_first(&a)->time == &objects[EVENTS - 1]);
    hs_agenda_take_first(&a, hs_agenda_first(&a));
    hs_agenda_free(&a);
}

static void no_memory_changes_nothing(void) {
    hs_agenda a = {0};
    int added = 0, failed = 0;
    forget_model();
    allocations_left = 0;
    CHECK(add(&a, 0, 1, 0, 0) == -1);
    for (int i = 0; i < EVENTS; i++) {
        allocations_left = 0;
        if (add(&a, i, EVENTS - i, 0, (uint64_t)i) < 0) {
            failed++;
            allocations_left = failed % 2 ? 1 : -1;  /* the heap may grow, and then the table may not */
            if (add(&a, i, EVENTS - i, 0, (uint64_t)i) < 0) {
                allocations_left = -1;
                CHECK(add(&a, i, EVENTS - i, 0, (uint64_t)i) == 0);
            }
        }
        added++;
        CHECK(a.records.live == (size_t)added && a.heap.count == (size_t)added);
    }
    CHECK(failed > 5);
    allocations_left = 0;  /* and none to shrink is no error */
    for (int i = EVENTS - 1; i >= 0; i--) CHECK(hs_agenda_take_first(&a, hs_agenda_first(&a)).time == &objects[i]);
    allocations_left = -1;
    hs_agenda_free(&a);
}

static void more_than_there_can_be(void) {
    hs_agenda a = {0};
    CHECK(hs_heap_resize(&a.heap, PY_SSIZE_T_MAX) == -1);
    CHECK(hs_records_rehash(&a.records, (size_t)1 << 62) == -1);
    CHECK(a.heap.nodes == NULL && a.records.slots == NULL);
}

static void free_drops_each_reference_once(void) {
    hs_agenda a = {0}, all;
    forget_model();
    own_all();
    for (int i = 0; i < 100; i++) CHECK(add(&a, i, i, 0, (uint64_t)i) == 0);
    for (int i = 0; i < 50; i++) hs_agenda_take_first(&a, hs_agenda_first(&a));
    all = hs_agenda_detach(&a);
    CHECK(hs_agenda_first(&a) == NULL && a.records.slots == NULL);
    hs_agenda_free(&all);
    for (int i = 0; i < 200; i++) CHECK(objects[i].ob_refcnt == (i < 50 || i >= 100 ? 5 : 0));
}

static int count_visit(PyObject *object, void *seen) {
    ((char *)seen)[object - objects]++;
    return object == &objects[70] ? 7 : 0;
}

static void visit_sees_each_part_and_stops_when_told(void) {
    hs_agenda a = {0};
    char seen[EVENTS] = {0};
    forget_model();
    for (int i = 0; i < 70; i++) CHECK(add(&a, i, i, 0, (uint64_t)i) == 0);
    for (int i = 0; i < 10; i++) check_cancel(&a, i);
    CHECK(hs_records_visit(&a.records, count_visit, seen) == 0);
    for (int i = 0; i < EVENTS; i++) CHECK(seen[i] == (i >= 10 && i < 70 ? 5 : 0));
    CHECK(add(&a, 70, 70, 0, 70) == 0);
    CHECK(hs_records_visit(&a.records, count_visit, seen) == 7);
    PyMem_RawFree(a.records.slots);
    PyMem_RawFree(a.heap.nodes);
}

static void numbers_count_up(void) {
    uint64_t numbers = 0;
    for (uint64_t i = 0; i < 1000; i++) CHECK(hs_next_number(&numbers) == i);
}

int main(void) {
    own_all();
    RUN(any_order_of_add_take_and_cancel);
    RUN(ties_leave_as_they_came);
    RUN(numbers_far_apart);
    RUN(a_listing_is_in_order_and_changes_nothing);
    RUN(memory_is_given_back);
    RUN(no_memory_changes_nothing);
    RUN(more_than_there_can_be);
    RUN(free_drops_each_reference_once);
    RUN(visit_sees_each_part_and_stops_when_told);
    RUN(numbers_count_up);
    return 0;
}
