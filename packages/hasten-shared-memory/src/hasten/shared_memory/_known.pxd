from libc.stdint cimport uint64_t

cdef int know(name, uint64_t inode, bint made) except -1
