# cython: freethreading_compatible=True
"""The ring of shm_ring.h for Python threads: waiting, signals, the GIL, and memory for received records.

The ring's locks are held in C only: no signal handler or destructor runs meanwhile, so these may use the
same queue.  A small record is copied with the GIL if the locks are free, otherwise without it.

A ring that is closed while other threads use it is unmapped by the last of them.
"""

import os
from errno import EINTR
from functools import partial

from cpython.bytearray cimport PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint32_t, uint64_t

from clock cimport hs_now
from shm_ring cimport *
from timeout cimport hs_deadline_of, hs_expired

cdef extern from "_in_use.h" nogil:
    bint hs_use(uint32_t *users) noexcept
    bint hs_unuse(uint32_t *users) noexcept
    bint hs_use_no_more(uint32_t *users) noexcept
    bint hs_swap(uint32_t *word, uint32_t old, uint32_t now) noexcept

cdef extern from "Python.h":
    char *PyBytes_AS_STRING(PyObject *object) noexcept
    char *PyByteArray_AS_STRING(PyObject *object) noexcept

cdef enum:
    LAST_SLICE = 500000000


cdef class Ring:
    """A queue of records between processes.

    Ring() makes one; Ring(fd, event) maps one that another process has made, and owns the descriptors.
    """

    def __cinit__(self, int fd=-1, int event=-1):
        cdef int status
        with nogil:
            status = hs_ring_make(&self.ring) if fd < 0 else hs_ring_attach(&self.ring, fd, event)
        if status < 0:
            PyErr_SetFromErrno(OSError)
        self.open = True

    def __dealloc__(self):
        if self.ring.page != NULL:
            hs_ring_close(&self.ring)

    cdef int enter(self) except -1:
        if not hs_use(&self.users):
            raise OSError("handle is closed")
        return 0

    cdef void leave(self) noexcept:
        if hs_unuse(&self.users):
            hs_ring_close(&self.ring)
            self.ring.page = NULL

    def close(self):
        """Unmap the ring once no other thread uses it; every later use is an OSError.  Does not block."""
        self.open = False
        if hs_use_no_more(&self.users):
            hs_ring_close(&self.ring)
            self.ring.page = NULL

    # ---- putting ----

    cdef int put(
        self, int kind, hs_piece *pieces, int n, uint64_t length, uint64_t limit, bint block, int64_t deadline
    ) except -1:
        """HS_RING_DONE, _FULL or _SHUT."""
        cdef int status
        self.enter()
        if length <= LARGE:
            status = hs_ring_put(&self.ring, kind, pieces, n, limit, False, True)
            if status == HS_RING_DONE:
                self.leave()
                return status
        try:
            return self.put_inside(kind, pieces, n, length, limit, block, deadline)
        finally:
            self.leave()

    cdef int put_inside(
        self, int kind, hs_piece *pieces, int n, uint64_t length, uint64_t limit, bint block, int64_t deadline
    ) except -1:
        cdef int status
        cdef bint patient = True
        cdef int64_t slice_ = FIRST_SLICE
        while True:
            with nogil:
                status = hs_ring_put(&self.ring, kind, pieces, n, limit, True, patient)
            if status == HS_RING_FULL and block and not hs_expired(deadline):
                with nogil:
                    hs_ring_wait_space(&self.ring, limit, sooner(deadline, &slice_))
            elif status == HS_RING_AHEAD:
                with nogil:
                    hs_ring_let_read(&self.ring, length)
                patient = False
            elif status == HS_RING_ERROR and errno != EINTR:
                no_memory(errno, length)
            elif status != HS_RING_BUSY and status != HS_RING_ERROR:
                return status
            PyErr_CheckSignals()

    # ---- getting ----

    cdef int get(self, bint block, int64_t deadline, Record *record) except -1:
        """HS_RING_DONE, _EMPTY or _SHUT."""
        cdef int status
        cdef hs_record got
        record.large = NULL
        self.enter()
        status = hs_ring_get(&self.ring, &got, record.small, SMALL, False)
        if status == HS_RING_DONE:
            record.kind, record.length = got.kind, got.length
            self.leave()
            return status
        try:
            return self.get_inside(block, deadline, record)
        finally:
            self.leave()

    cdef int get_inside(self, bint block, int64_t deadline, Record *record) except -1:
        cdef int status
        cdef hs_record got
        cdef int64_t slice_ = FIRST_SLICE
        while True:
            with nogil:
                status = hs_ring_get(&self.ring, &got, record.small, SMALL, True)
            if status == HS_RING_SMALL:
                status = self.get_large(record, got.length, got.kind)
            elif status == HS_RING_DONE:
                record.kind, record.length = got.kind, got.length
            if status == HS_RING_EMPTY and block and not hs_expired(deadline):
                with nogil:
                    hs_ring_wait_data(&self.ring, sooner(deadline, &slice_))
            elif status == HS_RING_ERROR:
                PyErr_SetFromErrno(OSError)
            elif status != HS_RING_BUSY and status != HS_RING_SMALL:
                return status
            PyErr_CheckSignals()

    cdef int get_large(self, Record *record, uint64_t length, int kind) except -1:
        """Take a record into a new object of *length* bytes.  If another consumer was faster, the next
        record is taken if it fits; else HS_RING_SMALL.
        """
        cdef hs_record got
        cdef int status
        cdef bint writable = kind >= BYTEARRAY
        cdef object room
        cdef char *to
        if writable:
            room = PyByteArray_FromStringAndSize(NULL, length)
            to = PyByteArray_AS_STRING(<PyObject *>room)
        else:
            room = PyBytes_FromStringAndSize(NULL, length)
            to = PyBytes_AS_STRING(<PyObject *>room)
        with nogil:
            status = hs_ring_get(&self.ring, &got, to, length, True)
        if status == HS_RING_DONE:
            if got.length != length or writable != (got.kind >= BYTEARRAY):
                room = (bytearray if got.kind >= BYTEARRAY else bytes)(room[:got.length])
            record.kind, record.length = got.kind, got.length
            Py_INCREF(room)
            record.large = <void *>room
        return status

    # ---- the rest ----

    def count(self):
        """The current number of records."""
        self.enter()
        cdef uint64_t found = hs_ring_count(&self.ring)
        self.leave()
        return found

    def poll(self, timeout):
        """Whether there is a record, or the ring is shut down; waits up to *timeout* seconds for that."""
        cdef int64_t deadline = hs_deadline_of(timeout), slice_ = FIRST_SLICE
        self.enter()
        try:
            while not hs_ring_count(&self.ring) and not hs_ring_is_shut(&self.ring):
                if hs_expired(deadline):
                    return False
                with nogil:
                    hs_ring_wait_data(&self.ring, sooner(deadline, &slice_))
                PyErr_CheckSignals()
            return True
        finally:
            self.leave()

    def shut(self, bint immediate):
        """Shut the ring down: no put from now on, and no get once it is empty; immediate: empty it."""
        cdef int status = HS_RING_BUSY
        self.enter()
        try:
            while status == HS_RING_BUSY:
                with nogil:
                    status = hs_ring_shut(&self.ring, immediate)
                PyErr_CheckSignals()
        finally:
            self.leave()

    def is_shut(self):
        self.enter()
        cdef bint shut = hs_ring_is_shut(&self.ring)
        self.leave()
        return shut

    def unfinished(self):
        """The number of records put minus the number of task_done() calls."""
        self.enter()
        cdef uint64_t found = hs_ring_unfinished(&self.ring)
        self.leave()
        return found

    def task_done(self):
        """Count a record as done; False if all are done already."""
        self.enter()
        cdef bint done = hs_ring_task_done(&self.ring)
        self.leave()
        return done

    def join(self, timeout):
        """Block until all records are done, or *timeout* seconds; whether they are."""
        cdef int64_t deadline = hs_deadline_of(timeout), slice_ = FIRST_SLICE
        self.enter()
        try:
            while hs_ring_unfinished(&self.ring):
                if hs_expired(deadline):
                    return False
                with nogil:
                    hs_ring_wait_done(&self.ring, sooner(deadline, &slice_))
                PyErr_CheckSignals()
            return True
        finally:
            self.leave()

    def swap_lock_holder(self, int which, uint32_t old, uint32_t now):
        """Compare and swap the pid in one of the two lock words; whether it was *old*."""
        self.enter()
        cdef bint changed = hs_swap(&self.ring.page.lock_holders[which != 0], old, now)
        self.leave()
        return changed

    def lock_holder(self, int which):
        """The pid in one of the two lock words; 0: the lock is free."""
        self.enter()
        cdef uint32_t pid = self.ring.page.lock_holders[which != 0]
        self.leave()
        return pid

    def wake_all(self):
        """Wake all waiters for a record or for space."""
        self.enter()
        hs_ring_wake_all(&self.ring)
        self.leave()

    # ---- descriptors ----

    def arm(self):
        """The eventfd, which from now on is readable exactly while there is something to get."""
        self.enter()
        cdef int event = hs_ring_arm(&self.ring)
        self.leave()
        return event

    def descriptors(self):
        """The descriptors of the memory and of the eventfd; still owned by the ring."""
        self.enter()
        cdef tuple found = (self.ring.units.fd, self.ring.event)
        self.leave()
        return found


