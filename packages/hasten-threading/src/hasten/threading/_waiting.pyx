# cython: freethreading_compatible=True
"""Parking and unparking: the only module of this distribution that does it (packages/hasten/docs/waiting.md).

A primitive has a guard and two lists of `sleepers`: `waiting`, and `released`, which were unparked and have
yet to be woken.

An unpark is a choice: unpark(n) sets, under the guard, the words of the n threads that wait longest; from
then on they are unparked, awake or not.  Without a GIL unpark() wakes them all.  With a GIL it wakes the
first, and each thread that leaves wakes the next: threads woken together contend for the GIL (measured: two
at a time are slower already).  Invariants that keep the chain going:

- The first in `released` has been woken: every change of the list ends in wake_released().
- A thread whose word is set leaves, whatever ended its wait.
- Only threads that were parked get into `released`.  One that runs a signal handler, or Python code that
  releases a lock, may take long: its word is set and it is dequeued; it checks the word before it parks.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from compat cimport HS_FREE_THREADED, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport (hs_fork_count, hs_park_init, hs_word_wake, hs_waitlist_append, hs_waitlist_remove,
                   hs_waitlist_sync)
from sleep cimport hs_enqueue_locked, hs_park_enqueued

if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

cdef enum:
    BATCH = 64  # without a GIL: how many are woken per hold of the guard


cdef void enqueue_locked(sleepers *all, hs_waiter *me, const void *target) noexcept:
    """Put a waiter for *target*, whose sleepers these are, at the end of the list.  The guard is held."""
    hs_enqueue_locked(&all.waiting, me, target)


cdef bint park_enqueued(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1:
    """Park until unparked (True) or the deadline (False).  The guard is free before and held afterwards.

    The thread stays enqueued; the caller calls dequeue_locked().  If a signal handler raises, the guard is
    free and the caller calls dequeue().
    """
    return hs_park_enqueued(&all.waiting, guard, me, deadline, NULL)


cdef bint park_and_dequeue(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1:
    """Park until unparked (True) or the deadline (False).  The guard is free before and afterwards.

    If a signal handler raises, the thread is dequeued; me.word tells whether it had been unparked.
    """
    try:
        park_enqueued(all, guard, me, deadline)
    except BaseException:
        dequeue(all, guard, me)
        raise
    dequeue_locked(all, guard, me)
    return me.word


cdef bint park(
    sleepers *all, hs_mutex *guard, hs_waiter *me, const void *target, int64_t deadline
) except -1:
    """enqueue_locked() and park_and_dequeue().  The guard is held before and free afterwards."""
    enqueue_locked(all, me, target)
    hs_mutex_unlock(guard)
    return park_and_dequeue(all, guard, me, deadline)


cdef void dequeue(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept:
    """Leave the list, whether unparked or not.  The guard is free before and afterwards."""
    hs_mutex_lock(guard)
    dequeue_locked(all, guard, me)


cdef void dequeue_locked(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept:
    """dequeue() with the guard held before."""
    if not me.word:
        hs_waitlist_remove(&all.waiting, me)
    elif me.linked:
        hs_waitlist_remove(&all.released, me)
    wake_released(all, guard)


cdef void unpark(sleepers *all, hs_mutex *guard, Py_ssize_t most) noexcept:
    """Unpark up to *most* threads.  The guard is held before and free afterwards."""
    forget_dead_locked(all)
    while most > 0 and all.waiting.head != NULL:
        unpark_locked(all, all.waiting.head)
        most -= 1
    wake_released(all, guard)


cdef void forget_dead_locked(sleepers *all) noexcept:
    """Empty the lists if their waiters are of another fork count.  The guard is held."""
    hs_waitlist_sync(&all.waiting)
    hs_waitlist_sync(&all.released)


cdef void start_anew(sleepers *all, hs_mutex *guard) noexcept:
    """Reset lists and guard in the child of a fork(): threads that do not exist there may be in them."""
    memset(all, 0, sizeof(sleepers))
    memset(guard, 0, sizeof(hs_mutex))


cdef unsigned int fork_count() noexcept:
    """The number of forks this process descends from."""
    return hs_fork_count()[0]


cdef void unpark_locked(sleepers *all, hs_waiter *waiter) noexcept:
    """Set the word of one thread, and chain it if it is parked.  The guard is held."""
    cdef bint parked = waiter.parked
    cdef const void *target = waiter.target
    hs_waitlist_remove(&all.waiting, waiter)
    if parked:
        hs_waitlist_append(&all.released, waiter)
        waiter.parked = True
        waiter.target = target
    hs_store(&waiter.word, 1)


cdef inline void wake_released(sleepers *all, hs_mutex *guard) noexcept:
    """Wake the first that was unparked, or all without a GIL.  The guard is held before, free afterwards."""
    if all.released.head == NULL:
        hs_mutex_unlock(guard)
    elif HS_FREE_THREADED:
        wake_all(all, guard)
    else:
        wake_first(all, guard)


cdef void wake_first(sleepers *all, hs_mutex *guard) noexcept:
    """Wake the first one unless that was done.  The guard is held before and free afterwards."""
    cdef hs_waiter *first = all.released.head
    cdef int *word = NULL
    if first.parked:
        first.parked = False
        word = &first.word
    hs_mutex_unlock(guard)
    if word != NULL:
        hs_word_wake(word)


cdef void wake_all(sleepers *all, hs_mutex *guard) noexcept:
    """Wake them all, in batches: no system call is made with the guard held."""
    cdef int *words[BATCH]
    cdef int count = BATCH, i
    while count == BATCH:
        count = 0
        while count < BATCH and all.released.head != NULL:
            words[count] = &all.released.head.word
            hs_waitlist_remove(&all.released, all.released.head)
            count += 1
        hs_mutex_unlock(guard)
        for i in range(count):
            hs_word_wake(words[i])
        hs_mutex_lock(guard)
    hs_mutex_unlock(guard)


cdef Py_ssize_t count_parked(sleepers *all, hs_mutex *guard) noexcept:
    """The number of threads that wait."""
    cdef hs_waiter *waiter
    cdef Py_ssize_t count = 0
    hs_mutex_lock(guard)
    hs_waitlist_sync(&all.waiting)
    waiter = all.waiting.head
    while waiter != NULL:
        count += 1
        waiter = waiter.next
    hs_mutex_unlock(guard)
    return count
