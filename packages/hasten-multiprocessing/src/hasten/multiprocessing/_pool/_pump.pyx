# cython: freethreading_compatible=True
"""Taking results: by the result thread, or by the thread that waits for one of them, which saves two switches of threads.

One thread at a time helps.  While it does, the result thread does not wait at the ring; it looks up when it is told of
something that is its own (callbacks), and every 20 ms.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t

from clock cimport HS_NEVER
from shm_ring cimport HS_RING_DONE, hs_ring, hs_ring_count, hs_ring_is_shut
from timeout cimport hs_deadline_of, hs_expired, hs_seconds_until
from hasten.multiprocessing._transport._ring cimport Record, Ring
from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._transport._pickler cimport loads

cdef extern from "_take.h" nogil:
    void hs_ring_pass_on(hs_ring *r) noexcept

cdef extern from "../_transport/_in_use.h" nogil:
    bint hs_swap(uint32_t *word, uint32_t old, uint32_t now) noexcept

cdef enum:
    OK = 0
    ERROR = 20
    BAD_START = 21
    WAKE = 22
    BATCH = 256
    WORD = 8


cdef class Pump:
    """Between the ring of results and the sinks.

    pending: the number of each task that was begun and has not ended, with its sink and index.  arrived: what the result
    thread has to tell.  pumping: a lock, held while results are taken from the ring and tasks from `pending`.
    """

    cdef Ring ring
    cdef dict pending
    cdef object arrived, pumping
    cdef uint32_t helping
    cdef public int bad_starts
    cdef public object start_error

    def __init__(self, Ring ring, dict pending, arrived, pumping):
        self.ring, self.pending, self.arrived, self.pumping = ring, pending, arrived, pumping

    @property
    def is_helped(self):
        """Whether a thread that waits takes the results."""
        return self.helping != 0

    def pass_on(self):
        """Wake somebody else who waits for results."""
        self.ring.enter()
        hs_ring_pass_on(&self.ring.ring)
        self.ring.leave()

    cpdef int take_locked(self, list direct) except -1:
        """Take results; those of sinks without callbacks to *direct*, if that is not None.  With `pumping`."""
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
            if record.kind == WAKE:
                continue
            if record.kind == BAD_START:
                self.bad_starts += 1
                self.start_error = _outcome.decode_failure(data)[1]
                continue
            whose = self.pending.pop(number, None)
            if whose is None:
                continue
            sink, index = whose
            if direct is not None and sink._callback is None and sink._error_callback is None:
                direct.append((sink, index, record.kind, data))
            else:
                self.arrived.append((sink, index, record.kind, data))
        return taken

    def help(self, engine, sink, timeout):
        """Take results until sink._ready, or for *timeout* seconds; False, at once, if another thread does that."""
        cdef int64_t deadline = HS_NEVER if timeout is None else hs_deadline_of(timeout)
        cdef list direct
        cdef int taken
        if not hs_swap(&self.helping, 0, 1):
            return False
        try:
            while not sink._ready:
                direct = []
                with self.pumping:
                    taken = self.take_locked(direct)
                direct.reverse()
                tell_all(self, direct)
                if self.arrived:
                    engine.notify()
                if taken or sink._ready:
                    continue
                if engine.over or hs_expired(deadline):
                    break
                self.ring.poll(None if deadline == HS_NEVER else hs_seconds_until(deadline))
                if hs_ring_is_shut(&self.ring.ring) and not hs_ring_count(&self.ring.ring):
                    break
        finally:
            self.helping = 0
            if engine.waiting or self.arrived:
                engine.notify()
        return True


cdef int tell_all(Pump pump, list direct) except -1:
    """Tell the sinks, the last one first; if a signal handler raises, the result thread goes on with the others."""
    cdef object told = None
    try:
        while direct:
            told = direct.pop()
            tell(told)
            told = None
    except BaseException:
        if told is not None and told[0]._repeatable:
            pump.arrived.append(told)
        while direct:
            pump.arrived.append(direct.pop())
        raise
    return 0


cdef int tell(tuple told) except -1:
    cdef object outcome
    sink, index, kind, data = told
    if kind == OK:
        try:
            outcome = True, loads(data)
        except Exception as error:
            outcome = False, error
    else:
        outcome = _outcome.decode_failure(data)
    sink._set(index, outcome)
    return 0
