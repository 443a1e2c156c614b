from libc.stdint cimport int64_t, uint64_t

from shm_ring cimport hs_piece
from hasten.multiprocessing._transport._ring cimport Ring

# Described in _packing.pyx.
cpdef list pack(object obj, Py_ssize_t offset)
cpdef object unpack(data, Py_ssize_t offset)
cdef list with_buffers(list pieces, list buffers, Py_ssize_t offset)
cdef object unpack_buffers(data, Py_ssize_t offset)
cdef int put_pieces(
    Ring ring, int kind, hs_piece *first, list data, uint64_t limit, bint block, int64_t deadline
) except -1
