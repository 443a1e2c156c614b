# cython: freethreading_compatible=True
"""Taking results from the ring, for the result thread and for the supervisor."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint64_t

from clock cimport hs_now
from shm_ring cimport HS_RING_DONE, hs_ring, hs_ring_count, hs_ring_is_shut, hs_ring_wait_data
from hasten.multiprocessing._transport._ring cimport Record, Ring
from hasten.multiprocessing._pool import _outcome

cdef extern from "_take.h" nogil:
    enum:
        HS_RESULT_BAD_START
        HS_RESULT_WAKE
    void hs_ring_wake_all(hs_ring *r) noexcept

cdef enum:
    BATCH = 256
    WORD = 8
    SLICE = 500000000  # ns


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
    cdef public int bad_starts
    cdef public object start_error

    def __init__(self, Ring ring, dict pending, arrived, pumping):
        self.ring, self.pending, self.arrived, self.pumping = ring, pending, arrived, pumping

    def wait(self):
        """The result thread's: wait until there is something to take or to tell."""
        self.ring.enter()
        self.at_ring = True
        try:
            while not (
                hs_ring_count(&self.ring.ring) or hs_ring_is_shut(&self.ring.ring) or self.arrived
            ):
                with nogil:
                    hs_ring_wait_data(&self.ring.ring, hs_now() + SLICE)
        finally:
            self.at_ring = False
            self.ring.leave()

    def wake_all(self):
        """Whoever waits at the ring looks again."""
        self.ring.enter()
        hs_ring_wake_all(&self.ring.ring)
        self.ring.leave()

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
                number = (<uint64_t *>PyBytes_AS_STRING(data))[0]
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
