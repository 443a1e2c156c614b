# cython: freethreading_compatible=True
"""Sleeping and waking: the only module of this distribution that parks threads (see sleep.h and park.h).

The functions take a list of sleepers and its guard; the caller holds the guard, they let go of it.

Wake, do not hand over: who is woken looks again and may find that a barging thread was faster.  That is
observable (a put() followed by get_nowait() in one thread gives the item back, although somebody sleeps
in get()), and it means that no item has to be given back when a woken thread is interrupted: it only
passes the wake on to the next one.

With a GIL one wake is under way at a time, and who got what it wanted after a sleep wakes the next one if
there is more (`pass_on` in _operations.pyx).

What a thread is in, and what becomes of a wake when it leaves by an exception there:

    looking      under the guard; no Python code, so nothing is raised but Full, Empty, ShutDown
    enlisted     its word is 0.  Signal handlers run: one that raises takes it off the list (hs_leave())
    parked       the same without the GIL; nothing can be raised
    woken        its word is 1, and the waker has taken it off the list.  Signal handlers may run before it
                 looks: one that raises wakes the next (hs_sleep())
    looking      for hooks, or at a replaced clock, comes before the guard and is Python code: what it raises,
                 and what the look under the guard raises, wakes the next if there is something to be had
                 (the `finally` of put_waiting() and get_waiting())

Inside the monitor (see _monitor.pyx) the thread enters again before the exception goes on, and notifies.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_fork_count, hs_park_init, hs_waitlist
from sleep cimport (hs_collect, hs_collect_some, hs_sleep, hs_sleep_deaf, hs_wake, hs_wake_all, hs_wake_next,
                    hs_wake_one, hs_wake_up_to, hs_wakes)


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_waitlist *first=NULL) except -1:
    """Sleep until woken or the deadline; the caller looks again in any case.

    One thread of the list *first*, which has the same guard, is woken before.  Raises what a signal handler
    raises, with the thread out of the list and its wake passed on.
    """
    cdef hs_wakes due
    due.count = 0
    if first != NULL:
        hs_collect_some(first, 1, &due)
    return hs_sleep(list, guard, deadline, &due)


cdef void sleep_deaf(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept:
    """The same where signal handlers have to wait: they run when the interpreter looks next."""
    hs_sleep_deaf(list, guard, deadline)


cdef void wake_next(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake the thread that has slept longest, and note that it has yet to look."""
    hs_wake_next(list, guard)


cdef void wake_one(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake the thread that has slept longest, if there is one."""
    hs_wake_one(list, guard)


cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake every thread that sleeps now."""
    hs_wake_all(list, guard)


cdef void wake_held(hs_waitlist *list) noexcept:
    """The same with the guard kept."""
    cdef hs_wakes due
    due.count = 0
    hs_collect(list, &due)
    hs_wake(&due)


cdef void wake_as_many(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept:
    """See wake_up_to()."""
    hs_wake_up_to(count, list, guard)


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

# The number of forks this process descends from: what was left by a thread of another count is void.
fork_count = hs_fork_count()
