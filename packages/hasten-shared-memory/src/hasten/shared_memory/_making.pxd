from libc.stdint cimport int64_t, uint64_t


cdef int failed(filename=*) except -1
cdef bytes encoded(name)


cdef class NewBlock:
    cdef int fd
    cdef uint64_t inode, intent  # what the family knows it by
    cdef bint linked
    cdef bint untaken  # it has its size, and not its space
    cdef bytes name

    cdef bint make(self, name, unsigned int mode, int64_t size, bint noted, bint chosen) except -1
    cdef bint make_under_its_name(
        self, name, unsigned int mode, int64_t size, bint noted, bint chosen
    ) except -1
    cdef int fill(self, int64_t size, bint noted) except -1
    cdef int keep(self)
