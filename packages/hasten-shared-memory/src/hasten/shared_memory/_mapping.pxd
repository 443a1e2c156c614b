from libc.stdint cimport uint64_t


cdef class Mapping:
    cdef char *address
    cdef Py_ssize_t length
    cdef Py_ssize_t exports  # views that are alive; the memory is unmapped when it is closed and there are none
    cdef bint closed_by_user

    cdef int unmap(self) except -1


cdef Mapping map_block(int fd, Py_ssize_t size)
