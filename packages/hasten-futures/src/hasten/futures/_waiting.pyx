# cython: freethreading_compatible=True
"""Sleeping and waking: the only module of this distribution that parks threads.  sleep.h tells how."""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport hs_collect, hs_sleep, hs_wake, hs_wake_all, hs_wake_any, hs_wakes

if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1:
    """Sleep until woken, the deadline, or a signal.  The guard is held before, and not held after."""
    return hs_sleep(list, guard, deadline, due)


cdef void collect(hs_waitlist *list, hs_wakes *due) noexcept:
    """Let all go who sleep in the list, and keep them in *due* to be woken.  The guard is held."""
    hs_collect(list, due)


cdef void wake(hs_wakes *due) noexcept:
    """Wake those who were collected."""
    if due.count:
        hs_wake(due)


cdef void wake_any(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake a thread, unless one that was woken has yet to look.  The guard is held before, not after."""
    hs_wake_any(list, guard)


cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake all who sleep.  The guard is held before, and not held after."""
    hs_wake_all(list, guard)


cdef unsigned int forks() noexcept:
    """How many forks lie between this process and the one that imported this module."""
    return hs_fork_count()[0]
