# cython: freethreading_compatible=True
"""Parking and unparking: the only module of this distribution that does it (packages/hasten/docs/waiting.md).

The functions take a waiter list and its guard.  The caller holds the guard; it is free afterwards, except
with names that end in `_locked`.

An unpark is a hint, not a hand-over: a barging thread may take the item first.  (Observable: put() followed
by get_nowait() in one thread returns the item although another thread waits in get().)  So an unparked thread
that is interrupted has no item to give back; it unparks the next one (`pass_on` in _operations.pyx).

The states of a waiting thread, and what happens to an unpark if it leaves by an exception there:

    checking     under the guard.  No Python code; raises Full, Empty or ShutDown only
    enqueued     its word is 0.  Signal handlers run; one that raises dequeues it (hs_dequeue())
    parked       the same without the GIL; nothing can be raised
    unparked     its word is 1, and it is dequeued.  Signal handlers may run before it checks; one that raises
                 unparks the next (hs_park())
    re-checking  looking for hooks and reading a replaced clock precede the guard and run Python code.  What
                 they or the check raise unparks the next thread if there is an item or a free place for it
                 (the `finally` of put_waiting() and get_waiting())

Inside the monitor (_monitor.pyx) the thread enters again and notifies before the exception propagates.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport (hs_dequeue_some_locked, hs_park, hs_park_uninterruptible, hs_unpark_all,
                    hs_unpark_all_locked, hs_unpark_next, hs_unpark_one, hs_unpark_up_to, hs_wakes)


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_waitlist *first=NULL) except -1:
    """Park until unparked or the deadline; the caller re-checks in any case.

    One thread of *first*, a list with the same guard, is unparked before.  Raises what a signal handler
    raises, with this thread dequeued and its unpark passed on.
    """
    cdef hs_wakes due
    due.count = 0
    if first != NULL:
        hs_dequeue_some_locked(first, 1, &due)
    return hs_park(list, guard, deadline, &due)


cdef void park_uninterruptible(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept:
    """The same without running signal handlers: the interpreter runs them afterwards."""
    hs_park_uninterruptible(list, guard, deadline)


cdef void unpark_next(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark the thread that waits longest, and set `pending`: it has yet to re-check."""
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

# Lists and owners of another fork count belong to threads that do not exist in this process.
forks = hs_fork_count()
