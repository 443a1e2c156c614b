# cython: freethreading_compatible=True
"""Sleeping until an event is due, and being woken because there is an earlier one, or none.

The only module of this distribution that parks threads (see sleep.h and park.h).  The list of sleepers is
guarded by the hs_mutex of its scheduler.  All are woken: each may sleep until the time of another event,
and has to look anew.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport hs_collect, hs_sleep, hs_wake, hs_wakes


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1:
    """Sleep until woken or the deadline; the caller looks again in any case.

    The guard is held at the start and free at the end.  Raises what a signal handler raises.
    """
    return hs_sleep(list, guard, deadline, NULL)


cdef void wake_all(hs_waitlist *list) noexcept:
    """Wake every thread that sleeps now; the guard is held, and kept."""
    cdef hs_wakes due
    due.count = 0
    hs_collect(list, &due)
    hs_wake(&due)


cdef unsigned int forks_so_far() noexcept:
    """The number of forks this process descends from."""
    return fork_count[0]


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

cdef const unsigned int *fork_count = hs_fork_count()
