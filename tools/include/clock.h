/* clock.h: deadlines.  Inside, a wait has a deadline: nanoseconds of CLOCK_MONOTONIC, or HS_NEVER.
 * Timeouts exist only at the boundary, where hs_deadline_after() turns one into a deadline. */
#ifndef HASTEN_CLOCK_H
#define HASTEN_CLOCK_H

#include <math.h>
#include <stdint.h>
#include <time.h>

#define HS_NEVER INT64_MAX

static inline int64_t hs_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The deadline *seconds* from now.  Fractions of a nanosecond round up, so that a wait never ends
 * early; what no int64_t can hold (and infinity) is HS_NEVER.  *seconds* is not a NaN. */
static inline int64_t hs_deadline_after(double seconds) {
    double ns = ceil(seconds * 1e9);
    int64_t now = hs_now();
    if (ns >= (double)(HS_NEVER - now)) return HS_NEVER;
    if (ns <= 0) return now;
    return now + (int64_t)ns;
}

static inline struct timespec hs_timespec(int64_t ns) {
    struct timespec t;
    t.tv_sec = (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    return t;
}

#endif
