# cython: freethreading_compatible=True
"""Barrier.

A barrier for one party opens at once.  For more it never does: the first to arrive would have to return
before the next can come.  Only signal handlers can arrive, reset() or abort() while one sleeps.
"""

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._errors import BrokenBarrierError


cdef class Barrier:
    """Barrier(parties, action=None, timeout=None)
--

    A place that opens when *parties* threads have come.

    action: called by the last to arrive.  timeout: seconds, the default of wait().
    """
    cdef Py_ssize_t wanted
    cdef Py_ssize_t waiting
    cdef size_t round  # counts how often it was opened or reset
    cdef bint is_broken
    cdef bint was_reset  # how the last round ended
    cdef public object _action
    cdef public object _timeout

    def __init__(self, parties, action=None, timeout=None):
        if parties < 1:
            raise ValueError(f"parties must be >= 1, not {parties!r}")
        self.wanted = parties
        self._action = action
        self._timeout = timeout

    def wait(self, timeout=None):
        """Arrive.  The last to do so calls the action and all return: the number of those before them.

        If others are still to come: with a timeout in seconds (or one given to Barrier) let that time
        pass, break the barrier and raise BrokenBarrierError; otherwise raise RuntimeError, because none can
        come meanwhile.  BrokenBarrierError too if the barrier is broken, or is reset during the sleep.
        """
        if timeout is None:
            timeout = self._timeout
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        cdef Py_ssize_t index = self.waiting
        if self.is_broken:
            raise BrokenBarrierError
        if index + 1 == self.wanted:
            self.open()
            return index
        if timeout is None:
            raise never_ends(
                "wait()",
                f"{index + 1} of {self.wanted} parties are there",
                "use a barrier for 1 party, pass a timeout, or use real threads",
            )
        self.waiting += 1
        self.sleep(seconds)
        return index

    cdef int open(self) except -1:
        try:
            if self._action is not None:
                self._action()
        except BaseException:
            self.is_broken = True
            raise
        self.next_round(False)
        return 0

    cdef int sleep(self, double seconds) except -1:
        """Wait as one of those counted in `waiting`; returns if the barrier was opened."""
        cdef size_t before = self.round
        try:
            sleep_out(seconds)
        finally:
            if self.round == before:
                self.waiting -= 1
        if self.round == before:
            self.is_broken = True
        if self.is_broken or self.was_reset:
            raise BrokenBarrierError
        return 0

    cdef void next_round(self, bint reset) noexcept:
        self.waiting = 0
        self.round += 1
        self.was_reset = reset

    def reset(self):
        """Make it as new.  For those who wait it is a BrokenBarrierError."""
        self.is_broken = False
        self.next_round(True)

    def abort(self):
        """Break it: wait() raises BrokenBarrierError until reset()."""
        self.is_broken = True

    @property
    def parties(self):
        """How many have to arrive."""
        return self.wanted

    @property
    def n_waiting(self):
        """How many have arrived and wait."""
        return self.waiting

    @property
    def broken(self):
        """True if it is broken."""
        return self.is_broken

    def __repr__(self):
        return shown(self, "broken" if self.is_broken else f"waiters={self.waiting}/{self.wanted}")
