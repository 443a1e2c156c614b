# cython: freethreading_compatible=True
"""What a queue holds: the ring, the container that users may see, the limit, and the hooks of subclasses.

Invariant: the items are in one place.  That is the C ring until a program reads the attribute `queue`; then
they move to a deque or list for good, because the program may change that object at any time.

Where `_qsize`, `_put` or `_get` is overridden (in a subclass, later in the class, or on the instance), the
operations call these hooks; the base versions serve `super()._put(item)`.  A change of a class is noticed by
its version tag, which the interpreter renews whenever an attribute of the type or of a base is set; a change
of an instance by __setattr__.  (Writing to the instance's __dict__ goes unnoticed.)

A queue's state has no reference to the queue: methods that may call a hook take the queue as an argument.
"""

import heapq

from cpython.object cimport PyTypeObject
from libc.math cimport ceil

from compat cimport hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from state cimport own_fields
from hasten.queue._names cimport deque_class, replaced_heappop, replaced_heappush
from hasten.queue._ring cimport (Ring, heap_put, heap_root_to_right, hs_ring, hs_ring_count, hs_ring_detach,
                                 hs_ring_free, hs_ring_slot)

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

WATCHED = frozenset(("_init", "_qsize", "_put", "_get", "put", "get"))
cdef frozenset HOOKS = frozenset(("_qsize", "_put", "_get"))
cdef dict BASE = {}  # name -> our own function, filled by register_base()
cdef object own_setattr = None
cdef object real_deque = deque_class()


def register_base(cls):
    """Record the methods that count as not overridden: those of *cls*, the complete base class."""
    global own_setattr
    for name in (*WATCHED, "maxsize"):
        BASE[name] = getattr(cls, name)
    own_setattr = cls.__setattr__


cdef int note_attribute(Items self, queue, name) except -1:
    """Look for hooks again if the attribute that was set or deleted can be one."""
    if name in WATCHED:
        self.hooked_instance = any(hook in WATCHED for hook in own_fields(queue))
        self.find_hooks(queue)
    return 0


