from cpython.object cimport PyObject, visitproc
from cpython.ref cimport Py_DECREF

from compat cimport hs_mutex

cdef extern from "_ring.h":
    ctypedef struct hs_ring:
        PyObject **slots
        Py_ssize_t capacity
        Py_ssize_t head
        Py_ssize_t count
    Py_ssize_t hs_ring_count(hs_ring *r) noexcept nogil
    Py_ssize_t hs_ring_slot(const hs_ring *r, Py_ssize_t i) noexcept nogil
    int hs_ring_reserve(hs_ring *r, Py_ssize_t extra) noexcept nogil
    int hs_ring_push(hs_ring *r, PyObject *item) noexcept nogil
    PyObject *hs_ring_pop(hs_ring *r, bint right) noexcept nogil
    hs_ring hs_ring_detach(hs_ring *r) noexcept nogil
    void hs_ring_free(hs_ring *r) noexcept
    void hs_ring_free_nested(hs_ring *r) noexcept
    int hs_ring_visit(hs_ring *r, visitproc visit, void *arg) noexcept


cdef class Ring:
    cdef hs_ring ring
    cdef object container  # the deque or list that holds the items, once a user has seen it; else None
    cdef hs_mutex guard    # protects every C field here and in the subclasses

    cdef int clear_ring(self) except -1
    cdef int ring_put(self, item) except -1
    cdef object ring_take(self, bint right)


cdef bint heap_put(Ring self, item) except -1
cdef bint heap_root_to_right(Ring self) except -1


cdef inline object take_over(PyObject *item):
    """The object of an owned pointer; its reference passes to the result."""
    cdef object result = <object>item
    Py_DECREF(result)
    return result
