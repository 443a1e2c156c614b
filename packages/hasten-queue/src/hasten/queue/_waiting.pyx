# cython: freethreading_compatible=True
"""Sleeping and waking: the only module of this distribution that parks threads.

Every list of sleepers is guarded by the hs_mutex of its queue, which the GIL stands in for where there
is one.  The functions take a list and its guard; the caller holds the guard, they let go of it.

Wake, do not hand over: who is woken looks again and may find that a barging thread was faster.  That is
observable (a put() followed by get_nowait() in one thread gives the item back, although somebody sleeps
in get()), and it means that no item has to be given back when a woken thread is interrupted: it only
passes the wake on to the next one.

With a GIL one wake is under way at a time: more threads would only queue up for the GIL.  So wake_any()
wakes nobody while a woken thread has yet to look, and that thread, when it has got what it wanted
after a sleep, wakes the next one if there is more (`pass_on`).  This keeps one rule: if there is something
to be had and somebody sleeps, then somebody is awake who has yet to look.  wake_one() and wake_all()
do not wait for anybody; an extra wake does no harm.
"""

from libc.stdint cimport int64_t

from cpython.exc cimport PyErr_CheckSignals

from clock cimport HS_NEVER, hs_deadline_after, hs_now
from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from park cimport (HS_INTERRUPTED, hs_fork_count, hs_park, hs_park_init, hs_unpark, hs_waiter, hs_waitlist,
                   hs_waitlist_append, hs_waitlist_pop, hs_waitlist_remove)
from timeout cimport hs_seconds


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, bint signals=True) except -1:
    """Sleep until woken, the deadline, or a signal; the caller looks again in any case.

    Raises what a signal handler raises, with the thread out of the list and its wake passed on.  Without
    *signals* the handlers have to wait: they run when the interpreter looks next.
    """
    cdef hs_waiter waiter
    cdef int status
    hs_waitlist_append(list, &waiter)
    hs_mutex_unlock(guard)
    if signals:
        try:
            PyErr_CheckSignals()  # a signal that came before must not be slept over
        except BaseException:
            if wake_up(list, guard, &waiter):
                pass_wake_on(list, guard)
            raise
    waiter.parked = True
    with nogil:
        status = hs_park(&waiter.word, deadline)
    if wake_up(list, guard, &waiter) and status == HS_INTERRUPTED and signals:
        pass_wake_on(list, guard)  # handlers may take long, or raise
    if status == HS_INTERRUPTED and signals:
        PyErr_CheckSignals()
    return 0


cdef bint wake_up(hs_waitlist *list, hs_mutex *guard, hs_waiter *waiter) noexcept:
    """Leave the list.  True if somebody has unlinked, and so woken, the thread already."""
    cdef bint woken
    hs_mutex_lock(guard)
    woken = not waiter.linked
    if woken:
        list.pending = False
    hs_waitlist_remove(list, waiter)
    hs_mutex_unlock(guard)
    return woken


cdef void pass_wake_on(hs_waitlist *list, hs_mutex *guard) noexcept:
    hs_mutex_lock(guard)
    wake_next(list, guard)


cdef void wake_next(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake the thread that has slept longest, and note that it has yet to look.

    Unless it runs signal handlers first: nobody can tell how long that takes.
    """
    cdef hs_waiter *first = list.head
    cdef bint parked = first != NULL and list.forks == fork_count[0] and first.parked
    cdef int *word = hs_waitlist_pop(list)
    list.pending = word != NULL and parked
    hs_mutex_unlock(guard)
    if word != NULL:
        hs_unpark(word)


cdef void wake_one(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake the thread that has slept longest, if there is one."""
    cdef int *word
    word = hs_waitlist_pop(list)
    hs_mutex_unlock(guard)
    if word != NULL:
        hs_unpark(word)


cdef bint wake_held(hs_waitlist *list) noexcept:
    """The same with the guard kept; False if nobody slept."""
    cdef int *word
    word = hs_waitlist_pop(list)
    if word == NULL:
        return False
    hs_unpark(word)
    return True


cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake every thread that sleeps now.  (With the guard kept, so that none can come back meanwhile.)"""
    while wake_held(list):
        continue
    hs_mutex_unlock(guard)


cdef int64_t deadline_of(timeout) except -1:
    """The deadline for a `timeout` argument: None, or any real number of seconds that is not negative."""
    cdef double seconds
    if timeout is None:
        return HS_NEVER
    hs_seconds(timeout, &seconds)
    if seconds < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return hs_deadline_after(seconds)


cdef object seconds_until(int64_t deadline):
    """A deadline as the timeout of somebody else's wait."""
    return None if deadline == HS_NEVER else max(0, deadline - hs_now()) / 1e9


cdef bint expired(int64_t deadline) noexcept:
    return deadline != HS_NEVER and hs_now() >= deadline


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

# The number of forks this process descends from: what was left by a thread of another count is void.
fork_count = hs_fork_count()
