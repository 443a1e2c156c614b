from libc.stdint cimport int64_t

cdef enum:
    READABLE = 1
    WRITABLE = 2

cdef bint wait_for(int fd, int what, int64_t deadline) except -1
cdef int sleep_unless_nonblocking(int fd) except -1
cdef bint gets_signals() noexcept nogil
cdef int failed(int error) except -1
