# cython: freethreading_compatible=True
"""Barrier: a number of threads wait for each other, and then all go on.

Threads that wait together are a generation.  Invariant: a generation is decided (passed or broken) at one
moment, under one hold of the guard, for all of its waiters: by the last thread to arrive, or by the one that
breaks or resets the barrier.  The outcome and the index are in the node on each waiter's stack, so the next
generation can begin before the waiters of this one are awake.

While the action runs, the generation is complete but not decided: its waiters do not time out any more, and
later threads wait in `outside`.  The thread that runs the action is the `actor`.  If the barrier is broken or
reset meanwhile, `actor` becomes NULL, and the thread finds that after the action.

When a program reads `_cond`, or sets `_cond`, `_count` or `_state`, it may use the standard library's way,
which keeps the state there.  From then on the barrier is `shared`: its methods are the standard library's.
Threads parked here count as arrived, and are unparked when `_state` is set to a decision.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_load, hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport hs_waiter
from state cimport (hs_state_class, hs_state_class_init, hs_state_exists, hs_state_forget, hs_state_of,
                    hs_state_set, hs_state_slot, own_fields)
from timeout cimport hs_deadline_of
from hasten.threading._attributes cimport show_attributes
from hasten.threading._condition cimport private_condition
from hasten.threading._waiting cimport (
    EVERYBODY,
    enqueue_locked,
    forget_dead_locked,
    fork_count,
    park_enqueued,
    unpark,
    park,
    sleepers,
    dequeue_locked,
)

import sys
import threading
from operator import index
from threading import BrokenBarrierError

from hasten.threading._attributes import attributes_as_state
from hasten.threading._published import published

cdef object stdlib = threading.Barrier

cdef hs_state_class states


cdef struct arrival:
    hs_waiter sleeper  # the first field: a pointer to it is one to the arrival
    Py_ssize_t index   # how many arrived before
    bint passed        # the decision; valid once the waiter is unparked


@cython.final
cdef class BarrierState:
    cdef hs_state_slot *slot
    cdef hs_mutex guard
    cdef int shared
    cdef int is_broken
    cdef arrival *actor            # the thread that runs the action, or NULL
    cdef unsigned int actor_forks  # the fork count when the action began
    cdef sleepers inside           # the arrivals of this generation
    cdef sleepers outside          # threads that came while the action ran

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")

    cdef Py_ssize_t wait(self, barrier, timeout, Py_ssize_t parties, action) except -1:
        """Wait; returns the index, or -2 if the barrier is shared."""
        cdef arrival me
        cdef int64_t deadline = hs_deadline_of(timeout)
        hs_mutex_lock(&self.guard)
        while self.acting():
            park(&self.outside, &self.guard, &me.sleeper, NULL, HS_NEVER)
            deadline = hs_deadline_of(timeout)
            hs_mutex_lock(&self.guard)
        if self.shared:
            hs_mutex_unlock(&self.guard)
            return -2
        if self.is_broken:
            hs_mutex_unlock(&self.guard)
            raise BrokenBarrierError("the barrier is broken; reset() makes it a new one")
        me.index = self.arrived()
        if me.index + 1 < parties:
            self.wait_for_others(&me, deadline)
        elif action is None:
            self.decide(True)
        else:
            self.act(&me, action)
        return me.index

    cdef Py_ssize_t count(self) noexcept:
        cdef Py_ssize_t count
        hs_mutex_lock(&self.guard)
        count = 0 if self.is_broken else self.arrived() + self.acting()
        hs_mutex_unlock(&self.guard)
        return count

    cdef void end(self, bint broken) noexcept:
        """Decide that the waiters do not pass, and set whether the barrier is broken."""
        hs_mutex_lock(&self.guard)
        hs_store(&self.is_broken, broken)
        self.decide(False)

    cdef inline bint acting(self) noexcept:
        """Whether an action runs, in this process.  The guard is held."""
        return self.actor != NULL and self.actor_forks == fork_count()

    cdef inline Py_ssize_t arrived(self) noexcept:
        """How many wait inside.  The guard is held."""
        if self.inside.waiting.head != NULL:
            forget_dead_locked(&self.inside)
            if self.inside.waiting.head != NULL:
                return (<arrival *>self.inside.waiting.tail).index + 1
        return 0

    cdef int wait_for_others(self, arrival *me, int64_t deadline) except -1:
        """Park until this generation is decided.  The guard is held before and free afterwards."""
        me.passed = False
        enqueue_locked(&self.inside, &me.sleeper, NULL)
        hs_mutex_unlock(&self.guard)
        try:
            while not park_enqueued(&self.inside, &self.guard, &me.sleeper, deadline) and self.acting():
                hs_mutex_unlock(&self.guard)
                deadline = HS_NEVER  # all have arrived
        except BaseException:
            self.give_up(me)
            raise
        if me.sleeper.word:
            dequeue_locked(&self.inside, &self.guard, &me.sleeper)
        else:
            hs_store(&self.is_broken, True)
            self.decide(False)  # for this thread too
        if not me.passed:
            raise BrokenBarrierError("the barrier was broken or reset before all had come")
        return 0

    cdef void give_up(self, arrival *me) noexcept:
        """Leave, and decrement the index of later arrivals.  The guard is free before and afterwards."""
        cdef hs_waiter *later
        hs_mutex_lock(&self.guard)
        if not me.sleeper.word:
            later = me.sleeper.next
            while later != NULL:
                (<arrival *>later).index -= 1
                later = later.next
        dequeue_locked(&self.inside, &self.guard, &me.sleeper)

    cdef int act(self, arrival *me, action) except -1:
        """Run the action, then decide.  The guard is held before and free afterwards."""
        self.actor = me
        self.actor_forks = fork_count()
        hs_mutex_unlock(&self.guard)
        try:
            action()
        except BaseException:
            self.end_of_action(me, False)
            raise
        if not self.end_of_action(me, True):
            raise BrokenBarrierError("the barrier was broken or reset while its action ran")
        return 0

    cdef bint end_of_action(self, arrival *me, bint passed) noexcept:
        """Decide, unless another thread has decided meanwhile (False)."""
        hs_mutex_lock(&self.guard)
        if self.actor != me:
            hs_mutex_unlock(&self.guard)
            return False
        if not passed:
            hs_store(&self.is_broken, True)
        self.decide(passed)
        return True

    cdef void decide(self, bint passed) noexcept:
        """Unpark this generation, with its decision, and `outside`.  The guard is free afterwards."""
        cdef hs_waiter *sleeper
        cdef bint somebody_outside = self.outside.waiting.head != NULL
        self.actor = NULL
        if self.inside.waiting.head != NULL:
            forget_dead_locked(&self.inside)
            sleeper = self.inside.waiting.head
            while sleeper != NULL:
                (<arrival *>sleeper).passed = passed
                sleeper = sleeper.next
            unpark(&self.inside, &self.guard, EVERYBODY)
        else:
            hs_mutex_unlock(&self.guard)
        if somebody_outside:
            hs_mutex_lock(&self.guard)
            unpark(&self.outside, &self.guard, EVERYBODY)


cdef BarrierState probe = BarrierState.__new__(BarrierState)
hs_state_class_init(&states, "_barrier_state", probe, &probe.slot)


cdef inline BarrierState state_of(barrier):
    return <BarrierState>hs_state_of(&states, barrier)


cdef int share(barrier) except -1:
    """Make the barrier shared: from now on its methods are the standard library's."""
    cdef BarrierState state
    if not hs_state_exists(&states, barrier):  # a subclass that sets its parts without calling __init__()
        state = BarrierState.__new__(BarrierState)
        state.shared = True
        hs_state_set(&states, barrier, state)
        return 0
    state = state_of(barrier)
    if not hs_load(&state.shared):
        fields = own_fields(barrier)
        fields.setdefault("_count", state.count())
        fields.setdefault("_state", BROKEN if hs_load(&state.is_broken) else FILLING)
        hs_store(&state.shared, True)
    return 0


