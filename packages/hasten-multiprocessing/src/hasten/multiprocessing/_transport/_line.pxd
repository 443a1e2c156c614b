from libc.stdint cimport int64_t, uint64_t

cdef enum:
    AHEAD = 1024            # bytes of the read-ahead buffer
    FIRST_LOOK = 5000000    # ns
    LAST_LOOK = 500000000

cdef class Line:
    cdef readonly object connection
    cdef object successor   # the Exchange that replaces this line, or None
    cdef int fd             # the connection's, -1 when closed
    cdef size_t begin, end  # of the unread bytes in `ahead`
    cdef char ahead[1024]

    cdef int descriptor(self) except -1
    cdef size_t read(self, char *into, size_t size, bint within) except 0
    cdef int fill(self, size_t least, bint within) except -1
    cdef object body(self, uint64_t size)
