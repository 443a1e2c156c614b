# cython: freethreading_compatible=True
"""Python objects to records of a ring, and back.

The content of a record, by its kind:

- NONE, TRUE, FALSE: nothing.  INTEGER: 8 bytes.  FLOAT: a double.  BYTES: the bytes.  TEXT: UTF-8.
- BYTEARRAY: its bytes.  ARRAY: a numpy array, see _arrays.pyx.
- PICKLE: a pickle, as ForkingPickler makes it.
- OUT_OF_BAND: a pickle of protocol 5 and its large buffers, packed as in _packing.pyx.  The buffers are
  copied into the ring and out of it; the resulting objects are views of the second copy.

Kinds other than PICKLE and OUT_OF_BAND need no pickler.  They are for exact types only, for which (except
ARRAY) picklers call no reducer.
Only processes of one program read a record, so the format may change with every version.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint64_t

from shm_ring cimport hs_piece
from hasten.multiprocessing._transport._arrays cimport array_of, is_array, put_array
from hasten.multiprocessing._transport._packing cimport put_pieces, unpack_buffers, with_buffers
from hasten.multiprocessing._transport._pickler cimport dumps, dumps_out_of_band, loads
from hasten.multiprocessing._transport._ring cimport (
    ARRAY, BYTEARRAY, BYTES, FALSE, FLOAT, INTEGER, NONE, OUT_OF_BAND, PICKLE, TEXT, TRUE, Record, Ring,
)

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)
    char *PyByteArray_AS_STRING(PyObject *object) noexcept

cdef enum:
    LEAST = 1 << 14      # bytes; smaller buffers stay in the pickle


cdef class NotPicklable(Exception):
    """Carries an exception of the pickler, to tell it from errors of the queue."""

    def __cinit__(self, error):
        self.error = error


# ---- to a record ----

cdef int put_object(Ring ring, object obj, uint64_t limit, bint block, int64_t deadline) except -1:
    """Put an object: HS_RING_DONE, _FULL or _SHUT.  NotPicklable with the pickler's exception."""
    cdef hs_piece piece
    cdef int64_t number
    cdef double real
    cdef int overflow = 0, status
    cdef Py_ssize_t size
    cdef type kind = type(obj)
    if kind is int:
        number = PyLong_AsLongLongAndOverflow(obj, &overflow)
        if not overflow:
            piece.data, piece.size = &number, sizeof(number)
            return ring.put(INTEGER, &piece, 1, piece.size, limit, block, deadline)
    elif kind is bytes:
        piece.data, piece.size = PyBytes_AS_STRING(obj), PyBytes_GET_SIZE(obj)
        return ring.put(BYTES, &piece, 1, piece.size, limit, block, deadline)
    elif kind is str:
        try:
            piece.data = PyUnicode_AsUTF8AndSize(obj, &size)
        except UnicodeEncodeError:
            return put_pickled(ring, obj, limit, block, deadline)
        piece.size = size
        return ring.put(TEXT, &piece, 1, piece.size, limit, block, deadline)
    elif obj is None or kind is bool:
        return ring.put(NONE if obj is None else TRUE if obj else FALSE, NULL, 0, 0, limit, block, deadline)
    elif kind is float:
        real = PyFloat_AS_DOUBLE(obj)
        piece.data, piece.size = &real, sizeof(real)
        return ring.put(FLOAT, &piece, 1, piece.size, limit, block, deadline)
    elif kind is bytearray:
        return put_bytearray(ring, obj, limit, block, deadline)
    elif is_array(kind):
        status = put_array(ring, obj, limit, block, deadline)
        if status >= 0:
            return status
    return put_pickled(ring, obj, limit, block, deadline)


cdef int put_bytearray(Ring ring, bytearray obj, uint64_t limit, bint block, int64_t deadline) except -1:
    cdef hs_piece piece
    cdef Py_buffer view
    PyObject_GetBuffer(obj, &view, PyBUF_SIMPLE)  # exported, so that it cannot be resized meanwhile
    try:
        piece.data, piece.size = view.buf, view.len
        return ring.put(BYTEARRAY, &piece, 1, piece.size, limit, block, deadline)
    finally:
        PyBuffer_Release(&view)


cdef int put_pickled(Ring ring, object obj, uint64_t limit, bint block, int64_t deadline) except -1:
    cdef list buffers = []
    cdef object data
    try:
        data = dumps_out_of_band(obj, buffers, LEAST)
        if data is None:
            data = dumps(obj)
            buffers = []
    except Exception as error:
        raise NotPicklable(error)
    if buffers:
        pieces = with_buffers([data], buffers, 0)
        return put_pieces(ring, OUT_OF_BAND, NULL, pieces, limit, block, deadline)
    return put_pickle(ring, data, limit, block, deadline)


cdef int put_pickle(Ring ring, object data, uint64_t limit, bint block, int64_t deadline) except -1:
    """Put an object by its pickle, a bytes-like object."""
    cdef hs_piece piece
    cdef Py_buffer view
    if type(data) is bytes:
        piece.data, piece.size = PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
        return ring.put(PICKLE, &piece, 1, piece.size, limit, block, deadline)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        piece.data, piece.size = view.buf, view.len
        return ring.put(PICKLE, &piece, 1, piece.size, limit, block, deadline)
    finally:
        PyBuffer_Release(&view)


# ---- and back ----

cdef object object_of(Record *record):
    """The object of a record; consumes the record."""
    cdef object large = None
    cdef const char *data = record.small
    if record.large != NULL:
        large = <object>record.large
        Py_DECREF(large)  # the record's
        record.large = NULL
        data = PyBytes_AS_STRING(large) if type(large) is bytes else PyByteArray_AS_STRING(<PyObject *>large)
    if record.kind == PICKLE:
        return loads(PyBytes_FromStringAndSize(data, record.length) if large is None else large)
    if record.kind == INTEGER:
        return (<int64_t *>data)[0]
    if record.kind == BYTES:
        return PyBytes_FromStringAndSize(data, record.length) if large is None else large
    if record.kind == TEXT:
        return PyUnicode_DecodeUTF8(data, record.length, NULL)
    if record.kind == ARRAY or record.kind == BYTEARRAY or record.kind == OUT_OF_BAND:
        if large is None:
            large = PyByteArray_FromStringAndSize(data, record.length)
        if record.kind == BYTEARRAY:
            return large
        return array_of(large) if record.kind == ARRAY else unpack_buffers(large, 0)
    if record.kind == FLOAT:
        return (<double *>data)[0]
    return None if record.kind == NONE else record.kind == TRUE


cdef object pickle_of(Record *record):
    """The object of a record as a pickle that any interpreter reads; consumes the record."""
    if record.kind == PICKLE:
        if record.large == NULL:
            return PyBytes_FromStringAndSize(record.small, record.length)
        data = <object>record.large
        Py_DECREF(data)
        record.large = NULL
        return data
    return dumps(object_of(record))