cdef enum:  # the values of the standard library's `_state`
    FILLING = 0
    DRAINING = 1
    RESETTING = -1
    BROKEN = -2


@published
class Barrier(stdlib):
    """A meeting point for *parties* threads: each waits until all have arrived, and then all go on.

    parties: a whole number, at least 1 (ValueError).  action: a callable without arguments that the last
    thread to arrive runs before the others go on.  timeout: the default timeout of wait(), in seconds, any
    real number.
    Thread-safety: all methods may be called from any thread, also by the action; only wait() blocks.
    """

    if sys.version_info >= (3, 11):
        __getstate__ = attributes_as_state  # before, a copy shares the state

    def __init__(self, parties, action=None, timeout=None):
        if parties < 1:
            raise ValueError(f"parties must be >= 1, not {parties}")
        parties = int(parties) if isinstance(parties, float) and parties.is_integer() else index(parties)
        hs_state_set(&states, self, BarrierState.__new__(BarrierState))
        self._parties = parties
        self._action = action
        self._timeout = timeout

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "_state" in vars(cls) or "_count" in vars(cls):
            # It keeps its state where the standard library's methods do, as multiprocessing's class does
            for name in ("wait", "reset", "abort", "n_waiting", "broken"):
                if name not in vars(cls):
                    setattr(cls, name, vars(stdlib)[name])

    def __repr__(self):
        cls = type(self)
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {state}>"

    def wait(self, timeout=None):
        """Wait until all have arrived; returns an index from 0 to parties - 1, unique to each thread.

        timeout: seconds to wait at most, any real number; None is the barrier's own timeout, which may be
        None too: for ever.  The time during which an action runs does not count.  BrokenBarrierError if the
        barrier is broken, or is broken or reset during the wait.  A timeout breaks it, and so does an action
        that raises; its exception is raised here.  A signal handler that raises ends this wait only.
        ValueError for NaN.
        """
        cdef BarrierState state = state_of(self)
        cdef Py_ssize_t place = -2
        if not hs_load(&state.shared):
            limit = self._timeout if timeout is None else timeout
            place = state.wait(self, limit, self._parties, self._action if self._action else None)
        return stdlib.wait(self, timeout) if place == -2 else place

    def reset(self):
        """Empty and mend the barrier.  Threads that wait or run the action get a BrokenBarrierError."""
        cdef BarrierState state = state_of(self)
        if hs_load(&state.shared):
            stdlib.reset(self)
        else:
            state.end(False)

    def abort(self):
        """Break the barrier: until reset(), present and later wait() calls raise BrokenBarrierError."""
        cdef BarrierState state = state_of(self)
        if hs_load(&state.shared):
            stdlib.abort(self)
        else:
            state.end(True)

    @property
    def parties(self):
        """How many threads have to arrive."""
        return self._parties

    @property
    def n_waiting(self):
        """How many threads have arrived and wait for the others."""
        cdef BarrierState state = state_of(self)
        if hs_load(&state.shared):
            return self._count if self._state == FILLING else 0
        return state.count()

    @property
    def broken(self):
        """Whether the barrier is broken."""
        cdef BarrierState state = state_of(self)
        if hs_load(&state.shared):
            return self._state == BROKEN
        return <bint>hs_load(&state.is_broken)

    @property
    def _cond(self):
        """The condition that the standard library's methods use."""
        share(self)
        return private_condition(self)

    @_cond.setter
    def _cond(self, condition):
        own_fields(self)["_cond"] = condition
        share(self)

    @property
    def _count(self):
        """How many threads have arrived and not left."""
        cdef BarrierState state = state_of(self)
        return own_fields(self)["_count"] if hs_load(&state.shared) else state.count()

    @_count.setter
    def _count(self, count):
        share(self)
        own_fields(self)["_count"] = count

    @property
    def _state(self):
        """0 while threads arrive, 1 while they leave, -1 while they leave after a reset(), -2 if broken."""
        cdef BarrierState state = state_of(self)
        if hs_load(&state.shared):
            return own_fields(self)["_state"]
        return BROKEN if hs_load(&state.is_broken) else FILLING

    @_state.setter
    def _state(self, value):
        cdef BarrierState state
        share(self)
        own_fields(self)["_state"] = value
        state = state_of(self)
        hs_mutex_lock(&state.guard)
        gone = state.arrived()
        if value != FILLING and gone:
            state.decide(value == DRAINING)
            own_fields(self)["_count"] -= gone  # they leave without the standard library's wait()
        else:
            hs_mutex_unlock(&state.guard)


show_attributes(Barrier, "_barrier_state", ("_cond", "_count", "_state"))
