# cython: freethreading_compatible=True
"""Objects as lists of bytes-like pieces, and back: a pickle, or a pickle of protocol 5 and its large buffers.

A packed object with buffers begins with words of 8 bytes: the number of buffers times 256, the length of
the pickle, and the length of each buffer.  So its first byte is 0, as that of no pickle is.  The pickle
follows, then the buffers, each aligned to ALIGNMENT from the beginning of the record.

The pieces refer to the object's own memory; nothing is copied.  The buffers of an unpacked object are views
of the argument of unpack(), and writable if that is.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from shm_ring cimport hs_piece
from hasten.multiprocessing._transport._pickler cimport (
    dump_pieces, dump_pieces_out_of_band, loads, uses_own_pickles,
)
from hasten.multiprocessing._transport._ring cimport Ring

cdef enum:
    LEAST = 1 << 14      # bytes; smaller buffers stay in the pickle
    ALIGNMENT = 16
    WORD = 8
    FEW = 16             # pieces for which the stack has room

cdef bytes PADDING = bytes(ALIGNMENT)


cpdef list pack(object obj, Py_ssize_t offset):
    """The pieces of an object.  offset: the byte of its record at which they will begin."""
    cdef list buffers = []
    cdef list pieces = dump_pieces_out_of_band(obj, buffers, LEAST)
    if pieces is None:
        return dump_pieces(obj)
    return with_buffers(pieces, buffers, offset) if buffers else pieces


cdef list with_buffers(list pieces, list buffers, Py_ssize_t offset):
    """The pieces of a pickle together with its buffers, PickleBuffer objects."""
    cdef Py_ssize_t n = len(buffers), length = 0, at, i
    cdef bytes head = PyBytes_FromStringAndSize(NULL, (2 + n) * WORD)
    cdef uint64_t *words = <uint64_t *>PyBytes_AS_STRING(head)
    cdef list packed = [head]
    for piece in pieces:
        length += len(piece)
    packed += pieces
    words[0], words[1] = <uint64_t>n << 8, length
    at = offset + len(head) + length
    for i in range(n):
        raw = buffers[i].raw()
        words[2 + i] = raw.nbytes
        packed.append(PADDING[: -at % ALIGNMENT])
        packed.append(raw)
        at += -at % ALIGNMENT + raw.nbytes
    return packed


cpdef object unpack(data, Py_ssize_t offset):
    """The object in a bytes-like object that begins at *offset* of its record."""
    if len(data) == 0 or data[0] != 0 or uses_own_pickles():
        return loads(data)
    return unpack_buffers(data, offset)


cdef object unpack_buffers(data, Py_ssize_t offset):
    """unpack() of an object with buffers."""
    cdef object view = memoryview(data)
    cdef Py_ssize_t n = int.from_bytes(view[:WORD], "little") >> 8
    cdef Py_ssize_t at = (2 + n) * WORD, size, i
    cdef list sizes = [int.from_bytes(view[i * WORD : (i + 1) * WORD], "little") for i in range(1, 2 + n)]
    cdef list buffers = []
    pickle = view[at : at + sizes[0]]
    at += sizes[0]
    for size in sizes[1:]:
        at += -(offset + at) % ALIGNMENT
        buffers.append(view[at : at + size])
        at += size
    return loads(pickle, buffers)


cdef int put_pieces(
    Ring ring, int kind, hs_piece *first, list data, uint64_t limit, bint block, int64_t deadline
) except -1:
    """Put a record of bytes-like objects; a status of Ring.put().  first: a piece before them, or NULL."""
    cdef Py_ssize_t n = len(data), held = 0, i
    cdef uint64_t length = 0
    cdef hs_piece few[FEW + 1]
    cdef Py_buffer few_views[FEW]
    cdef hs_piece *pieces = few
    cdef Py_buffer *views = few_views
    cdef int before = first != NULL
    try:
        if n > FEW:
            pieces = <hs_piece *>calloc(n + 1, sizeof(hs_piece))
            views = <Py_buffer *>calloc(n, sizeof(Py_buffer))
            if pieces == NULL or views == NULL:
                raise MemoryError
        if before:
            pieces[0] = first[0]
            length = first.size
        for i in range(n):
            PyObject_GetBuffer(data[i], &views[i], PyBUF_SIMPLE)
            held += 1
            pieces[before + i].data, pieces[before + i].size = views[i].buf, views[i].len
            length += views[i].len
        return ring.put(kind, pieces, before + n, length, limit, block, deadline)
    finally:
        while held:
            held -= 1
            PyBuffer_Release(&views[held])
        if pieces != few:
            free(pieces)
        if views != few_views:
            free(views)
