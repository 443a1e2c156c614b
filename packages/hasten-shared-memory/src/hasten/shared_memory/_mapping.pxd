cdef class Memory:
    cdef char *address
    cdef Py_ssize_t length


cdef class Mapping:
    cdef Memory memory  # None when closed
    cdef Py_ssize_t length

    cdef Memory opened(self)


cdef Mapping map_block(int fd, Py_ssize_t size)
