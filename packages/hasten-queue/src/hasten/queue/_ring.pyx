# cython: freethreading_compatible=True
"""The ring as an object: it owns its items, and it takes part in garbage collection.

Invariant: whoever traverses the object traverses the references in the C array too.  Cython generates the
slots for the Python attributes alone, and a queue that holds itself would never be freed: both are wrapped.
(A class without Python attributes has neither; `container` is one.)

The subclasses are in other modules, which find the wrapped slots in the type: within this module Cython 3
would call the generated ones of the base class directly.
"""

from cpython.object cimport PyObject, visitproc

from compat cimport hs_mutex_lock, hs_mutex_unlock


cdef class Ring:
    """References in a ring.  `_items.Items` and `_simple.SimpleQueue` are built on it."""

    def __dealloc__(self):
        hs_ring_free_nested(&self.ring)

    cdef int clear_ring(self) except -1:
        """Drop the items in the ring; their finalizers run when the ring is empty already."""
        cdef hs_ring all
        hs_mutex_lock(&self.guard)
        all = hs_ring_detach(&self.ring)
        hs_mutex_unlock(&self.guard)
        hs_ring_free(&all)
        return 0


cdef extern from "Python.h":
    ctypedef int (*traverse_slot "traverseproc")(PyObject *, visitproc, void *) noexcept
    ctypedef int (*clear_slot "inquiry")(PyObject *) noexcept
    ctypedef struct TypeSlots "PyTypeObject":
        traverse_slot tp_traverse
        clear_slot tp_clear

cdef TypeSlots *slots = <TypeSlots *>Ring
cdef traverse_slot traverse_attributes = slots.tp_traverse
cdef clear_slot clear_attributes = slots.tp_clear


cdef int traverse_all(PyObject *self, visitproc visit, void *arg) noexcept:
    cdef int stop = hs_ring_visit(&(<Ring>self).ring, visit, arg)
    return stop if stop else traverse_attributes(self, visit, arg)


cdef int clear_all(PyObject *self) noexcept:
    cdef hs_ring all = hs_ring_detach(&(<Ring>self).ring)
    hs_ring_free(&all)
    return clear_attributes(self)


slots.tp_traverse = traverse_all
slots.tp_clear = clear_all
