# cython: freethreading_compatible=True
"""The two rings of an engine, of tasks and of results, and the slots of the workers.

A task is a number and a pickle of (func, args, kwds); a result is that number, a kind, and a pickle.
Between open() and a worker's take() a task can be cancelled by call_off(): then no worker runs it.
"""

import os
from errno import EINTR

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize, PyByteArray_GET_SIZE
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.ref cimport Py_DECREF
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from clock cimport HS_NEVER, hs_now
from shm_ring cimport *
from hasten.multiprocessing._transport._ring import packed, unpacked

from hasten.multiprocessing._transport._packing cimport put_pieces as put_record
from hasten.multiprocessing._transport._ring cimport Record, Ring

cdef extern from "sys/mman.h" nogil:
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED
    void *MAP_FAILED
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset) noexcept
    int munmap(void *address, size_t length) noexcept

cdef extern from "unistd.h" nogil:
    int close(int fd) noexcept

cdef extern from "_take.h" nogil:
    ctypedef struct hs_slot:
        uint64_t taken
        int64_t since
        uint32_t ready
        uint32_t stay
    ctypedef struct hs_workers:
        hs_slot *slots
        uint8_t *marks
    enum:
        HS_MARKS
        HS_OPEN
        HS_BEGUN
        HS_CALLED_OFF
        HS_STAY
        HS_MAY_LEAVE
        HS_LEAVES
        HS_RESULT_OK
        HS_RESULT_ERROR
        HS_RESULT_BAD_START
        HS_RESULT_WAKE
        HS_RESULT_UNREADABLE
    void hs_mark_open(const hs_workers *d, uint64_t number) noexcept
    int hs_mark_get(const hs_workers *d, uint64_t number) noexcept
    bint hs_mark_claim(const hs_workers *d, uint64_t number, uint8_t mark) noexcept
    void HS_SLOT_SET(uint64_t word, uint64_t value) noexcept
    uint64_t HS_SLOT_GET(uint64_t word) noexcept
    void HS_SLOT_SET32 "HS_SLOT_SET" (uint32_t word, uint32_t value) noexcept
    uint32_t HS_SLOT_GET32 "HS_SLOT_GET" (uint32_t word) noexcept
    bint hs_stay_step(hs_slot *slot, uint32_t before, uint32_t now) noexcept
    int hs_take(
        hs_ring *r, const hs_workers *d, uint32_t me, hs_record *got, void *to, uint64_t size, bint wait
    ) noexcept
    int64_t hs_taken_by(hs_ring *r, hs_slot *slots, uint32_t who) noexcept

MOST_WORKERS = 4095
cdef enum:
    SLOTS = 4096
    ROOM = 4096
    WORD = 8
    LOOK_FOR_PARENT = 300000000  # ns of waiting between two checks that the parent is alive
    SPARSE = 256                 # tasks between two checks when there is no waiting
    OK_KIND = 0
    BY_NAME_KIND = 1

OK, ERROR, BAD_START = HS_RESULT_OK, HS_RESULT_ERROR, HS_RESULT_BAD_START
WAKE, UNREADABLE = HS_RESULT_WAKE, HS_RESULT_UNREADABLE

# hs_slot.ready of a worker: started; its initializer has returned; it ends regularly.
STARTING, READY, LEAVING = 0, 1, 2

cdef uint64_t WORKERS_SIZE = SLOTS * sizeof(hs_slot) + HS_MARKS


