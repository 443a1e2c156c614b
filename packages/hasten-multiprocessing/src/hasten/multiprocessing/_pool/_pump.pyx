# cython: freethreading_compatible=True
"""Taking results from the ring: for the result thread, the supervisor, and whoever waits for a result.

Whoever waits for the result of a call may take it from the ring itself, which saves two switches of threads
for a call.  Who waits at the ring:

- AT THE RING: the result thread.  So it is at first, and whenever anything but one call is on its way.
- STANDING BY: it has just told a result to a thread that slept for it, nothing else is pending, and so the
  next call is likely to be waited for as well.  It leaves the ring to that thread, and looks up every LULL.
- From there a caller may wait at the ring, one at a time (`caller`), by take_for().
- It goes back to the ring when it is recalled (a second call, a callback, whoever asks without waiting,
  results that are not the caller's, a worker's death, the end), or when no caller came for a whole LULL.

What holds:

- A result is told to its future in any case: by the result thread, at most LULL after nobody else was at
  the ring.  A recall that is missed costs that time, and nothing else.
- A caller leaves the ring however its wait ends, and before signal handlers run.  What it has taken and is
  not its own is in `arrived`, and the result thread is notified.
- A caller sleeps for SLICE_OF_CALLER at most, then it looks whether its future was settled by somebody else.
- In a process that was forked nobody takes anything.
"""

import threading

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint64_t

from clock cimport hs_now
from shm_ring cimport HS_RING_DONE, hs_ring, hs_ring_count, hs_ring_is_shut, hs_ring_wait_data
from hasten.multiprocessing._transport._ring cimport Record, Ring
from hasten.multiprocessing._pool import _outcome

cdef extern from "_take.h" nogil:
    enum:
        HS_RESULT_BAD_START
        HS_RESULT_WAKE

cdef extern from "unistd.h" nogil:
    int getpid() noexcept


cdef enum:
    BATCH = 256
    WORD = 8
    SLICE = 500000000  # ns
    SLICE_OF_CALLER = 20000000


LULL = 0.01  # seconds


cdef class Pump:
    """Between the ring of results and the sinks.

    pending: the number of each task that was begun and has not ended, and whose it is.  arrived: what the
    result thread has to tell.  pumping: a lock, held while results are taken from the ring and tasks
    from `pending`.
    """

    cdef Ring ring
    cdef dict pending
    cdef object arrived, pumping
    cdef readonly bint at_ring  # the result thread waits there
    cdef readonly bint standing_by  # it does not
    cdef readonly bint caller   # somebody who waits for a result does
    cdef bint used              # one has since the result thread last looked
    cdef bint anew              # the result thread looks for all that it has to do before it waits
    cdef object bell            # a lock that is taken while the result thread stands by
    cdef int pid
    cdef public int bad_starts
    cdef public object start_error

    def __init__(self, Ring ring, dict pending, arrived, pumping):
        self.ring, self.pending, self.arrived, self.pumping = ring, pending, arrived, pumping
        self.bell = threading.Lock()
        self.pid = getpid()

    def wait(self):
        """The result thread's: wait until there is something to take or to tell."""
        self.ring.enter()
        self.at_ring = True
        try:
            while not (
                self.anew or self.arrived
                or hs_ring_count(&self.ring.ring) or hs_ring_is_shut(&self.ring.ring)
            ):
                with nogil:
                    hs_ring_wait_data(&self.ring.ring, hs_now() + SLICE)
            self.anew = False
        finally:
            self.at_ring = False
            self.ring.leave()

    def stand_by(self):
        """The result thread's: leave the ring to callers, as long as they come."""
        self.bell.acquire(False)
        self.used = False
        self.standing_by = True
        try:
            while not self.bell.acquire(True, LULL) and (self.used or self.caller):
                self.used = False
        finally:
            self.standing_by = False
            self.anew = True

    def recall(self):
        """Have the result thread back at the ring; False if it did not stand by."""
        if not self.standing_by:
            return False
        self.standing_by = False
        try:
            self.bell.release()
        except RuntimeError:  # it is coming
            pass
        return True

    def take_for(self, whose, uint64_t number, int64_t deadline):
        """A caller's: wait for the result of its call; that as it arrived, for the caller to settle.

        None if it is to look at its future and come again, False if it cannot wait here.  deadline: ns on the
        clock of clock.h.
        """
        cdef hs_ring *r = &self.ring.ring
        cdef int64_t until
        if not self.standing_by or self.caller or self.pid != getpid():
            return False
        self.ring.enter()
        self.caller = self.used = True
        try:
            if hs_ring_is_shut(r):
                return False
            if not (self.arrived or hs_ring_count(r)) and number in self.pending:
                until = hs_now() + SLICE_OF_CALLER
                if deadline < until:
                    until = deadline
                with nogil:
                    hs_ring_wait_data(r, until)
            if hs_ring_count(r):
                with self.pumping:
                    self.take_locked()
            return self.own_arrival(whose)
        finally:
            self.caller = False
            self.ring.leave()

    cdef object own_arrival(self, whose):
        """What arrived for a caller, if that is all.  Anything else is the result thread's, which the caller
        is to notify."""
        found = None
        if len(self.arrived) == 1 and self.arrived[0][0] is whose:
            found = self.arrived.popleft()
        if self.pending:
            self.recall()
        return found

    def wake_all(self):
        """Whoever waits at the ring looks again."""
        self.ring.wake_all()

    cpdef int take_locked(self) except -1:
        """Take up to BATCH results to `arrived`; how many records there were.  With `pumping`."""
        cdef Record record
        cdef int taken = 0
        cdef uint64_t number
        cdef object data, whose
        while taken < BATCH and self.ring.get(False, 0, &record) == HS_RING_DONE:
            taken += 1
            if record.large != NULL:
                data = <object>record.large
                Py_DECREF(data)  # the record's
                number = (<uint64_t *>PyByteArray_AS_STRING(data))[0]
                data = memoryview(data)[WORD:]
            else:
                number = (<uint64_t *>record.small)[0]
                data = PyBytes_FromStringAndSize(record.small + WORD, record.length - WORD)
            if record.kind == HS_RESULT_WAKE:
                continue
            if record.kind == HS_RESULT_BAD_START:
                self.bad_starts += 1
                self.start_error = _outcome.decode_failure(data)[1]
                continue
            whose = self.pending.pop(number, None)
            if whose is None:
                continue
            self.arrived.append((whose, record.kind, data))
        return taken
