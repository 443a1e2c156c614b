from libc.stdint cimport int64_t

from park cimport hs_waitlist
from hasten.queue._tasks cimport Tasks


cdef class Queue(Tasks):
    cdef bint shut  # shutdown() was called

    cdef bint has_room(self) noexcept
    cdef void pass_on(self, hs_waitlist *list, bint more) noexcept
    cdef int put_waiting(self, item, block, timeout) except -1
    cdef int put_inside(self, item, block, timeout, int64_t deadline) except -1
    cdef int put_late(self, item, block) except -1
    cdef int put_before(self, item, block, int64_t deadline) except -1
    cdef Py_ssize_t put_slice(self, list items, Py_ssize_t start) except -1
    cdef object get_waiting(self, block, timeout)
    cdef object get_inside(self, block, timeout, int64_t deadline)
    cdef object get_reentered(self, block)
    cdef list take_slice(self, Py_ssize_t most)
    cdef int take_more(self, list taken, Py_ssize_t most) except -1
    cdef int drain(self, list dropped) except -1
    cdef object size_now(self)