cdef class Items(Ring):
    """Storage of a queue.  Not thread-safe by itself: `_monitor.Monitor` adds the locking."""

    def __cinit__(self):
        self.maxsize_ = 0
        self.special = UNTAGGED  # until find_hooks()

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")

    def __repr__(self):
        return f"<{hs_ring_count(&self.ring) if self.container is None else len(self.the_container())} items>"

    cdef int start(self, queue, maxsize) except -1:
        """Start empty, as the base version of `_init`."""
        self.clear_ring()
        if self.special & OPENED or (not self.lifo and deque_class() is not real_deque):
            self.set_container(self.new_container())
            self.set_special(OPENED, OPENED)
        return 0

    cdef int find_hooks(self, queue) except -1:
        """Compute which methods are overridden, and the type's tag that this holds for."""
        cdef type cls = type(queue)
        cdef unsigned int tag
        cdef int hooked = 0
        cdef bint noticed = cls.__setattr__ is own_setattr
        cdef dict own = own_fields(queue) if self.hooked_instance or not noticed else {}
        # The look-up gives the type a tag if it has none.  The tag is read before and after the checks: a
        # change between the two must not be recorded as checked.
        getattr(cls, "_put")
        tag = hs_type_tag(<PyTypeObject *>cls)
        for name in HOOKS:
            if name in own or getattr(cls, name) is not BASE[name]:
                hooked = HOOKED
        self.put_overridden = "put" in own or getattr(cls, "put") is not BASE["put"]
        self.get_overridden = "get" in own or getattr(cls, "get") is not BASE["get"]
        self.own_maxsize = getattr(cls, "maxsize") is not BASE["maxsize"]
        if self.own_maxsize:
            self.set_special(ODD_LIMIT, ODD_LIMIT)
        if tag == 0 or tag != hs_type_tag(<PyTypeObject *>cls) or not noticed:
            hooked |= UNTAGGED
            tag = 0
        self.set_special(HOOKED | UNTAGGED, hooked)
        self.tag = tag
        return 0

    cdef int set_special(self, int mask, int bits) except -1:
        """Replace the bits of *mask*.  If that changes the way of the operations, unpark everybody."""
        cdef int special
        hs_mutex_lock(&self.guard)
        special = (self.special & ~mask) | bits
        if special != self.special:
            self.special = special
            self.wake_everybody()
        hs_mutex_unlock(&self.guard)
        return 0

    cdef void wake_everybody(self) noexcept:
        """Unpark every waiter of `_monitor.Monitor`, with the guard held."""

    # ---- what the operations call: through the hooks where there are any ----

    cdef int store(self, queue, item) except -1:
        if self.special & HOOKED:
            queue._put(item)
        else:
            self.base_put(item)
        return 0

    cdef object take(self, queue):
        if self.special & HOOKED:
            return queue._get()
        return self.base_take()

    cdef object size(self, queue):
        if self.special & HOOKED:
            return queue._qsize()
        return self.count()

    cdef bint has_items(self, queue) except -1:
        return queue._qsize() if self.special & HOOKED else self.count() != 0

    cdef Py_ssize_t count(self) except -1:
        return hs_ring_count(&self.ring) if self.container is None else len(self.the_container())

    # ---- what the base versions of `_put` and `_get` do ----

    cdef int base_put(self, item) except -1:
        if self.ordered:
            return self.put_ordered(item)
        if self.container is None:
            return self.ring_put(item)
        self.the_container().append(item)
        return 0

    cdef int put_ordered(self, item) except -1:
        cdef object heappush = replaced_heappush()
        if heappush is not None:
            self.open_container()
        if self.container is None and heap_put(self, item):
            return 0
        (heapq.heappush if heappush is None else heappush)(self.the_container(), item)
        return 0

    cdef object base_take(self):
        if self.ordered:
            return self.take_ordered()
        if self.container is None:
            return self.ring_take(self.lifo)
        return self.the_container().pop() if self.lifo else self.the_container().popleft()

    cdef object take_ordered(self):
        cdef object heappop = replaced_heappop()
        if heappop is not None:
            self.open_container()
        if self.container is None and heap_root_to_right(self):
            return self.ring_take(True)
        return (heapq.heappop if heappop is None else heappop)(self.the_container())

    # ---- the container that users see ----

    cdef object new_container(self):
        return [] if self.lifo else deque_class()()

    cdef int open_container(self) except -1:
        """Move the items to a container, in order.  Called inside the monitor."""
        cdef object container
        cdef hs_ring all
        cdef Py_ssize_t i
        if self.container is not None:
            return 0
        container = self.new_container()
        hs_mutex_lock(&self.guard)
        all = hs_ring_detach(&self.ring)
        self.special |= OPENED
        self.wake_everybody()
        hs_mutex_unlock(&self.guard)
        for i in range(all.count):
            container.append(<object>all.slots[hs_ring_slot(&all, i)])
        self.set_container(container)
        hs_ring_free(&all)
        return 0

    cdef object the_container(self):
        hs_mutex_lock(&self.guard)  # without a GIL another thread may be replacing it
        container = self.container
        hs_mutex_unlock(&self.guard)
        return container

    cdef int set_container(self, container) except -1:
        hs_mutex_lock(&self.guard)
        self.container, container = container, self.container
        hs_mutex_unlock(&self.guard)
        return 0

    # ---- the limit ----

    cdef object the_maxsize(self):
        hs_mutex_lock(&self.guard)
        maxsize = self.maxsize_
        hs_mutex_unlock(&self.guard)
        return maxsize

    cdef object maxsize_of(self, queue):
        """The limit in force: the subclass's `maxsize` if it defines one."""
        return queue.maxsize if self.own_maxsize else self.the_maxsize()

    cdef bint bounded(self, queue) except -1:
        return self.maxsize_of(queue) > 0 if self.special & ODD_LIMIT else self.limit > 0

    cdef bint is_full(self, queue) except -1:
        """Whether a bounded queue has no room."""
        if not self.special & (HOOKED | ODD_LIMIT):
            return self.count() >= self.limit
        return self.size(queue) >= self.maxsize_of(queue)

    cdef int set_limit(self, maxsize) except -1:
        """Accept any object, as the standard library does: one that can't be compared fails in put()."""
        cdef double number
        cdef Py_ssize_t limit = 0
        cdef int odd = 0
        if type(maxsize) is int or type(maxsize) is bool:
            limit = min(max(maxsize, 0), PY_SSIZE_T_MAX)
        elif type(maxsize) is float:
            number = ceil(maxsize)
            limit = <Py_ssize_t>number if 0 < number < <double>PY_SSIZE_T_MAX else 0
        else:
            odd = ODD_LIMIT
        self.limit = limit
        self.set_special(ODD_LIMIT, ODD_LIMIT if self.own_maxsize else odd)
        hs_mutex_lock(&self.guard)
        self.maxsize_, maxsize = maxsize, self.maxsize_
        hs_mutex_unlock(&self.guard)
        return 0
