# cython: freethreading_compatible=True
"""Semaphore and BoundedSemaphore: a counter that does not go below zero.

Invariant: units > 0 and a waiter exists => some awake thread has yet to re-check.

release() unparks one waiter per unit but does not reserve the unit (barging): a thread that comes later may
take it, and an unparked one that finds none parks again.  An unparked thread that does not re-check, because
a signal handler raised, unparks another one.

When a program reads or replaces `_cond`, it may wait for units with that condition.  From then on the
semaphore is `shared`: its methods are the standard library's, which use `_cond` and `_value`.  Threads parked
here are unparked by share() and wait there.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, int64_t

from clock cimport HS_NEVER
from compat cimport hs_load, hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport hs_waiter
from state cimport (hs_state_class, hs_state_class_init, hs_state_exists, hs_state_forget, hs_state_of,
                    hs_state_set, hs_state_slot, own_fields)
from timeout cimport hs_deadline_of, hs_seconds_until
from hasten.threading._attributes cimport show_attributes
from hasten.threading._condition cimport private_condition
from hasten.threading._waiting cimport EVERYBODY, unpark, park, sleepers

import sys
import threading
from operator import index

from hasten.threading._attributes import attributes_as_state
from hasten.threading._published import published

cdef extern from "_entries.h":
    pass

cdef extern from *:
    """
    HS_ENTRY(hs_acquire_entry, 1)
    HS_ENTRY(hs_release_entry, 1)
    HS_ENTRY(hs_release_bounded_entry, 1)
    """
    int hs_acquire_entry(object function, object (*direct)(object)) except -1
    int hs_release_entry(object function, object (*direct)(object)) except -1
    int hs_release_bounded_entry(object function, object (*direct)(object)) except -1

cdef object stdlib = threading.Semaphore
cdef object stdlib_bounded = threading.BoundedSemaphore

cdef hs_state_class states

cdef int64_t UNLIMITED = INT64_MAX
cdef object ONE = 1


cdef int64_t units(value) except? -1:
    """A whole number of units: UNLIMITED if it does not fit 64 bits, a negative one if *value* is."""
    if value is ONE:
        return 1
    if not isinstance(value, int):
        if value < 0:
            return -1
        if value == float("inf"):
            return UNLIMITED
        value = int(value) if isinstance(value, float) and value.is_integer() else index(value)
    try:
        return value
    except OverflowError:
        return -1 if value < 0 else UNLIMITED


@cython.final
cdef class SemaphoreState:
    cdef hs_state_slot *slot
    cdef hs_mutex guard
    cdef int64_t value
    cdef int64_t limit     # value does not exceed it
    cdef int shared
    cdef sleepers asleep

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")

    cdef int64_t count(self) noexcept:
        cdef int64_t value
        hs_mutex_lock(&self.guard)
        value = self.value
        hs_mutex_unlock(&self.guard)
        return value

    cdef inline bint take_now(self) noexcept:
        cdef bint taken
        hs_mutex_lock(&self.guard)
        taken = self.value > 0 and not self.shared
        if taken and self.value != UNLIMITED:
            self.value -= 1
        hs_mutex_unlock(&self.guard)
        return taken

    cdef bint take(self, int64_t deadline) except -1:
        """Take a unit.  False if the deadline has passed, or if the semaphore is shared."""
        cdef hs_waiter me
        cdef bint late = False
        while not self.take_now():
            if late or hs_load(&self.shared):
                return False
            me.word = 0
            try:
                late = not self.sleep_on(&me, deadline)
            except BaseException:
                if me.word:
                    self.unpark_waiters(1)
                raise
        return True

    cdef bint sleep_on(self, hs_waiter *me, int64_t deadline) except -1:
        """Park unless there is a unit; False if the deadline ended the wait."""
        hs_mutex_lock(&self.guard)
        if self.value > 0 or self.shared:
            hs_mutex_unlock(&self.guard)
            return True
        return park(&self.asleep, &self.guard, me, NULL, deadline)

    cdef void unpark_waiters(self, Py_ssize_t most) noexcept:
        hs_mutex_lock(&self.guard)
        unpark(&self.asleep, &self.guard, most)

    cdef int give(self, int64_t count) except -1:
        """Add units; returns 1, or 0 if the semaphore is shared."""
        if count < 1:
            raise ValueError(f"n must be one or more, not {count}")
        hs_mutex_lock(&self.guard)
        if self.shared:
            hs_mutex_unlock(&self.guard)
            return 0
        if self.value > self.limit - count and self.value != UNLIMITED:
            hs_mutex_unlock(&self.guard)
            self.refuse(count)
        if self.value != UNLIMITED:
            self.value += count
        if self.asleep.waiting.head != NULL:
            unpark(&self.asleep, &self.guard, count)
        else:
            hs_mutex_unlock(&self.guard)
        return 1

    cdef int refuse(self, int64_t count) except -1:
        if self.limit == UNLIMITED:
            raise OverflowError(f"{self.value} units and {count} more are too many to count")
        raise ValueError(f"Semaphore released too many times: {self.value} units and {count} more exceed "
                         f"the initial value, {self.limit}")

    cdef void share(self) noexcept:
        """From now on units are taken and given with `_cond`; unpark all waiters, which go on there."""
        hs_mutex_lock(&self.guard)
        if self.shared:
            hs_mutex_unlock(&self.guard)
        else:
            hs_store(&self.shared, True)
            unpark(&self.asleep, &self.guard, EVERYBODY)


cdef SemaphoreState probe = SemaphoreState.__new__(SemaphoreState)
hs_state_class_init(&states, "_semaphore_state", probe, &probe.slot)


cdef inline SemaphoreState state_of(semaphore):
    return <SemaphoreState>hs_state_of(&states, semaphore)


cdef SemaphoreState new_state(semaphore, value):
    cdef SemaphoreState state = SemaphoreState.__new__(SemaphoreState)
    state.value = units(value)
    if state.value < 0:
        raise ValueError(f"semaphore initial value must be >= 0, not {value}")
    state.limit = UNLIMITED
    hs_state_set(&states, semaphore, state)
    return state


cdef SemaphoreState state_for_setting(semaphore):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    return state_of(semaphore) if hs_state_exists(&states, semaphore) else new_state(semaphore, 1)


cdef object as_number(int64_t count):
    return float("inf") if count == UNLIMITED else count


cdef object acquire_slowly(semaphore, SemaphoreState state, blocking, timeout):
    cdef int64_t deadline = HS_NEVER
    if timeout is not None:
        if not blocking:
            raise ValueError("can't specify timeout for non-blocking acquire")
        deadline = hs_deadline_of(timeout)
        if state.take_now():
            return True
    if not hs_load(&state.shared):
        if not blocking or deadline == 0:
            return False
        if state.take(deadline):
            return True
    if hs_load(&state.shared):
        return stdlib.acquire(semaphore, blocking, hs_seconds_until(deadline))
    return False


@published
class Semaphore(stdlib):
    """A counter of *value* units: acquire() takes one, waiting if there is none, and release() adds one.

    value: a non-negative whole number (ValueError).
    Thread-safety: all methods may be called from any thread; release() also from signal handlers.
    """

    if sys.version_info >= (3, 11):
        __getstate__ = attributes_as_state  # before 3.11, a copy shares the state

    def __init__(self, value=1):
        new_state(self, value)

    def __repr__(self):
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: value={self._value}>"

    def acquire(self, blocking=True, timeout=None):
        """Take a unit, waiting until there is one; returns whether this call has taken one.

        blocking: if false, do not wait.  timeout: seconds to wait at most, any real number; None waits for
        ever.  A signal handler that raises ends the wait.  ValueError for NaN, and for a timeout with a
        false *blocking*.
        """
        cdef SemaphoreState state = state_of(self)
        if timeout is None and state.take_now():
            return True
        return acquire_slowly(self, state, blocking, timeout)

    __enter__ = acquire

    def release(self, n=1):
        """Add *n* units and wake as many waiting threads.

        ValueError if n is less than 1.
        """
        if not state_of(self).give(units(n)):
            stdlib.release(self, n)

    def __exit__(self, t, v, tb):
        """Add one unit."""
        self.release()

    @property
    def _value(self):
        """The number of units.  Setting it wakes as many waiting threads."""
        return as_number(state_of(self).count())

    @_value.setter
    def _value(self, value):
        cdef SemaphoreState state = state_for_setting(self)
        cdef int64_t count = units(value)
        hs_mutex_lock(&state.guard)
        state.value = count
        unpark(&state.asleep, &state.guard, max(count, 0))

    @property
    def _cond(self):
        """The condition that the standard library's methods use."""
        state_of(self).share()
        return private_condition(self)

    @_cond.setter
    def _cond(self, condition):
        cdef SemaphoreState state = state_for_setting(self)
        own_fields(self)["_cond"] = condition
        state.share()


