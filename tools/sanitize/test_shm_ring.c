/* shm_ring.h: order, growth and giving back, limits, the eventfd, shutdown, small address spaces, and killed processes. */
#include "shm_ring.h" /* first, for _GNU_SOURCE */

#include "check.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static hs_ring ring;

static int put(const void *data, uint64_t size) {
    hs_piece piece = {data, size};
    return hs_ring_put(&ring, 7, &piece, 1, 0, 1, 0);
}

static int put_number(uint64_t number, uint64_t limit) {
    hs_piece piece = {&number, sizeof number};
    return hs_ring_put(&ring, 1, &piece, 1, limit, 1, 0);
}

static uint64_t get_number(void) {
    uint64_t number = 0;
    hs_record got;
    CHECK(hs_ring_get(&ring, &got, &number, sizeof number, 1) == HS_RING_DONE);
    CHECK(got.kind == 1 && got.length == sizeof number);
    return number;
}

static int is_readable(void) {
    struct pollfd fd = {ring.event, POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
}

static uint64_t used_units(void) {
    uint64_t used = 0;
    for (uint64_t i = 0; i < ring.units.units; i++) used += hs_unit_state(&ring.units, i) > HS_UNIT_WARM;
    return used - hs_units_header(HS_RING_PAGE, ring.units.units * HS_UNIT);
}

static void order_and_count(void) {
    CHECK(hs_ring_make(&ring) == 0);
    for (uint64_t i = 0; i < 300000; i++) {
        CHECK(put_number(i, 0) == HS_RING_DONE);
        CHECK(hs_ring_count(&ring) == 1 + i - i / 2);
        if (i % 2) CHECK(get_number() == i / 2);
    }
    for (uint64_t i = 150000; i < 300000; i++) CHECK(get_number() == i);
    CHECK(hs_ring_count(&ring) == 0);
    CHECK(used_units() <= HS_RUN_UNITS);
    hs_ring_close(&ring);
}

static void large_records_and_small_ones(void) {
    static char data[3 << 20], back[3 << 20];
    hs_record got;
    CHECK(hs_ring_make(&ring) == 0);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7);
    for (int round = 0; round < 50; round++) {
        uint64_t sizes[] = {0, 1, 8, 65000, 65536, 262144 - 24, 262144, 1000001, sizeof data, 3};
        for (int i = 0; i < 10; i++) CHECK(put(data, sizes[i]) == HS_RING_DONE);
        for (int i = 0; i < 10; i++) {
            if (sizes[i]) CHECK(hs_ring_get(&ring, &got, back, sizes[i] - 1, 1) == HS_RING_SMALL);
            CHECK(hs_ring_get(&ring, &got, back, sizes[i], 1) == HS_RING_DONE && got.length == sizes[i]);
            CHECK(memcmp(data, back, sizes[i]) == 0);
        }
        CHECK(hs_ring_get(&ring, &got, back, 8, 1) == HS_RING_EMPTY);
    }
    CHECK(used_units() <= 64);
    CHECK(ring.page->used == used_units());
    hs_ring_close(&ring);
}

static void memory_goes_back(void) {
    static char data[1 << 20], back[1 << 20];
    struct stat file;
    hs_record got;
    CHECK(hs_ring_make(&ring) == 0);
    for (int i = 0; i < 200; i++) CHECK(put(data, sizeof data) == HS_RING_DONE);
    fstat(ring.units.fd, &file);
    CHECK(file.st_blocks > 200 * 2048);
    for (int i = 0; i < 200; i++) CHECK(hs_ring_get(&ring, &got, back, sizeof back, 1) == HS_RING_DONE);
    fstat(ring.units.fd, &file);
    CHECK(file.st_blocks < 70 * 2048);
    hs_ring_trim(&ring);
    fstat(ring.units.fd, &file);
    CHECK(file.st_blocks < 5 * 2048);
    hs_ring_close(&ring);
}

static void limits(void) {
    hs_record got;
    CHECK(hs_ring_make(&ring) == 0);
    CHECK(put_number(1, 2) == HS_RING_DONE && put_number(2, 2) == HS_RING_DONE);
    CHECK(put_number(3, 2) == HS_RING_FULL);
    CHECK(hs_ring_task_done(&ring) && hs_ring_task_done(&ring) && !hs_ring_task_done(&ring));
    CHECK(get_number() == 1 && put_number(3, 2) == HS_RING_DONE);
    CHECK(hs_ring_shut(&ring, 0) == HS_RING_DONE && put_number(4, 0) == HS_RING_SHUT);
    CHECK(get_number() == 2 && get_number() == 3);
    CHECK(hs_ring_get(&ring, &got, NULL, 0, 1) == HS_RING_SHUT);
    hs_ring_close(&ring);
    CHECK(hs_ring_make(&ring) == 0);
    for (uint64_t i = 0; i < 100000; i++) CHECK(put_number(i, 0) == HS_RING_DONE);
    CHECK(get_number() == 0 && hs_ring_shut(&ring, 1) == HS_RING_DONE);
    CHECK(hs_ring_count(&ring) == 0 && hs_ring_unfinished(&ring) == 1 && used_units() <= HS_RUN_UNITS);
    CHECK(hs_ring_get(&ring, &got, NULL, 0, 1) == HS_RING_SHUT);
    hs_ring_close(&ring);
}

