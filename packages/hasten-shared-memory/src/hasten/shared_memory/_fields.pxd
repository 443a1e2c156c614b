from libc.stdint cimport int64_t, uint64_t


cdef class Fields:
    cdef object name_  # with its slash
    cdef object mapping
    cdef object view
    cdef object tracked
    cdef int64_t size_
    cdef uint64_t inode  # 0: nobody has asked for it
    cdef int fd
    cdef bint anonymous

    cdef int set_name(self, name) except -1
    cdef bint opened(self) noexcept
    cdef int close(self) except -2
