# cython: freethreading_compatible=True
"""Taking results from the ring: by the result thread, the supervisor, or a caller that waits for a result.

A caller in result() may take its result from the ring itself, which saves two thread switches per call.  The
states of the result thread:

- at_ring: it waits for results.  The initial state, and the one for anything but a single pending call.
- standing_by: it has just delivered a result to a thread that slept for it, and nothing else is pending; so
  the next call is likely to be waited for, too.  It leaves the ring to callers and checks every LULL.
- In that state one caller at a time (`caller`) may wait for results, by take_for().
- It returns to the ring on recall() (a second call, a callback, a query that does not wait, results of other
  calls, a worker's death, the end), or after a LULL without a caller.

Invariants:

- Every result is delivered: by the result thread at the latest LULL after the last caller has left the ring.
  A missed recall() costs that time, nothing else.
- A caller leaves the ring however its wait ends, and before signal handlers run.  Results of other calls
  that it has taken are in `arrived`, and the result thread is notified.
- A caller sleeps for SLICE_OF_CALLER at most, then checks whether its future was settled otherwise.
- A forked child takes no results.
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


LULL = 0.01  # seconds without a caller after which the result thread returns to the ring


cdef class Pump:
    """Moves results from the ring to `arrived`.

    pending: task number -> (sink, index) of each unfinished task.  arrived: a deque of the outcomes that the
    result thread has to deliver.  pumping: a lock, held while results are taken from the ring and tasks from
    `pending`.
    """

    cdef Ring ring
    cdef dict pending
    cdef object arrived, pumping
    cdef readonly bint at_ring  # the result thread waits at the ring
    cdef readonly bint standing_by  # the result thread leaves the ring to callers
    cdef readonly bint caller   # a caller waits at the ring
    cdef bint used              # a caller has waited there since the result thread's last check
    cdef bint check_first       # the result thread has to check all its work before it waits
    cdef object recall_lock     # held while the result thread stands by; its release recalls it
    cdef int pid
    cdef public int bad_starts
    cdef public object start_error

    def __init__(self, Ring ring, dict pending, arrived, pumping):
        self.ring, self.pending, self.arrived, self.pumping = ring, pending, arrived, pumping
        self.recall_lock = threading.Lock()
        self.pid = getpid()

    def wait(self):
        """For the result thread: block until there is a result, or something in `arrived`."""
        self.ring.enter()
        self.at_ring = True
        try:
            while not (
                self.check_first or self.arrived
                or hs_ring_count(&self.ring.ring) or hs_ring_is_shut(&self.ring.ring)
            ):
                with nogil:
                    hs_ring_wait_data(&self.ring.ring, hs_now() + SLICE)
            self.check_first = False
        finally:
            self.at_ring = False
            self.ring.leave()

    def stand_by(self):
        """For the result thread: leave the ring to callers until recall(), or a LULL without a caller."""
        self.recall_lock.acquire(False)
        self.used = False
        self.standing_by = True
        try:
            while not self.recall_lock.acquire(True, LULL) and (self.used or self.caller):
                self.used = False
        finally:
            self.standing_by = False
            self.check_first = True

    def recall(self):
        """Send the result thread back to the ring; False if it did not stand by."""
        if not self.standing_by:
            return False
        self.standing_by = False
        try:
            self.recall_lock.release()
        except RuntimeError:  # already recalled
            pass
        return True

    def take_for(self, whose, uint64_t number, int64_t deadline):
        """For a caller: block until the result of its call arrives; ((sink, index), kind, data), to be
        settled by the caller.

        None: check the future and call again.  False: the caller cannot wait here.  deadline: ns of clock.h.
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
        """The caller's outcome, if nothing else has arrived; else None, and the caller has to notify the
        result thread."""
        found = None
        if len(self.arrived) == 1 and self.arrived[0][0] is whose:
            found = self.arrived.popleft()
        if self.pending:
            self.recall()
        return found

    def wake_all(self):
        """Wake all waiters at the ring."""
        self.ring.wake_all()

    cpdef int take_locked(self) except -1:
        """Move up to BATCH results to `arrived`; the number of records taken.  With `pumping` held."""
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