cdef int no_memory(int error, uint64_t length) except -1:
    raise OSError(error, f"{os.strerror(error)}: there is no memory for another {length} bytes in the ring")


cdef int64_t sooner(int64_t deadline, int64_t *slice_) noexcept nogil:
    """The deadline or the end of the next slice, whichever is sooner; doubles the slice."""
    cdef int64_t until = hs_now() + slice_[0]
    if slice_[0] < LAST_SLICE:
        slice_[0] *= 2
    return until if until < deadline else deadline


def attach(fd, event):
    """The ring behind received descriptors.  Owns them, closes them on failure, makes them
    non-inheritable."""
    try:
        os.set_inheritable(fd, False)
        os.set_inheritable(event, False)
        return Ring(fd, event)
    except BaseException:
        os.close(fd)
        os.close(event)
        raise


def packed(ring):
    """The state of a ring for unpacked() in another process; None for None."""
    if ring is None:
        return None
    from multiprocessing.reduction import DupFd

    memory, event = ring.descriptors()
    return DupFd(memory), DupFd(event)


def unpacked(pickled):
    """The ring of a state made by packed()."""
    if pickled is None:
        return None
    memory, event = pickled
    return attach_both(memory.detach, event.detach)


def mapped_again(ring):
    """A second Ring of the same memory that can be closed independently; None for None."""
    if ring is None:
        return None
    memory, event = ring.descriptors()
    return attach_both(partial(os.dup, memory), partial(os.dup, event))


cdef object attach_both(take_memory, take_event):
    """attach() to the descriptors that two functions return; closes the first if the second raises."""
    fd = take_memory()
    try:
        event = take_event()
    except BaseException:
        os.close(fd)
        raise
    return attach(fd, event)
