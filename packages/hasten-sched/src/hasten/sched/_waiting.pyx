# cython: freethreading_compatible=True
"""Parking until an event is due, and unparking when another event comes first.

The only module of this distribution that does it (packages/hasten/docs/waiting.md).  The guard is the
scheduler's hs_mutex.  All waiters are unparked: each may have a deadline of its own and has to re-check.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport hs_park, hs_unpark_all_locked


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1:
    """Park until unparked or the deadline; the caller re-checks in any case.

    The guard is held before and free afterwards.  Raises what a signal handler raises.
    """
    return hs_park(list, guard, deadline, NULL)


cdef void unpark_all_locked(hs_waitlist *list) noexcept:
    """Unpark every thread; the guard stays held."""
    hs_unpark_all_locked(list)


cdef unsigned int fork_count() noexcept:
    """The number of forks this process descends from."""
    return hs_fork_count()[0]


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")
