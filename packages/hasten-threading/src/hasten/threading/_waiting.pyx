# cython: freethreading_compatible=True
"""Sleeping and waking: the only module of this distribution that parks threads.

A primitive has a hs_mutex (the guard; the GIL stands in for it where there is one) and its sleepers.  A
thread enlists itself under the guard, lets go of the guard, and dozes on a word of its own C stack.

release() lets threads go, those first that have slept longest: it marks them, all at once, and so decides
who was meant.  Then they have to be woken.  Without a GIL release() does that.  With one, it wakes the
first only, and each thread that leaves wakes the next: a crowd that is woken at once would do nothing but
fight for the GIL (two at a time are slower already).  Three facts keep that chain from breaking:

- The first in `released` has been woken, always: whoever changes the list sees to that.
- A thread that is marked leaves, whatever ended its sleep: its word says that it was let go.
- Only threads that are parked are chained.  One that runs a signal handler, or Python code that releases a
  lock, may take long; it is marked and taken out at once, and finds its mark when it gets there.

The sleep itself is sleep.h's.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from compat cimport HS_FREE_THREADED, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport (hs_fork_count, hs_park_init, hs_unpark, hs_waitlist_append, hs_waitlist_remove,
                   hs_waitlist_sync)
from sleep cimport hs_enlist, hs_nap

if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

cdef enum:
    BATCH = 64  # without a GIL: how many are woken between two looks at the list


cdef void enlist(sleepers *all, hs_waiter *me, const void *target) noexcept:
    """Join those who wait for *target*, the object whose sleepers these are.  The guard is held."""
    hs_enlist(&all.waiting, me, target)


cdef bint nap(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1:
    """Sleep until let go (True) or the deadline (False).  The guard is not held before, but afterwards.

    The thread stays enlisted: step_out() is the caller's.  When a signal handler raises, the guard is not
    held, and leave() is the caller's.
    """
    return hs_nap(&all.waiting, guard, me, deadline, NULL)


cdef bint doze(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1:
    """Sleep until let go (True) or the deadline (False).  The guard is not held, before and after.

    When a signal handler raises, the thread has left the list; me.word tells whether it had been let go.
    """
    try:
        nap(all, guard, me, deadline)
    except BaseException:
        leave(all, guard, me)
        raise
    step_out(all, guard, me)
    return me.word


cdef bint sleep(
    sleepers *all, hs_mutex *guard, hs_waiter *me, const void *target, int64_t deadline
) except -1:
    """enlist() and doze(): the guard is held before, and not held after."""
    enlist(all, me, target)
    hs_mutex_unlock(guard)
    return doze(all, guard, me, deadline)


cdef void leave(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept:
    """Leave the list, whether let go or not.  The guard is not held, before and after."""
    hs_mutex_lock(guard)
    step_out(all, guard, me)


cdef void step_out(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept:
    """leave() with the guard held before."""
    if not me.word:
        hs_waitlist_remove(&all.waiting, me)
    elif me.linked:
        hs_waitlist_remove(&all.released, me)
    wake_released(all, guard)


cdef void release(sleepers *all, hs_mutex *guard, Py_ssize_t most) noexcept:
    """Let up to *most* threads go.  The guard is held before, and not held after."""
    forget_the_dead(all)
    while most > 0 and all.waiting.head != NULL:
        let_go(all, all.waiting.head)
        most -= 1
    wake_released(all, guard)


cdef void forget_the_dead(sleepers *all) noexcept:
    """Empty the lists if those who are in them were left behind by a fork().  The guard is held."""
    hs_waitlist_sync(&all.waiting)
    hs_waitlist_sync(&all.released)


cdef void start_anew(sleepers *all, hs_mutex *guard) noexcept:
    """For the child of a fork(), where a thread that is gone may be in the lists."""
    memset(all, 0, sizeof(sleepers))
    memset(guard, 0, sizeof(hs_mutex))


cdef unsigned int forks() noexcept:
    """How many forks lie between this process and the one that imported this module."""
    return hs_fork_count()[0]


cdef void let_go(sleepers *all, hs_waiter *waiter) noexcept:
    """Mark one thread, and chain it if it is parked."""
    cdef bint parked = waiter.parked
    cdef const void *target = waiter.target
    hs_waitlist_remove(&all.waiting, waiter)
    if parked:
        hs_waitlist_append(&all.released, waiter)
        waiter.parked = True
        waiter.target = target
    hs_store(&waiter.word, 1)


cdef inline void wake_released(sleepers *all, hs_mutex *guard) noexcept:
    """Wake those who were let go.  The guard is held before, and not held after."""
    if all.released.head == NULL:
        hs_mutex_unlock(guard)
    elif HS_FREE_THREADED:
        wake_all(all, guard)
    else:
        wake_first(all, guard)


cdef void wake_first(sleepers *all, hs_mutex *guard) noexcept:
    """See to it that the first one is awake."""
    cdef hs_waiter *first = all.released.head
    cdef int *word = NULL
    if first.parked:
        first.parked = False
        word = &first.word
    hs_mutex_unlock(guard)
    if word != NULL:
        hs_unpark(word)


cdef void wake_all(sleepers *all, hs_mutex *guard) noexcept:
    """Wake them all, in batches: a system call is too long for the guard to be held."""
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
            hs_unpark(words[i])
        hs_mutex_lock(guard)
    hs_mutex_unlock(guard)


cdef Py_ssize_t count_asleep(sleepers *all, hs_mutex *guard) noexcept:
    """How many threads sleep now."""
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
