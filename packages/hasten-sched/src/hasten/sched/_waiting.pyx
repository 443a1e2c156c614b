# cython: freethreading_compatible=True
"""Sleeping until an event is due, and being woken because there is an earlier one, or none.

The list of sleepers is guarded by the hs_mutex of its scheduler, which the GIL stands in for where there
is one.  All are woken: each may sleep until the time of another event, and has to look anew.
"""

from libc.stdint cimport int64_t

from cpython.exc cimport PyErr_CheckSignals

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from park cimport (HS_INTERRUPTED, hs_fork_count, hs_park, hs_park_init, hs_unpark, hs_waiter, hs_waitlist,
                   hs_waitlist_append, hs_waitlist_pop, hs_waitlist_remove)


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1:
    """Sleep until woken, the deadline, or a signal; the caller looks again in any case.

    The guard is held at the start and free at the end.  Raises what a signal handler raises.
    """
    cdef hs_waiter waiter
    cdef int status
    hs_waitlist_append(list, &waiter)
    hs_mutex_unlock(guard)
    try:
        PyErr_CheckSignals()  # a signal that came before must not be slept over
    except BaseException:
        leave(list, guard, &waiter)
        raise
    with nogil:
        status = hs_park(&waiter.word, deadline)
    leave(list, guard, &waiter)
    if status == HS_INTERRUPTED:
        PyErr_CheckSignals()
    return 0


cdef void leave(hs_waitlist *list, hs_mutex *guard, hs_waiter *waiter) noexcept:
    hs_mutex_lock(guard)
    hs_waitlist_remove(list, waiter)
    hs_mutex_unlock(guard)


cdef void wake_all(hs_waitlist *list) noexcept:
    """Wake every thread that sleeps now; the guard is held, so that none can come back meanwhile."""
    cdef int *word = hs_waitlist_pop(list)
    while word != NULL:
        hs_unpark(word)
        word = hs_waitlist_pop(list)


cdef unsigned int forks_so_far() noexcept:
    """The number of forks this process descends from."""
    return fork_count[0]


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

cdef const unsigned int *fork_count = hs_fork_count()
