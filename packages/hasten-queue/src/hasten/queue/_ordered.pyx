# cython: freethreading_compatible=True
"""The order of priority queues.

A priority queue is a binary heap in the ring, whose head stays at slot 0 because items only leave at
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

from hasten.queue._items cimport Items
from hasten.queue._names cimport replaced_heappop, replaced_heappush
from hasten.queue._ring cimport hs_ring


cdef class Ordered(Items):
    """Storage of a queue that may be a priority queue: `ordered` tells."""

    cdef int base_put(self, item) except -1:
        cdef object heappush
        if not self.ordered:
            return Items.base_put(self, item)
        heappush = replaced_heappush()
        if heappush is not None:
            self.open_container()
        if self.container is not None:
            (heapq.heappush if heappush is None else heappush)(self.the_container(), item)
            return 0
        return Items.base_put(self, item)

    cdef object base_take(self):
        cdef object heappop
        if not self.ordered:
            return Items.base_take(self)
        heappop = replaced_heappop()
        if heappop is not None:
            self.open_container()
        if self.container is not None:
            return (heapq.heappop if heappop is None else heappop)(self.the_container())
        return Items.base_take(self)

    cdef int ring_put(self, PyObject *item) except -1:
        cdef hs_ring before = self.ring
        cdef PyObject **slots = before.slots
        cdef Py_ssize_t end = before.count, hole = end, parent
        cdef bint smaller
        if not self.ordered:
            return Items.ring_put(self, item)
        while hole > 0:
            parent = (hole - 1) >> 1
            smaller = less(item, slots[parent])
            if self.moved(&before):
                self.base_put(<object>item)
                Py_DECREF(<object>item)
                return 0
            if not smaller:
                break
            hole = parent
        Items.ring_put(self, item)
        slots = self.ring.slots
        while end > hole:
            parent = (end - 1) >> 1
            slots[end] = slots[parent]
            end = parent
        slots[hole] = item
        return 0

    cdef object ring_take(self):
        """Remove the root.  The path of smaller children moves up, and the last item goes where it fits."""
        cdef hs_ring before = self.ring
        cdef PyObject **slots = before.slots
        cdef Py_ssize_t path[64]
        cdef int depth = 0, i
        cdef Py_ssize_t size = before.count - 1, child = 1, hole = 0
        cdef bint smaller
        cdef PyObject *root
        if not self.ordered:
            return Items.ring_take(self)
        while child < size:
            if child + 1 < size:
                smaller = less(slots[child], slots[child + 1])
                if self.moved(&before):
                    return self.base_take()
                child += not smaller
            path[depth] = child
            depth += 1
            child = 2 * child + 1
        while depth > 0:
            smaller = less(slots[size], slots[path[depth - 1]])
            if self.moved(&before):
                return self.base_take()
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
        return Items.ring_take(self)

    cdef bint moved(self, hs_ring *before) except -1:
        """After a comparison: whether it has opened the container.  It may not have changed the ring."""
        if self.container is not None:
            return True
        if self.ring.slots != before.slots or self.ring.count != before.count:
            raise RuntimeError("the queue was changed by a comparison of its own items")
        return False


cdef bint less(PyObject *a, PyObject *b) except -1:
    """a < b, with both held: the comparison may take them out of the queue."""
    cdef object first = <object>a, second = <object>b
    return PyObject_RichCompareBool(first, second, Py_LT)
