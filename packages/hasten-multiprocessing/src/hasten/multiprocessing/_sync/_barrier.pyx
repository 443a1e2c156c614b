# cython: freethreading_compatible=True
"""Barrier: one word in a slot of the arena.  See _barrier.h."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from state cimport (
    hs_state_class,
    hs_state_class_init,
    hs_state_forget,
    hs_state_of,
    hs_state_set,
    hs_state_slot,
)
from timeout cimport hs_deadline_of
from hasten.multiprocessing._arena._arena cimport (
    Slot,
    hs_head,
    hs_process,
    hs_process_id,
    new_slot,
    this_process,
)
from hasten.multiprocessing._sync._locks cimport is_fork
from hasten.multiprocessing._sync._words cimport (
    HS_ACTING,
    HS_BROKEN,
    HS_FILLING,
    HS_MOST_PARTIES,
    HS_PASSED,
    HS_RAISED,
    hs_b_come,
    hs_b_status,
    hs_barrier,
    hs_barrier_clear,
    hs_barrier_come,
    hs_barrier_disclaim,
    hs_barrier_end,
    hs_barrier_sleep,
    hs_load64,
)

from multiprocessing import synchronize
from operator import index
from threading import BrokenBarrierError

from hasten.multiprocessing._sync._locks import check_sendable
from hasten.multiprocessing._sync._published import published

cdef hs_state_class states


@cython.final
@cython.no_gc
cdef class BarrierState:
    cdef hs_state_slot *place
    cdef Slot slot
    cdef hs_head *head
    cdef hs_barrier *words
    cdef hs_process *process

    def __dealloc__(self):
        hs_state_forget(self.place, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle 'BarrierState' object: pickle the barrier it belongs to")

    cdef Py_ssize_t wait(self, Py_ssize_t parties, action, timeout) except -1:
        cdef uint64_t word
        cdef int raised = 0, outcome
        hs_deadline_of(timeout)  # what is no timeout is told before anybody counts on this one
        word = hs_barrier_come(self.head, self.words, self.process, parties, action is not None, &raised)
        if raised < 0:
            raise_current()
        if hs_b_status(word) == HS_BROKEN:
            raise BrokenBarrierError("the barrier is broken; reset() makes it a new one")
        if hs_b_status(word) == HS_ACTING:
            self.act(word, action)
        elif hs_b_come(word) < parties:
            outcome = hs_barrier_sleep(self.head, self.words, self.process, word, hs_deadline_of(timeout))
            if outcome == HS_RAISED:
                raise_current()
            if outcome != HS_PASSED:
                raise BrokenBarrierError("the barrier was broken or reset before all had come")
        return hs_b_come(word) - 1

    cdef int act(self, uint64_t word, action) except -1:
        """Run the action, then let the others go."""
        cdef bint passed
        try:
            action()
        except BaseException:
            hs_barrier_end(self.head, self.words, word, True, HS_BROKEN)
            hs_barrier_disclaim(self.words, hs_process_id(self.process))
            raise
        passed = hs_barrier_end(self.head, self.words, word, False, HS_FILLING)
        hs_barrier_disclaim(self.words, hs_process_id(self.process))
        if not passed:
            raise BrokenBarrierError("the barrier was broken or reset while its action ran")
        return 0


cdef extern from *:
    """
    #define hs_raise_current() (-1)
    """
    int raise_current "hs_raise_current"() except -1


cdef BarrierState probe = BarrierState.__new__(BarrierState)
hs_state_class_init(&states, "_barrier_state", probe, &probe.place)


cdef inline BarrierState state_of(barrier):
    return <BarrierState>hs_state_of(&states, barrier)


cdef int begin(barrier, parties, action, timeout, Slot slot, bint fork) except -1:
    cdef BarrierState state = BarrierState.__new__(BarrierState)
    state.slot = slot
    state.head = slot.arena.head
    state.words = <hs_barrier *>slot.address
    state.process = this_process()
    hs_state_set(&states, barrier, state)
    barrier._parties = parties
    barrier._action = action
    barrier._timeout = timeout
    barrier._is_fork_ctx = fork
    return 0


@published
class Barrier(synchronize.Barrier):
    """A meeting point of *parties* processes or threads: each waits until all have come, and then all go on.

    parties: a whole number, at least 1 (ValueError).  action: a callable without arguments that the last
    one to come runs before the others go on.  timeout: seconds, any real number; what wait() takes if it is
    given none.  ctx: the context that it belongs to.
    A process that is killed while it waits has come all the same; one that is killed while it runs the action
    breaks the barrier.
    """

    def __init__(self, parties, action=None, timeout=None, *, ctx):
        count = index(parties)
        if not 1 <= count <= HS_MOST_PARTIES:
            raise ValueError(f"parties must be from 1 to {HS_MOST_PARTIES}, not {parties}")
        begin(self, count, action, timeout, new_slot(), is_fork(ctx))

    def __getstate__(self):
        check_sendable(self)
        return self._parties, self._action, self._timeout, state_of(self).slot

    def __setstate__(self, state):
        parties, action, timeout, slot = state
        begin(self, parties, action, timeout, slot, False)

    def __repr__(self):
        cls = type(self)
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {state}>"

    def wait(self, timeout=None):
        """Wait until all have come; an index from 0 to parties - 1, another one for each.

        timeout: seconds to wait for the others at most, any real number; None is the barrier's own
        timeout, which may be None too: for ever.  While an action runs the time stands still.
        BrokenBarrierError if the barrier is broken, or is broken or reset during the wait; a wait that
        takes too long breaks it.  So does an action that fails, and its error is raised here.  A signal
        handler that raises ends this wait only.  ValueError for NaN.
        """
        limit = self._timeout if timeout is None else timeout
        return state_of(self).wait(self._parties, self._action if self._action else None, limit)

    def reset(self):
        """Make it a new barrier.  Who waits, or runs the action, gets a BrokenBarrierError."""
        cdef BarrierState state = state_of(self)
        hs_barrier_clear(state.head, state.words, HS_FILLING)

    def abort(self):
        """Break it: who waits, runs the action or comes later gets a BrokenBarrierError, until reset()."""
        cdef BarrierState state = state_of(self)
        hs_barrier_clear(state.head, state.words, HS_BROKEN)

    @property
    def parties(self):
        """How many it takes."""
        return self._parties

    @property
    def n_waiting(self):
        """How many have come and wait for the others."""
        return self._count

    @property
    def broken(self):
        """Whether it is broken."""
        return self._state == -2

    @property
    def _state(self):
        """0, or -2 if it is broken."""
        return -2 if hs_b_status(hs_load64(&state_of(self).words.word)) == HS_BROKEN else 0

    @property
    def _count(self):
        """How many have come and not gone."""
        return hs_b_come(hs_load64(&state_of(self).words.word))

    @property
    def _cond(self):
        # The base's would make this a barrier of one process.  Debuggers ask for all that dir() names.
        raise AttributeError("a barrier between processes has no condition")