cdef class Slots:
    """The shared memory with the slots of workers and the marks of tasks.  No worker has slot 0."""

    cdef readonly int fd
    cdef hs_slot *slots
    cdef hs_workers workers

    def __cinit__(self, int fd=-1):
        cdef void *memory
        self.fd = -1  # if memfd_create() raises, __dealloc__ must not close 0
        self.fd = fd if fd >= 0 else os.memfd_create("hasten.pool", os.MFD_CLOEXEC)
        if fd < 0:
            os.ftruncate(self.fd, WORKERS_SIZE)
        memory = mmap(NULL, WORKERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0)
        if memory == MAP_FAILED:
            PyErr_SetFromErrno(OSError)
        self.slots = self.workers.slots = <hs_slot *>memory
        self.workers.marks = <uint8_t *>memory + SLOTS * sizeof(hs_slot)

    def __dealloc__(self):
        if self.slots != NULL:
            munmap(self.slots, WORKERS_SIZE)
        if self.fd >= 0:
            close(self.fd)

    def close(self):
        """Close the descriptor; the memory stays as long as this object."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


cdef class Tasks:
    """The ring of tasks: the parent's side (index 0), or that of the worker with slot *index*."""

    cdef readonly Ring ring
    cdef readonly Slots slots
    cdef readonly uint32_t index
    cdef public object is_orphan  # a function that tells a waiting worker whether its parent is dead
    cdef uint32_t calls
    cdef uint64_t newest  # the highest number that was opened
    cdef readonly bint by_name  # whether the last task taken was put with by_name

    def __init__(self, Ring ring, Slots slots, uint32_t index=0):
        if index >= SLOTS:
            raise ValueError(f"no slot {index}")
        self.ring, self.slots, self.index = ring, slots, index

    # ---- the parent's side ----

    def open(self, uint64_t number):
        """Allow call_off() of a task that is about to be put.  number: higher than all before."""
        hs_mark_open(&self.slots.workers, number)
        if number > self.newest:
            self.newest = number

    def call_off(self, uint64_t number):
        """Cancel a task before a worker takes it; False if it is too late for that."""
        if self.newest - number >= HS_MARKS // 2:  # its mark is reused by another task, or soon will be
            return False
        return hs_mark_claim(&self.slots.workers, number, HS_CALLED_OFF)

    def has_begun(self, uint64_t number):
        """Whether a worker has taken that task."""
        return self.newest - number >= HS_MARKS // 2 or hs_mark_get(&self.slots.workers, number) == HS_BEGUN

    def put(self, uint64_t number, list pieces, uint64_t limit, bint block, bint by_name=False):
        """Put a task; False if there are *limit* tasks already and *block* is false, None after shut().

        by_name: whether the pieces are those of _by_name.pyx.
        """
        cdef int kind = BY_NAME_KIND if by_name else OK_KIND
        cdef int status = put_pieces(self.ring, kind, number, pieces, limit, block)
        return None if status == HS_RING_SHUT else status == HS_RING_DONE

    def side_of(self, uint32_t index):
        """The side of a new worker with slot *index*, which is reset."""
        cdef Tasks side = Tasks(self.ring, self.slots, index)
        self.slots.slots[index].taken = 0
        self.slots.slots[index].ready = 0
        HS_SLOT_SET32(self.slots.slots[index].stay, HS_STAY)
        return side

    def taken_by(self, uint32_t index):
        """The number of the task that a dead worker held, or 0.  Blocks for the ring's lock."""
        cdef int64_t found = -1
        self.ring.enter()
        try:
            while found < 0:
                with nogil:
                    found = hs_taken_by(&self.ring.ring, self.slots.slots, index)
            return found
        finally:
            self.ring.leave()

    def holding(self, uint32_t index):
        """(number of the task that a worker holds, or 0; seconds for which this has been so)"""
        cdef hs_slot *slot = &self.slots.slots[index]
        cdef uint64_t taken = HS_SLOT_GET(slot.taken), again
        cdef int64_t since
        while True:  # until both values belong together
            since = <int64_t>HS_SLOT_GET(slot.since)
            again = HS_SLOT_GET(slot.taken)
            if again == taken:
                return taken, (hs_now() - since) / 1e9
            taken = again

    def is_ready(self, uint32_t index):
        """Whether the initializer of that worker has returned."""
        return self.slots.slots[index].ready != STARTING

    def has_left(self, uint32_t index):
        """Whether that worker ends regularly."""
        cdef hs_slot *slot = &self.slots.slots[index]
        return slot.ready == LEAVING or HS_SLOT_GET32(slot.stay) == HS_LEAVES

    def let_go(self, uint32_t index):
        """Let that worker leave as soon as it finds no task.  keep() revokes it."""
        if hs_stay_step(&self.slots.slots[index], HS_STAY, HS_MAY_LEAVE):
            self.ring.wake_all()

    def keep(self, uint32_t index):
        """Revoke let_go(); False if the worker has left already, or was not let go."""
        return hs_stay_step(&self.slots.slots[index], HS_MAY_LEAVE, HS_STAY)

    def count(self):
        """The number of tasks that no worker has taken yet."""
        return self.ring.count()

    def shut(self, bint immediate):
        """Let the workers leave when no task is left; immediate: drop all tasks."""
        self.ring.shut(immediate)

    def close(self):
        """Close the descriptors and unmap the ring."""
        self.ring.close()
        self.slots.close()

    def __reduce__(self):
        ring = packed_for_child(self, self.ring)
        return attached_tasks, (ring, reduction().DupFd(self.slots.fd), self.index)

    # ---- the worker's side ----

    def ready(self):
        """Record that the initializer has returned."""
        self.slots.slots[self.index].since = hs_now()
        self.slots.slots[self.index].ready = READY

    def leave(self):
        """Record that this worker ends regularly: it takes no more tasks."""
        self.slots.slots[self.index].ready = LEAVING

    @property
    def held(self):
        """The number of the task that this worker has taken and not answered, or 0."""
        return HS_SLOT_GET(self.slots.slots[self.index].taken)

    def take(self):
        """Block until there is a task; its pickle, or None if the worker should end.

        Signal handlers run.  If one raises, so does this; `held` tells whether a task was taken.
        """
        cdef char small[ROOM]
        cdef hs_record got
        cdef hs_ring *r = &self.ring.ring
        cdef int status
        cdef int64_t since = 0, until
        cdef object large = None
        self.calls += 1
        if self.calls % SPARSE == 0 and self.is_orphan is not None and self.is_orphan():
            return None
        self.ring.enter()
        try:
            while True:
                if large is not None:
                    status = self.take_large(&got, large)
                else:
                    with nogil:
                        status = hs_take(r, &self.slots.workers, self.index, &got, small, ROOM, True)
                if status == HS_RING_DONE:
                    self.by_name = got.kind == BY_NAME_KIND
                    if large is None:
                        return PyBytes_FromStringAndSize(small + WORD, got.length - WORD)
                    return memoryview(large)[WORD:got.length]
                if status == HS_RING_SHUT:
                    return None
                if status == HS_RING_SMALL:
                    large = PyByteArray_FromStringAndSize(NULL, got.length)
                    continue
                if status == HS_RING_ERROR and errno != EINTR:
                    PyErr_SetFromErrno(OSError)
                if status == HS_RING_EMPTY:
                    if since == 0:
                        since = hs_now()
                    until = since + LOOK_FOR_PARENT
                    with nogil:
                        hs_ring_wait_data(r, until)
                    if hs_now() >= until:
                        since = hs_now()
                        if self.is_orphan is not None and self.is_orphan():
                            return None
                PyErr_CheckSignals()
        finally:
            self.ring.leave()

    cdef int take_large(self, hs_record *got, bytearray room) noexcept:
        cdef int status
        cdef char *to = PyByteArray_AS_STRING(room)
        cdef uint64_t size = PyByteArray_GET_SIZE(room)
        with nogil:
            status = hs_take(&self.ring.ring, &self.slots.workers, self.index, got, to, size, True)
        return status

    def answer(self, Results results, int kind, list pieces):
        """Put the result of the task that this worker holds; then the task is no longer held."""
        cdef hs_slot *slot = &self.slots.slots[self.index]
        put_pieces(results.ring, kind, HS_SLOT_GET(slot.taken), pieces, 0, True)
        HS_SLOT_SET(slot.since, hs_now())
        HS_SLOT_SET(slot.taken, 0)


