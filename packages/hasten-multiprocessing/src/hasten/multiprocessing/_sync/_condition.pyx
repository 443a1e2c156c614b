# cython: freethreading_compatible=True
"""Condition: its state is in a slot of the arena (see _condition.h), its lock is an object of its own.

With a lock of ours, notify() defers the wake-ups to the lock's release, so that woken waiters find it free.
With any other lock, or a semaphore, wait() calls its release() and acquire() as often as it is held.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport INT32_MAX, UINT64_MAX, int64_t, uint32_t, uint64_t

from state cimport (
    hs_state_class,
    hs_state_class_init,
    hs_state_forget,
    hs_state_of,
    hs_state_set,
    hs_state_slot,
)
from timeout cimport hs_deadline_of, hs_expired, hs_seconds_until
from hasten.multiprocessing._arena._arena cimport (
    Slot,
    hs_head,
    hs_process,
    hs_process_id,
    new_slot,
    this_process,
)
from hasten.multiprocessing._sync._semlock cimport COUNTED, SemLock
from hasten.multiprocessing._sync._words cimport (
    hs_condition,
    hs_condition_enter,
    hs_condition_leave,
    hs_condition_notify,
    hs_condition_sleep,
    hs_load64,
    hs_condition_wake,
    hs_lock,
    hs_notes,
    hs_sleepers,
)

import sys
from multiprocessing import context, synchronize

from hasten.multiprocessing._sync._locks import RLock
from hasten.multiprocessing._sync._published import published

cdef hs_state_class states


@cython.final
@cython.no_gc
cdef class ConditionState:
    cdef hs_state_slot *place
    cdef Slot slot
    cdef hs_head *head
    cdef hs_condition *words
    cdef hs_process *process

    def __dealloc__(self):
        hs_state_forget(self.place, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle 'ConditionState' object: pickle the condition it belongs to")

    cdef bint sleep(self, SemLock lock, uint32_t round, int64_t deadline) except -1:
        """Sleep until notified; whether it was.  lock: the one that is taken afterwards, or None."""
        cdef hs_lock *word = NULL if lock is None else <hs_lock *>lock.address
        return hs_condition_sleep(
            self.head, self.words, word, hs_process_id(self.process), round, deadline
        )

    cdef bint wait(self, SemLock lock, int64_t deadline) except -1:
        cdef uint32_t round = hs_condition_enter(self.words)
        cdef int depth = lock.give_all()
        cdef bint notified
        try:
            notified = self.sleep(lock, round, deadline)
        except BaseException:
            lock.take_back(depth, True)
            raise
        lock.take_back(depth, False)
        return notified

    cdef bint wait_by(self, lock, int64_t deadline) except -1:
        """As wait(), by the public methods of a foreign lock."""
        cdef int given = 0, depth = lock._semlock._count()
        cdef uint32_t round = hs_condition_enter(self.words)
        cdef bint entered = True
        try:
            while given < depth:
                lock.release()
                given += 1
            entered = False
            return self.sleep(None, round, deadline)
        finally:
            if entered:
                hs_condition_leave(self.words)
            while given > 0:
                given -= 1
                lock.acquire()

    cdef int notify(self, lock, uint64_t most) except -1:
        cdef uint32_t count = hs_condition_notify(self.head, self.words, most)
        if count == 0:
            return 0
        count = min(count, INT32_MAX)
        if type(lock) is SemLock and (<SemLock>lock).mode != COUNTED:
            (<SemLock>lock).wake_later(self.slot, count)
        else:
            hs_condition_wake(self.head, self.words, count)
        return 0


cdef ConditionState probe = ConditionState.__new__(ConditionState)
hs_state_class_init(&states, "_condition_state", probe, &probe.place)


cdef inline ConditionState state_of(condition):
    return <ConditionState>hs_state_of(&states, condition)


cdef int begin(condition, lock, Slot slot) except -1:
    cdef ConditionState state = ConditionState.__new__(ConditionState)
    state.slot = slot
    state.head = slot.arena.head
    state.words = <hs_condition *>slot.address
    state.process = this_process()
    hs_state_set(&states, condition, state)
    condition._lock = lock
    condition._make_methods()
    return 0


cdef object owned(lock, words):
    """The lock's `_semlock` if this thread holds it, else AssertionError(words)."""
    semlock = lock._semlock
    mine = (<SemLock>semlock).is_mine() if type(semlock) is SemLock else semlock._is_mine()
    if not mine:
        raise AssertionError(words)
    return semlock


