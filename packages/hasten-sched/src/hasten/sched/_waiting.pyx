# cython: freethreading_compatible=True
"""Parking until an event is due, and unparking because there is an earlier one, or none.

The only module of this distribution that does it (packages/hasten/docs/waiting.md).  The guard is the
hs_mutex of the scheduler.  All are unparked: each may wait for the time of another event, and has to look
anew.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport hs_park, hs_unpark_all_locked


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1:
    """Park until unparked or the deadline; the caller looks again in any case.

    The guard is held at the start and free at the end.  Raises what a signal handler raises.
    """
    return hs_park(list, guard, deadline, NULL)


cdef void unpark_all_locked(hs_waitlist *list) noexcept:
    """Unpark every thread; the guard is held, and kept."""
    hs_unpark_all_locked(list)


cdef unsigned int fork_count() noexcept:
    """The number of forks this process descends from."""
    return hs_fork_count()[0]


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")
