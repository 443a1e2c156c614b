# cython: freethreading_compatible=True
"""numpy arrays to records of a ring and back without a pickler, which takes longer than copying a small
array.

Only exact ndarrays of plain number types, contiguous and writable, without a registered reducer.  All other
arrays are pickled, with their buffers out of band.

A record holds a Shape, the dimensions, and, at the next multiple of ALIGNMENT, the numbers.  The result is
an aligned, writable view of the bytearray that the record was copied to.

put() never imports numpy: a process that puts an array has already imported it.
"""

import copyreg
import sys
from multiprocessing.reduction import ForkingPickler

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.buffer cimport (
    PyBUF_ANY_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.object cimport PyTypeObject
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset, strcmp, strlen, strncpy

from shm_ring cimport hs_piece
from hasten.multiprocessing._transport._ring cimport ARRAY, Ring

cdef enum:
    ALIGNMENT = 16
    DIMENSIONS = 64  # the most that numpy allows
    LETTERS = 8

ctypedef struct Shape:
    char format[8]          # as the buffer protocol names the type of a number
    int ndim
    int fortran             # whether the first dimension runs fastest

cdef object ndarray = None       # numpy.ndarray, once numpy was seen
cdef dict dtypes = {}            # from the buffer format to the dtype
cdef dict own_reducers = ForkingPickler._extra_reducers
cdef dict all_reducers = copyreg.dispatch_table
cdef char padding[ALIGNMENT]


cdef bint is_array(type kind) except -1:
    """Whether put_array() is to be tried with objects of this type."""
    if kind is not ndarray or ndarray is None:
        if strcmp((<PyTypeObject *>kind).tp_name, "numpy.ndarray") or not find_numpy(kind):
            return False
    return kind not in own_reducers and kind not in all_reducers


cdef bint find_numpy(type kind) except -1:
    global ndarray
    numpy = sys.modules.get("numpy")
    if getattr(numpy, "ndarray", None) is not kind:
        return False
    for letter in "?bBhHiIlLqQefdg":
        dtypes[letter.encode()] = numpy.dtype(letter)
    for letter in "FDG":
        dtypes[b"Z" + letter.lower().encode()] = numpy.dtype(letter)
    ndarray = kind
    return True


cdef int put_array(Ring ring, object array, uint64_t limit, bint block, int64_t deadline) except -2:
    """As Ring.put(); -1 if this array has to be pickled."""
    cdef Py_buffer view
    cdef Shape shape
    cdef hs_piece pieces[4]
    cdef uint64_t start
    try:
        PyObject_GetBuffer(array, &view, PyBUF_FORMAT | PyBUF_ANY_CONTIGUOUS | PyBUF_WRITABLE)
    except (ValueError, BufferError):
        return -1
    try:
        if view.ndim > DIMENSIONS or strlen(view.format) >= LETTERS:
            return -1
        if dtypes.get(<bytes>view.format) is not array.dtype:
            return -1
        memset(&shape, 0, sizeof(shape))
        strncpy(shape.format, view.format, LETTERS - 1)
        shape.ndim = view.ndim
        shape.fortran = not PyBuffer_IsContiguous(&view, b"C")
        start = sizeof(Shape) + view.ndim * sizeof(Py_ssize_t)
        pieces[0].data, pieces[0].size = &shape, sizeof(shape)
        pieces[1].data, pieces[1].size = view.shape, view.ndim * sizeof(Py_ssize_t)
        pieces[2].data, pieces[2].size = padding, -start % ALIGNMENT
        pieces[3].data, pieces[3].size = view.buf, view.len
        start += pieces[2].size
        return ring.put(ARRAY, pieces, 4, start + view.len, limit, block, deadline)
    finally:
        PyBuffer_Release(&view)


cdef object array_of(bytearray whole):
    """The array in *whole*, which the caller must not use otherwise."""
    cdef Shape *shape = <Shape *>PyByteArray_AS_STRING(whole)
    cdef Py_ssize_t *sizes = <Py_ssize_t *>(shape + 1)
    cdef uint64_t start = sizeof(Shape) + shape.ndim * sizeof(Py_ssize_t)
    cdef int i
    start += -start % ALIGNMENT
    if ndarray is None:
        import numpy
        find_numpy(numpy.ndarray)
    cdef tuple dimensions = tuple([sizes[i] for i in range(shape.ndim)])
    return ndarray(dimensions, dtypes[<bytes>shape.format], whole, start, None, "F" if shape.fortran else "C")
