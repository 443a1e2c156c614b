# cython: freethreading_compatible=True
"""Taking results: by the result thread, or by one that waits for a result, which saves two switches.

One thread at a time helps.  While it does, the result thread does not wait at the ring; it looks up when it
is told of something that is its own (callbacks), and every 20 ms.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t

from clock cimport HS_NEVER, hs_now
from shm_ring cimport HS_RING_DONE, hs_ring, hs_ring_count, hs_ring_is_shut, hs_ring_wait_data
from timeout cimport hs_deadline_of, hs_expired, hs_seconds_until
from hasten.multiprocessing._transport._ring cimport Record, Ring
from hasten.multiprocessing._pool import _outcome
from hasten.multiprocessing._transport._pickler cimport loads

cdef extern from "_take.h" nogil:
    void hs_ring_pass_on(hs_ring *r) noexcept
    void hs_ring_wake_all(hs_ring *r) noexcept

cdef extern from "../_transport/_in_use.h" nogil:
    bint hs_swap(uint32_t *word, uint32_t old, uint32_t now) noexcept

cdef enum:
    OK = 0
    ERROR = 20
    BAD_START = 21
    WAKE = 22
    BATCH = 256
    WORD = 8
    SLICE = 500000000  # ns


cdef class Pump:
    """Between the ring of results and the sinks.

    pending: the number of each task that was begun and has not ended, with its sink and index.  arrived: what
    the result thread has to tell.  pumping: a lock, held while results are taken from the ring and tasks
    from `pending`.
    """

    cdef Ring ring
    cdef dict pending
    cdef object arrived, pumping
    cdef uint32_t helping
    cdef readonly bint at_ring  # the result thread waits there
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

    def wait(self):
        """The result thread's: wait until there is something to take or to tell, or somebody helps."""
        self.ring.enter()
        self.at_ring = True
        try:
            while not (
                hs_ring_count(&self.ring.ring) or hs_ring_is_shut(&self.ring.ring)
                or self.arrived or self.helping
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

    cpdef int take_locked(self, list direct) except -1:
        """Take results; those of sinks without callbacks to *direct*, unless it is None.  With `pumping`."""
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
        """Take results until sink._ready, or for *timeout* seconds.

        False if another thread does that, or the engine has ended: the sink's own event is to be waited for.
        """
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
                if engine.over or self.ring.is_shut():
                    return False  # what is left is told by the result thread
                if hs_expired(deadline):
                    break
                self.ring.poll(None if deadline == HS_NEVER else hs_seconds_until(deadline))
        finally:
            self.helping = 0
            if engine.waiting or self.arrived:
                engine.notify()
        return True


cdef int tell_all(Pump pump, list direct) except -1:
    """Tell the sinks, the last one first; if a signal handler raises, the result thread goes on."""
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
