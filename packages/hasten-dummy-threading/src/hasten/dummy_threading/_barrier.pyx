# cython: freethreading_compatible=True
"""Barrier.

A barrier for one party opens at once.  One for more parties does not open: the next one can arrive only
after the first has returned.  Only signal handlers can arrive, reset() or abort() during a wait.
"""

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._locks import StrictLock
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._condition import Condition
from hasten.dummy_threading._errors import BrokenBarrierError
from hasten.dummy_threading._published import published

# Values of `_state`, as in the standard library; its other values are never visible here
cdef int FILLING = 0
cdef int BROKEN = -2


cdef int open_(barrier) except -1:
    try:
        if barrier._action is not None:
            barrier._action()
    except BaseException:
        barrier._state = BROKEN
        raise
    next_round(barrier, False)
    return 0


cdef int sleep(barrier, double seconds) except -1:
    """Wait, counted in `_count`; returns if the barrier was opened, else raises."""
    before = barrier._rounds
    try:
        sleep_out(seconds)
    finally:
        if barrier._rounds == before:
            barrier._count -= 1
    if barrier._rounds == before:
        barrier._state = BROKEN
    if barrier._state == BROKEN or barrier._was_reset:
        raise BrokenBarrierError
    return 0


cdef int next_round(barrier, bint reset) except -1:
    barrier._count = 0
    barrier._rounds += 1
    barrier._was_reset = reset
    return 0


@published
class Barrier:
    """A meeting point for *parties* threads: wait() returns when all have arrived.

    action: called by the last to arrive.  timeout: seconds, the default of wait().
    """

    def __init__(self, parties, action=None, timeout=None):
        if parties < 1:
            raise ValueError(f"parties must be >= 1, not {parties!r}")
        self._parties = parties
        self._action = action
        self._timeout = timeout
        self._count = 0  # of waiting threads
        self._state = FILLING
        self._cond = Condition(StrictLock())
        self._rounds = 0  # how often it was opened or reset
        self._was_reset = False  # how the last round ended

    def wait(self, timeout=None):
        """Arrive.  The last to arrive calls the action; returns how many arrived before.

        If others are still missing: with a timeout in seconds (or one given to Barrier) sleep that time,
        break the barrier and raise BrokenBarrierError; otherwise raise RuntimeError, because none can
        arrive meanwhile.  BrokenBarrierError also if the barrier is broken, or is reset during the sleep.
        """
        if timeout is None:
            timeout = self._timeout
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        index = self._count
        if self._state == BROKEN:
            raise BrokenBarrierError
        if index + 1 == self._parties:
            open_(self)
            return index
        if timeout is None:
            raise never_ends(
                "wait()",
                f"{index + 1} of {self._parties} parties are there",
                "use a barrier for 1 party, pass a timeout, or use real threads",
            )
        self._count += 1
        sleep(self, seconds)
        return index

    def reset(self):
        """Empty and mend the barrier.  Waiting threads get a BrokenBarrierError."""
        self._state = FILLING
        next_round(self, True)

    def abort(self):
        """Break the barrier: wait() raises BrokenBarrierError until reset()."""
        self._state = BROKEN

    @property
    def parties(self):
        """How many threads have to arrive."""
        return self._parties

    @property
    def n_waiting(self):
        """How many threads have arrived and wait."""
        return self._count

    @property
    def broken(self):
        """Whether the barrier is broken."""
        return self._state == BROKEN

    def __repr__(self):
        return shown(self, "broken" if self._state == BROKEN else f"waiters={self._count}/{self._parties}")
