# cython: freethreading_compatible=True
"""Sleeping and waking: the only module of this distribution that parks threads.  sleep.h tells how."""

from libc.stdint cimport int64_t

from clock cimport HS_NEVER, hs_deadline_after, hs_now
from compat cimport hs_mutex, hs_mutex_unlock
from park cimport hs_fork_count, hs_park_init, hs_unpark, hs_waitlist, hs_waitlist_pop
from sleep cimport hs_collect, hs_sleep, hs_wake, hs_wakes
from timeout cimport hs_seconds

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


cdef bint wake_one(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake who has slept longest; whether somebody slept.  The guard is held before, and not held after."""
    cdef int *word = hs_waitlist_pop(list)
    hs_mutex_unlock(guard)
    if word == NULL:
        return False
    hs_unpark(word)
    return True


cdef int64_t deadline_of(timeout) except -1:
    """The deadline for a `timeout` argument: None, or any real number of seconds; negative is now."""
    cdef double seconds
    if timeout is None:
        return HS_NEVER
    hs_seconds(timeout, &seconds)
    return hs_deadline_after(seconds) if seconds > 0 else 0


cdef bint expired(int64_t deadline) noexcept:
    return deadline != HS_NEVER and hs_now() >= deadline


cdef unsigned int forks() noexcept:
    """How many forks lie between this process and the one that imported this module."""
    return hs_fork_count()[0]