class Count:
    """Stands for one of the three semaphores of the standard library's Condition; read-only."""

    def __init__(self, count):
        self._count = count

    def get_value(self):
        """The current value."""
        return self._count()

    def __repr__(self):
        return f"<Semaphore(value={self.get_value()})>"


@published
class Condition(synchronize.Condition):
    """A condition variable between processes.  A process that is killed while it waits does not block others.

    lock: a Lock or an RLock of the same context; None makes an RLock.  ctx: the context that it belongs to.
    Thread-safe.
    """

    def __init__(self, lock=None, *, ctx):
        begin(self, lock or RLock(ctx=ctx), new_slot())

    def __getstate__(self):
        context.assert_spawning(self)
        return self._lock, state_of(self).slot

    def __setstate__(self, state):
        lock, slot = state
        begin(self, lock, slot)

    def _make_methods(self):
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None):
        return self._lock.__exit__(exc_type, exc_value, exc_tb)

    def __repr__(self):
        return f"<{type(self).__name__}({self._lock}, {self._sleeping_count.get_value()})>"

    def wait(self, timeout=None):
        """Release the lock, block until notified, acquire the lock again; whether it was notified.

        timeout: seconds, any real number; None waits without limit.  There are no spurious wake-ups.
        AssertionError if this thread does not hold the lock; ValueError for NaN.  A signal handler that
        raises ends the wait; the exception is raised once the lock is held again.
        """
        cdef ConditionState state = state_of(self)
        cdef int64_t deadline = hs_deadline_of(timeout)
        lock = self._lock
        semlock = owned(lock, "must acquire() condition before using wait()")
        if type(semlock) is SemLock and (<SemLock>semlock).mode != COUNTED:
            return state.wait(<SemLock>semlock, deadline)
        return state.wait_by(lock, deadline)

    def wait_for(self, predicate, timeout=None):
        """Block until the predicate is true or the timeout has passed; the predicate's last result.

        predicate: a callable without arguments, called with the lock held.  timeout: as for wait().
        """
        cdef int64_t deadline = hs_deadline_of(timeout)
        result = predicate()
        while not result and deadline != 0 and not hs_expired(deadline):
            self.wait(hs_seconds_until(deadline))
            result = predicate()
        return result

    def notify(self, n=1):
        """Wake up to *n* waiters.  AssertionError if this thread does not hold the lock.

        May block for up to 20 ms, until waiters that were notified earlier have woken up."""
        semlock = owned(self._lock, "lock is not owned")
        if n > 0:
            state_of(self).notify(semlock, min(n, UINT64_MAX))

    def notify_all(self):
        """Wake all waiters, by notify() if a subclass overrides that.  Errors and blocking as notify()."""
        if type(self).notify is not Condition.notify:
            self.notify(sys.maxsize)
            return
        state_of(self).notify(owned(self._lock, "lock is not owned"), UINT64_MAX)

    @property
    def _sleeping_count(self):
        """The number of waiters that were not notified."""
        cdef ConditionState state = state_of(self)
        return Count(lambda: hs_sleepers(hs_load64(&state.words.state)))

    @property
    def _woken_count(self):
        """Always 0: a notified waiter is subtracted from `_sleeping_count` at once."""
        return Count(int)

    @property
    def _wait_semaphore(self):
        """The number of notifications that waiters have not consumed yet."""
        cdef ConditionState state = state_of(self)
        return Count(lambda: hs_notes(hs_load64(&state.words.state)))
