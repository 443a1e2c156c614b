# cython: freethreading_compatible=True
"""LifoQueue and PriorityQueue.

The priority queue is a binary heap in the ring, whose head stays at slot 0 because items only leave at
the right end.  It is laid out exactly as `heapq` would lay it out, so that items which compare equal
leave in the standard library's order.

Comparisons run Python code, so they happen inside the monitor, and they may fail.  Therefore both
operations compare first, only remembering where to go, and move the items afterwards: an exception
leaves the heap as it was.  (The standard library's put() keeps an item in that case although it
raised, and its get() loses one.)  If a comparison opens the container (by reading `queue`), the
items have moved there, and the operation starts again on it.
"""

import heapq

from cpython.object cimport Py_LT, PyObject, PyObject_RichCompareBool
from cpython.ref cimport Py_DECREF

from compat cimport hs_mutex_lock, hs_mutex_unlock
from hasten.queue._items cimport COMPARES, Items
from hasten.queue._queue cimport Queue
from hasten.queue._ring cimport hs_ring, hs_ring_pop, take_over


cdef class LifoQueue(Queue):
    """LifoQueue(maxsize=0)
--

    The item put last leaves first."""

    def __cinit__(self):
        self.lifo = True


cdef class PriorityQueue(Queue):
    """PriorityQueue(maxsize=0)
--

    The smallest item leaves first.

    Items need `<`; usually they are tuples (priority, data).
    """

    def __cinit__(self):
        self.special |= COMPARES
        self.lifo = True  # the ring is a stack, with the root of the heap at the left

    cdef int base_put(self, item) except -1:
        if self.container is not None:
            heapq.heappush(self.container, item)
            return 0
        return Items.base_put(self, item)

    cdef object base_take(self):
        if self.container is not None:
            return heapq.heappop(self.container)
        return Items.base_take(self)

    cdef int ring_put(self, PyObject *item) except -1:
        cdef hs_ring *ring = &self.ring
        cdef Py_ssize_t end = ring.count, hole = end, parent
        cdef bint before
        while hole > 0:
            parent = (hole - 1) >> 1
            before = less(item, ring.slots[parent])
            if self.container is not None:
                self.base_put(<object>item)
                Py_DECREF(<object>item)
                return 0
            if not before:
                break
            hole = parent
        Items.ring_put(self, item)
        while end > hole:
            parent = (end - 1) >> 1
            ring.slots[end] = ring.slots[parent]
            end = parent
        ring.slots[hole] = item
        return 0

    cdef object ring_take(self):
        """Remove the root.  The path of smaller children moves up, and the last item goes where it fits."""
        cdef hs_ring *ring = &self.ring
        cdef Py_ssize_t path[64]
        cdef int depth = 0, i
        cdef Py_ssize_t size = ring.count - 1, child = 1, hole = 0
        cdef bint before
        cdef PyObject *root
        while child < size:
            if child + 1 < size:
                before = less(ring.slots[child], ring.slots[child + 1])
                if self.container is not None:
                    return self.base_take()
                if not before:
                    child += 1
            path[depth] = child
            depth += 1
            child = 2 * child + 1
        while depth > 0:
            before = less(ring.slots[size], ring.slots[path[depth - 1]])
            if self.container is not None:
                return self.base_take()
            if not before:
                break
            depth -= 1
        root = ring.slots[0]
        for i in range(depth):
            ring.slots[hole] = ring.slots[path[i]]
            hole = path[i]
        ring.slots[hole] = ring.slots[size]
        ring.slots[size] = root
        hs_mutex_lock(&self.guard)
        root = hs_ring_pop(ring, True)
        hs_mutex_unlock(&self.guard)
        return take_over(root)


cdef bint less(PyObject *a, PyObject *b) except -1:
    """a < b, with both held: the comparison may take them out of the queue."""
    cdef object first = <object>a, second = <object>b
    return PyObject_RichCompareBool(first, second, Py_LT)
