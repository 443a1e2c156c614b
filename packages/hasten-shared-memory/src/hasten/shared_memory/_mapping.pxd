cdef extern from "_pledges.h":
    ctypedef struct hs_pledge:
        pass


cdef class Memory:
    cdef char *address
    cdef Py_ssize_t length
    cdef hs_pledge pledge


cdef class Mapping:
    cdef Memory memory  # None when closed
    cdef Py_ssize_t length

    cdef Memory opened(self)


cdef Mapping map_block(int fd, Py_ssize_t size, bint pledged)
cdef bint needs_reserving(int fd, Py_ssize_t size) except -1
