from libc.stdint cimport int64_t, uint64_t

from hasten.multiprocessing._transport._ring cimport Ring

cdef bint is_array(type kind) except -1
cdef int put_array(Ring ring, object array, uint64_t limit, bint block, int64_t deadline) except -2
cdef object array_of(bytearray whole)