static void eventfd_tells(void) {
    CHECK(hs_ring_make(&ring) == 0);
    CHECK(put_number(1, 0) == HS_RING_DONE && !is_readable());
    CHECK(hs_ring_arm(&ring) == ring.event && is_readable());
    CHECK(get_number() == 1 && !is_readable());
    CHECK(put_number(2, 0) == HS_RING_DONE && put_number(3, 0) == HS_RING_DONE && is_readable());
    CHECK(get_number() == 2 && is_readable() && get_number() == 3 && !is_readable());
    CHECK(hs_ring_shut(&ring, 0) == HS_RING_DONE && is_readable());
    hs_ring_close(&ring);
}

static void small_address_space(void) {
    static char data[5 << 20], back[5 << 20];
    hs_record got;
    hs_ring other;
    CHECK(hs_ring_make(&ring) == 0);
    CHECK(hs_ring_attach(&other, dup(ring.units.fd), dup(ring.event)) == 0);
    munmap(ring.units.base + HS_RING_LEAST, ring.units.mapped - HS_RING_LEAST);
    ring.units.mapped = HS_RING_LEAST;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 10; i++) {
            memset(data, i, sizeof data);
            CHECK(put(data, sizeof data) == HS_RING_DONE && put_number((uint64_t)i, 0) == HS_RING_DONE);
        }
        ring.page->lost = 1;
        for (int i = 0; i < 10; i++) {
            CHECK(hs_ring_get(i % 2 ? &ring : &other, &got, back, sizeof back, 1) == HS_RING_DONE);
            CHECK(back[0] == i && back[sizeof back - 1] == i);
            CHECK(get_number() == (uint64_t)i);
        }
    }
    hs_ring_close(&ring);
    hs_ring_close(&other);
}

/* ---- processes that are killed ---- */

static _Noreturn void produce(int id) {
    static char padding[200000];
    for (uint64_t i = 0;; i++) {
        uint64_t number = (uint64_t)id << 32 | i;
        hs_piece pieces[] = {{&number, sizeof number}, {padding, i % 50 ? i % 300 : sizeof padding}};
        while (hs_ring_put(&ring, 1, pieces, 2, 500, 1, 0) != HS_RING_DONE)
            hs_ring_wait_space(&ring, 500, hs_now() + 1000000);
    }
}

static _Noreturn void consume(void) {
    static char back[300000];
    hs_record got;
    for (;;)
        if (hs_ring_get(&ring, &got, back, sizeof back, 1) == HS_RING_EMPTY)
            hs_ring_wait_data(&ring, hs_now() + 1000000);
}

static pid_t start(int id) {
    pid_t child = fork();
    if (child == 0 && id) produce(id);
    if (child == 0) consume();
    return child;
}

static void kills(void) {
    static char back[300000];
    static uint64_t last[4096];
    pid_t children[4];
    int id = 0;
    hs_record got;
    uint64_t number, taken = 0;
    CHECK(hs_ring_make(&ring) == 0);
    hs_ring_arm(&ring);
    for (int i = 0; i < 4; i++) children[i] = start(i < 3 ? ++id : 0);
    for (int killed = 0; killed < 500; killed++) {
        int64_t until = hs_now() + 1000000 + killed % 7 * 300000, patience = hs_now() + 5000000000;
        for (uint64_t count = taken; hs_now() < until || taken == count;) {
            CHECK(hs_now() < patience);
            if (hs_ring_get(&ring, &got, back, sizeof back, 1) != HS_RING_DONE) {
                hs_ring_wait_data(&ring, hs_now() + 1000000);
                continue;
            }
            memcpy(&number, back, sizeof number);
            CHECK(got.length == 8 + ((uint32_t)number % 50 ? (uint32_t)number % 300 : 200000));
            CHECK(number >> 32 <= (uint64_t)id && number >> 32 > 0 && (uint32_t)number >= last[number >> 32]);
            last[number >> 32] = (uint32_t)number + 1;
            taken++;
        }
        int victim = killed % 4;
        kill(children[victim], SIGKILL);
        waitpid(children[victim], NULL, 0);
        children[victim] = start(victim < 3 ? ++id : 0);
    }
    for (int i = 0; i < 4; i++) kill(children[i], SIGKILL), waitpid(children[i], NULL, 0);
    while (hs_ring_get(&ring, &got, back, sizeof back, 1) == HS_RING_DONE) {}
    CHECK(hs_ring_count(&ring) == 0 && !is_readable());
    CHECK(put_number(1, 0) == HS_RING_DONE && is_readable() && get_number() == 1 && !is_readable());
    ring.page->lost = 1;
    for (int i = 0; i < 20000; i++) CHECK(put_number(1, 0) == HS_RING_DONE && get_number() == 1);
    CHECK(used_units() <= 2 * HS_RUN_UNITS);
    hs_ring_close(&ring);
}

int main(void) {
    RUN(order_and_count);
    RUN(large_records_and_small_ones);
    RUN(memory_goes_back);
    RUN(limits);
    RUN(eventfd_tells);
    RUN(small_address_space);
    RUN(kills);
    return 0;
}
