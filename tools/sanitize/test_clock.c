/* clock.h: deadlines at and around the ends of what an int64_t and a double can say. */
#include "check.h"
#include "clock.h"

static void deadline_lies_ahead(void) {
    int64_t before = hs_now();
    int64_t deadline = hs_deadline_after(1.5);
    CHECK(deadline >= before + 1500000000);
    CHECK(deadline <= hs_now() + 1500000000);
}

static void fraction_of_a_nanosecond_rounds_up(void) {
    int64_t before = hs_now();
    CHECK(hs_deadline_after(1e-12) > before);
    CHECK(hs_deadline_after(5e-324) > before);
}

static void no_time_left_is_now(void) {
    const double none[] = {0.0, -0.0, -1e-300, -1.0, -1e300, -INFINITY};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        int64_t before = hs_now();
        int64_t deadline = hs_deadline_after(none[i]);
        CHECK(deadline >= before && deadline <= hs_now());
    }
}

static void too_far_is_never(void) {
    CHECK(hs_deadline_after(INFINITY) == HS_NEVER);
    CHECK(hs_deadline_after(1e300) == HS_NEVER);
    CHECK(hs_deadline_after(9.3e9) == HS_NEVER);
    CHECK(hs_deadline_after(1e9) < HS_NEVER);
}

/* The cast to int64_t overflows where the comparison before it is wrong by one double. */
static void the_edge_of_int64(void) {
    double seconds = (double)(HS_NEVER - hs_now()) / 1e9;
    for (int i = 0; i < 1000; i++) seconds = nextafter(seconds, 0);
    for (int i = 0; i < 2000; i++) {
        CHECK(hs_deadline_after(seconds) > hs_now());
        seconds = nextafter(seconds, INFINITY);
    }
}

static void timespec_has_the_same_nanoseconds(void) {
    const int64_t times[] = {0, 1, 999999999, 1000000000, 1234567890123, HS_NEVER - 1};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct timespec t = hs_timespec(times[i]);
        CHECK((int64_t)t.tv_sec * 1000000000 + t.tv_nsec == times[i]);
        CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    }
}

int main(void) {
    RUN(deadline_lies_ahead);
    RUN(fraction_of_a_nanosecond_rounds_up);
    RUN(no_time_left_is_now);
    RUN(too_far_is_never);
    RUN(the_edge_of_int64);
    RUN(timespec_has_the_same_nanoseconds);
    return 0;
}
