# cython: freethreading_compatible=True
"""The ring as an object, which owns its items and takes part in garbage collection; and the heap in it.

Invariant: traversing a Ring visits the references in its C array as well as its Python attributes.  Cython
generates tp_traverse and tp_clear for the attributes alone, and a queue that holds itself would never be
freed: both slots are wrapped below.  (Without a Python attribute, `container`, the class would have neither.)

Invariant: every subclass is in another module.  There Cython finds the wrapped slots in the type; a subclass
in this module would call the generated ones of its base class directly (Cython 3).

A priority queue is a binary heap in the ring: items leave at the right end only, so the head stays at slot 0.
Its layout is that of `heapq`: items that compare equal leave in the standard library's order.  Comparisons
run Python code and may raise, so both operations compare first and move items afterwards: an exception leaves
the heap as it was.  (The standard library's put() keeps the item then, and its get() loses one.)
"""

from cpython.object cimport Py_LT, PyObject, PyObject_RichCompareBool, visitproc
from cpython.ref cimport Py_DECREF, Py_INCREF

from compat cimport hs_mutex_lock, hs_mutex_unlock


cdef class Ring:
    """References in a ring.  Base of `_items.Items` and `_simple.SimpleQueue`."""

    def __dealloc__(self):
        hs_ring_free_nested(&self.ring)

    cdef int clear_ring(self) except -1:
        """Drop the items in the ring.  Their finalizers run after it is empty, without the guard."""
        cdef hs_ring all
        hs_mutex_lock(&self.guard)
        all = hs_ring_detach(&self.ring)
        hs_mutex_unlock(&self.guard)
        hs_ring_free(&all)
        return 0

    cdef int ring_put(self, item) except -1:
        """Append *item* at the right end."""
        cdef int failed
        Py_INCREF(item)
        hs_mutex_lock(&self.guard)
        failed = hs_ring_push(&self.ring, <PyObject *>item)
        hs_mutex_unlock(&self.guard)
        if failed:
            Py_DECREF(item)
            raise MemoryError("no memory for another item in the queue")
        return 0

    cdef object ring_take(self, bint right):
        """Remove and return the item at the right end, or at the left one."""
        cdef PyObject *item = NULL
        hs_mutex_lock(&self.guard)
        if self.ring.count > 0:
            item = hs_ring_pop(&self.ring, right)
        hs_mutex_unlock(&self.guard)
        if item == NULL:
            raise IndexError("pop from an empty queue")
        return take_over(item)


# ---- the heap ----

cdef bint heap_put(Ring self, item) except -1:
    """Put *item* into the heap.  False, with nothing changed, if a comparison has opened the container."""
    cdef hs_ring before = self.ring
    cdef PyObject **slots = before.slots
    cdef Py_ssize_t end = before.count, hole = end, parent
    cdef bint smaller
    while hole > 0:
        parent = (hole - 1) >> 1
        smaller = less(<PyObject *>item, slots[parent])
        if opened_since(self, &before):
            return False
        if not smaller:
            break
        hole = parent
    self.ring_put(item)
    slots = self.ring.slots
    while end > hole:
        parent = (end - 1) >> 1
        slots[end] = slots[parent]
        end = parent
    slots[hole] = <PyObject *>item
    return True


cdef bint heap_root_to_right(Ring self) except -1:
    """Move the smallest item to the right end; what is left of it is a heap.  False as for heap_put().

    The path of smaller children moves up, and the item that was last goes where it fits.
    """
    cdef hs_ring before = self.ring
    cdef PyObject **slots = before.slots
    cdef Py_ssize_t path[64]
    cdef int depth = 0, i
    cdef Py_ssize_t size = before.count - 1, child = 1, hole = 0
    cdef bint smaller
    cdef PyObject *root
    while child < size:
        if child + 1 < size:
            smaller = less(slots[child], slots[child + 1])
            if opened_since(self, &before):
                return False
            child += not smaller
        path[depth] = child
        depth += 1
        child = 2 * child + 1
    while depth > 0:
        smaller = less(slots[size], slots[path[depth - 1]])
        if opened_since(self, &before):
            return False
        if not smaller:
            break
        depth -= 1
    if size > 0:
        root = slots[0]
        for i in range(depth):
            slots[hole] = slots[path[i]]
            hole = path[i]
        slots[hole] = slots[size]
        slots[size] = root
    return True


cdef bint opened_since(Ring self, hs_ring *before) except -1:
    """Whether a comparison has opened the container.  RuntimeError if it has changed the ring instead."""
    if self.container is not None:
        return True
    if self.ring.slots != before.slots or self.ring.count != before.count:
        raise RuntimeError("the queue was changed by a comparison of its own items")
    return False


cdef bint less(PyObject *a, PyObject *b) except -1:
    """a < b, with both held: the comparison may take them out of the queue."""
    cdef object first = <object>a, second = <object>b
    return PyObject_RichCompareBool(first, second, Py_LT)


# ---- garbage collection ----

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
