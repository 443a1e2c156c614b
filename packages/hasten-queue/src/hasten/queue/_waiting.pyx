# cython: freethreading_compatible=True
"""Parking and unparking: the only module of this distribution that does it (packages/hasten/docs/waiting.md).

The functions take a list of waiters and its guard; the caller holds the guard, and holds it no more
afterwards, but for the names that end in `_locked`.

An unpark is a hint: a barging thread may be faster.  That is observable (a put() followed by get_nowait()
in one thread gives the item back, although somebody waits in get()), and it means that no item has to be
given back when a thread is interrupted that was unparked: it only unparks the next one (`pass_on` in
_operations.pyx).

What a thread is in, and what becomes of an unpark when it leaves by an exception there:

    looking      under the guard; no Python code, so nothing is raised but Full, Empty, ShutDown
    enqueued     its word is 0.  Signal handlers run: one that raises dequeues it (hs_dequeue())
    parked       the same without the GIL; nothing can be raised
    unparked     its word is 1, and it was dequeued.  Signal handlers may run before it looks: one that raises
                 unparks the next (hs_park())
    looking      for hooks, or at a replaced clock, comes before the guard and is Python code: what it raises,
                 and what the look under the guard raises, unparks the next if there is something to be had
                 (the `finally` of put_waiting() and get_waiting())

Inside the monitor (see _monitor.pyx) the thread enters again before the exception goes on, and notifies.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport (hs_dequeue_some_locked, hs_park, hs_park_uninterruptible, hs_unpark_all,
                    hs_unpark_all_locked, hs_unpark_next, hs_unpark_one, hs_unpark_up_to, hs_wakes)


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_waitlist *first=NULL) except -1:
    """Park until unparked or the deadline; the caller looks again in any case.

    One thread of the list *first*, which has the same guard, is unparked before.  Raises what a signal
    handler raises, with the thread dequeued and its unpark passed on.
    """
    cdef hs_wakes due
    due.count = 0
    if first != NULL:
        hs_dequeue_some_locked(first, 1, &due)
    return hs_park(list, guard, deadline, &due)


cdef void park_uninterruptible(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept:
    """The same where signal handlers have to wait: they run when the interpreter looks next."""
    hs_park_uninterruptible(list, guard, deadline)


cdef void unpark_next(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark the thread that waits longest, and note that it has yet to look."""
    hs_unpark_next(list, guard)


cdef void unpark_one(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark the thread that waits longest, if there is one."""
    hs_unpark_one(list, guard)


cdef void unpark_all(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark every thread."""
    hs_unpark_all(list, guard)


cdef void unpark_all_locked(hs_waitlist *list) noexcept:
    """The same with the guard kept."""
    hs_unpark_all_locked(list)


cdef void unpark_as_many(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept:
    """See unpark_up_to()."""
    hs_unpark_up_to(count, list, guard)


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

# What was left by a thread of another count is void.
forks = hs_fork_count()
