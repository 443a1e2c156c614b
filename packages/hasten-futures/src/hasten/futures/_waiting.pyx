# cython: freethreading_compatible=True
"""Parking and unparking: the only module here that does it (packages/hasten/docs/waiting.md)."""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport hs_dequeue_all_locked, hs_park, hs_wake, hs_unpark_all, hs_unpark_any, hs_wakes

if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1:
    """Park until unparked, the deadline, or a signal.  Call it with the guard held; it is released."""
    return hs_park(list, guard, deadline, due)


cdef void dequeue_all_locked(hs_waitlist *list, hs_wakes *due) noexcept:
    """Dequeue all waiters, and keep them in *due* to be woken.  With the guard held."""
    hs_dequeue_all_locked(list, due)


cdef void wake(hs_wakes *due) noexcept:
    """Wake the dequeued waiters."""
    if due.count:
        hs_wake(due)


cdef void unpark_any(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark a waiter, unless one is under way already.  Call it with the guard held; it is released."""
    hs_unpark_any(list, guard)


cdef void unpark_all(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark all waiters.  Call it with the guard held; it is released."""
    hs_unpark_all(list, guard)


cdef unsigned int fork_count() noexcept:
    """The number of forks between the process that imported this module and this one."""
    return hs_fork_count()[0]