show_attributes(Semaphore, "_semaphore_state", ("_cond", "_value"))


@published
class BoundedSemaphore(Semaphore, stdlib_bounded):
    """A Semaphore whose counter never exceeds its initial value: release() raises ValueError instead."""

    def __init__(self, value=1):
        cdef SemaphoreState state = new_state(self, value)
        state.limit = state.value

    def __repr__(self):
        cls = type(self)
        return (f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: "
                f"value={self._value}/{self._initial_value}>")

    def release(self, n=1):
        """Add *n* units and wake as many waiting threads.

        ValueError if n is less than 1, or if the counter would exceed its initial value.
        """
        if not state_of(self).give(units(n)):
            stdlib_bounded.release(self, n)

    @property
    def _initial_value(self):
        """The initial number of units, which the counter never exceeds."""
        return as_number(state_of(self).limit)

    @_initial_value.setter
    def _initial_value(self, value):
        state_for_setting(self).limit = units(value)


show_attributes(BoundedSemaphore, "_semaphore_state", ("_cond", "_value", "_initial_value"))


cdef object acquire_now(semaphore):
    return True if state_of(semaphore).take_now() else NotImplemented


cdef object release_one(semaphore):
    return None if state_of(semaphore).give(1) else NotImplemented


hs_acquire_entry(Semaphore.acquire, acquire_now)
hs_release_entry(Semaphore.release, release_one)
hs_release_bounded_entry(BoundedSemaphore.release, release_one)
