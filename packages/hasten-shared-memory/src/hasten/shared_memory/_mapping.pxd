cdef class Memory:
    cdef char *address
    cdef Py_ssize_t length
    cdef Py_ssize_t untaken  # bytes, see _space.h


cdef class Mapping:
    cdef Memory memory  # None when closed
    cdef Py_ssize_t length

    cdef Memory opened(self)


cdef Mapping map_block(int fd, Py_ssize_t size)
cdef bint room_abounds(int fd, Py_ssize_t size)
cdef int leave_untaken(Mapping mapping) except -1
