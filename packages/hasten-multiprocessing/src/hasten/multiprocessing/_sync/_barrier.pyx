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
    hs_b_arrived,
    hs_b_status,
    hs_barrier,
    hs_barrier_clear,
    hs_barrier_arrive,
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
        hs_deadline_of(timeout)  # raise for a bad timeout before this arrival is counted
        word = hs_barrier_arrive(self.head, self.words, self.process, parties, action is not None, &raised)
        if raised < 0:
            raise_current()
        if hs_b_status(word) == HS_BROKEN:
            raise BrokenBarrierError("the barrier is broken; reset() makes it a new one")
        if hs_b_status(word) == HS_ACTING:
            self.act(word, action)
        elif hs_b_arrived(word) < parties:
            outcome = hs_barrier_sleep(self.head, self.words, self.process, word, hs_deadline_of(timeout))
            if outcome == HS_RAISED:
                raise_current()
            if outcome != HS_PASSED:
                raise BrokenBarrierError("the barrier was broken or reset before all had come")
        return hs_b_arrived(word) - 1

    cdef int act(self, uint64_t word, action) except -1:
        """Run the action, then release the waiters."""
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
    """A barrier for *parties* processes or threads: each waits until all have arrived.

    parties: int, at least 1 (ValueError).  action: a callable without arguments that the last party runs
    before the others are released.  timeout: seconds, any real number; the default of wait().  ctx: the
    context that the barrier belongs to.
    A process that is killed while it waits counts as arrived; one that is killed while it runs the action
    breaks the barrier.  Thread-safe.
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
        """Block until all parties have arrived; an index from 0 to parties - 1, unique for each.

        timeout: seconds, any real number; None stands for the barrier's own timeout, and if that is None
        too, waits without limit.  The timeout does not apply while the action runs.
        BrokenBarrierError if the barrier is broken, or is broken or reset during the wait.  A timeout breaks
        the barrier; so does an action that raises, and its error is raised here.  A signal handler that
        raises ends this wait only.  ValueError for NaN.
        """
        limit = self._timeout if timeout is None else timeout
        return state_of(self).wait(self._parties, self._action if self._action else None, limit)

    def reset(self):
        """Return the barrier to its initial state.  Waiters, and the one that runs the action, get a
        BrokenBarrierError.  Does not block."""
        cdef BarrierState state = state_of(self)
        hs_barrier_clear(state.head, state.words, HS_FILLING)

    def abort(self):
        """Break the barrier: until reset(), waiters, the one that runs the action, and all later calls of
        wait() get a BrokenBarrierError.  Does not block."""
        cdef BarrierState state = state_of(self)
        hs_barrier_clear(state.head, state.words, HS_BROKEN)

    @property
    def parties(self):
        """The number of parties."""
        return self._parties

    @property
    def n_waiting(self):
        """The number of parties that have arrived and wait."""
        return self._count

    @property
    def broken(self):
        """Whether the barrier is broken."""
        return self._state == -2

    @property
    def _state(self):
        """0, or -2 if the barrier is broken."""
        return -2 if hs_b_status(hs_load64(&state_of(self).words.word)) == HS_BROKEN else 0

    @property
    def _count(self):
        """The number of parties that have arrived in this generation."""
        return hs_b_arrived(hs_load64(&state_of(self).words.word))

    @property
    def _cond(self):
        # Not the base's property: that makes a new condition, and debuggers read every name of dir()
        raise AttributeError("a barrier between processes has no condition")