cdef class Results:
    """The ring of results."""

    cdef readonly Ring ring

    def __init__(self, Ring ring):
        self.ring = ring

    def put(self, int kind, uint64_t number, list pieces):
        """Put a record that is not the answer to a held task."""
        put_pieces(self.ring, kind, number, pieces, 0, True)

    def wait(self, timeout=None):
        """Block until there is a result, shut(), or *timeout* seconds; False in the last case."""
        return self.ring.poll(timeout)

    def get(self):
        """The next (number, kind, data), or None.  Does not block.  data: bytes-like."""
        cdef Record record
        cdef object large
        if self.ring.get(False, 0, &record) != HS_RING_DONE:
            return None
        if record.large != NULL:
            large = <object>record.large
            Py_DECREF(large)  # the record's
            return (<uint64_t *>PyByteArray_AS_STRING(large))[0], record.kind, memoryview(large)[WORD:]
        return (
            (<uint64_t *>record.small)[0],
            record.kind,
            PyBytes_FromStringAndSize(record.small + WORD, record.length - WORD),
        )

    def shut(self):
        """Wake all waiters for good."""
        self.ring.shut(True)

    def is_shut(self):
        return self.ring.is_shut()

    def close(self):
        self.ring.close()

    def __reduce__(self):
        return attached_results, (packed_for_child(self, self.ring),)


def reduction():
    import multiprocessing.reduction

    return multiprocessing.reduction


def packed_for_child(end, Ring ring):
    """The state of an end's ring, for a process that is being started."""
    import multiprocessing.context

    multiprocessing.context.assert_spawning(end)
    return packed(ring)


def attached_tasks(ring, slots, index):
    return Tasks(unpacked(ring), Slots(slots.detach()), index)


def attached_results(ring):
    return Results(unpacked(ring))


cdef int put_pieces(Ring ring, int kind, uint64_t number, list data, uint64_t limit, bint block) except -1:
    """Put a record of a number and bytes-like objects; a status of Ring.put()."""
    cdef hs_piece first
    first.data, first.size = &number, WORD
    return put_record(ring, kind, &first, data, limit, block, HS_NEVER)
