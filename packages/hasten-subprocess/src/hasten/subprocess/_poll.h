/* _poll.h: poll() with a deadline, and without the EINTR loop: the caller has signals to look after. */
#ifndef HASTEN_SUBPROCESS_POLL_H
#define HASTEN_SUBPROCESS_POLL_H

#ifndef _GNU_SOURCE
#  define _GNU_SOURCE  /* ppoll */
#endif

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "clock.h"

/* Sleep until a descriptor is ready (how many), the deadline has come (0), or an error such as EINTR (-1).
 * A deadline that has passed looks only.  Call it without the GIL. */
static inline int hs_poll(struct pollfd *fds, nfds_t count, int64_t deadline) {
    int64_t left = 0;
    if (deadline != HS_NEVER) {
        left = deadline - hs_now();
        if (left < 0) left = 0;
    }
#if defined(__APPLE__)
    int64_t ms = left / 1000000 + (left % 1000000 != 0);  /* up: never back before the deadline */
    if (ms > INT_MAX) ms = INT_MAX;
    return poll(fds, count, deadline == HS_NEVER ? -1 : (int)ms);
#else
    struct timespec t = hs_timespec(left);
    return ppoll(fds, count, deadline == HS_NEVER ? NULL : &t, NULL);
#endif
}

#endif
