# cython: freethreading_compatible=True
"""SimpleQueue: an unbounded FIFO queue, without tasks, hooks or a container that users see.

It is a C type with method descriptors, as the standard library's is.  put(item) and get() that need not wait
have a path of their own in front of the methods (at the end of this file): such a call takes about 10 ns, and
unpacking optional arguments would double that.
"""

cimport cython
from types import GenericAlias

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_load, hs_mutex_lock, hs_mutex_unlock, hs_store, hs_type_rename
from park cimport hs_waitlist
from hasten.queue._names cimport empty, end_by_replaced_clock, shut_down, sooner
from hasten.queue._ring cimport Ring, hs_ring_count, hs_ring_pop, hs_ring_push, take_over
from hasten.queue._waiting cimport deadline_of, expired, park, unpark_all, unpark_any


cdef class SimpleQueue(Ring):
    """SimpleQueue()
--

    An unbounded first-in, first-out queue for any number of threads.

    Every method may be called from any thread, from signal handlers and from finalizers.
    """

    cdef object __weakref__
    cdef hs_waitlist getters
    cdef int shut

    @classmethod
    def __class_getitem__(cls, item, /):
        """SimpleQueue[int] is a generic alias, for annotations."""
        return GenericAlias(cls, item)

    def __init__(self):
        """Make an empty queue."""

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    cdef int store(self, item) except -1:
        Py_INCREF(item)
        hs_mutex_lock(&self.guard)
        if not self.shut and hs_ring_push(&self.ring, <PyObject *>item) == 0:
            unpark_any(&self.getters, &self.guard)
            return 0
        hs_mutex_unlock(&self.guard)
        Py_DECREF(item)
        if hs_load(&self.shut):
            raise shut_down()
        raise MemoryError("no memory for another item in the queue")

    cdef object get_waiting(self, block, timeout):
        cdef int64_t deadline = HS_NEVER, until = HS_NEVER
        cdef object end = None
        cdef PyObject *item
        if timeout is not None and block:
            deadline = deadline_of(timeout)
            end = end_by_replaced_clock(timeout)
        try:
            while True:
                until = deadline if end is None else sooner(end, deadline)
                hs_mutex_lock(&self.guard)
                if self.ring.count > 0:
                    item = hs_ring_pop(&self.ring, False)
                    hs_mutex_unlock(&self.guard)
                    return take_over(item)
                if self.shut:
                    hs_mutex_unlock(&self.guard)
                    raise shut_down()
                if not block or expired(until):
                    hs_mutex_unlock(&self.guard)
                    raise empty()
                park(&self.getters, &self.guard, until)
        finally:
            # this thread may have been unparked: unpark the next one if there are more items
            if self.getters.head != NULL and hs_ring_count(&self.ring) > 0:
                hs_mutex_lock(&self.guard)
                unpark_any(&self.getters, &self.guard)

    @cython.binding(False)
    def put(self, item, block=True, timeout=None):
        """Put *item* into the queue.  Never blocks: *block* and *timeout* are for compatibility with Queue.

        Raises ShutDown after shutdown().
        """
        self.store(item)

    @cython.binding(False)
    def put_nowait(self, item):
        """Put *item* into the queue, as put() does."""
        self.store(item)

    @cython.binding(False)
    def get(self, block=True, timeout=None):
        """Remove and return the next item.

        If the queue is empty, wait until there is one: without limit, or at most *timeout* seconds
        (any real number), then raise Empty.  With a false *block* raise Empty at once.

        Raises ShutDown if the queue is empty and shutdown() was called, also during the wait.
        """
        return self.get_waiting(block, timeout)

    @cython.binding(False)
    def get_nowait(self):
        """Remove and return the next item if there is one, else raise Empty."""
        return self.get_waiting(False, None)

    @cython.binding(False)
    def qsize(self):
        """Return the number of items; another thread may change it at any time."""
        return hs_ring_count(&self.ring)

    @cython.binding(False)
    def empty(self):
        """Whether there is no item; another thread may change that at any time."""
        return hs_ring_count(&self.ring) == 0

    @cython.binding(False)
    def shutdown(self, immediate=False):
        """Make put() raise ShutDown from now on, and get() as soon as the queue is empty.

        With *immediate* the queue is emptied first.  Threads that are blocked in get() are woken.
        """
        hs_mutex_lock(&self.guard)
        hs_store(&self.shut, True)
        hs_mutex_unlock(&self.guard)
        try:
            if immediate:
                self.clear_ring()
        finally:
            hs_mutex_lock(&self.guard)
            unpark_all(&self.getters, &self.guard)

    @property
    def is_shutdown(self):
        """Whether shutdown() was called."""
        return bool(hs_load(&self.shut))


# ---- the usual calls ----

cdef extern from *:
    """
    typedef PyObject *(*hs_fast_call)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

    /* Replace the C function of the type's method *name* by *instead*; returns the one before. */
    static hs_fast_call hs_replace_method(PyTypeObject *type, const char *name, hs_fast_call instead) {
        PyMethodDef *method = type->tp_methods;
        hs_fast_call before;
        while (strcmp(method->ml_name, name) != 0) method++;
        if ((method->ml_flags & (METH_FASTCALL | METH_KEYWORDS)) != (METH_FASTCALL | METH_KEYWORDS))
            return NULL;
        before = (hs_fast_call)(void (*)(void))method->ml_meth;
        method->ml_meth = (PyCFunction)(void (*)(void))instead;
        return before;
    }
    """
    ctypedef PyObject *(*fast_call "hs_fast_call")(PyObject *, PyObject **, Py_ssize_t, PyObject *) noexcept
    fast_call hs_replace_method(PyTypeObject *type, const char *name, void *instead)


cdef PyObject *put_usual(PyObject *self, PyObject **arguments, Py_ssize_t count, PyObject *names) noexcept:
    """put(item)"""
    if count != 1 or names != NULL:
        return put_general(self, arguments, count, names)
    Py_INCREF(<object>arguments[0])
    hs_mutex_lock(&(<SimpleQueue>self).guard)
    if not (<SimpleQueue>self).shut and hs_ring_push(&(<SimpleQueue>self).ring, arguments[0]) == 0:
        unpark_any(&(<SimpleQueue>self).getters, &(<SimpleQueue>self).guard)
        Py_INCREF(None)
        return <PyObject *>None
    hs_mutex_unlock(&(<SimpleQueue>self).guard)
    Py_DECREF(<object>arguments[0])
    return put_general(self, arguments, count, names)


cdef PyObject *get_usual(PyObject *self, PyObject **arguments, Py_ssize_t count, PyObject *names) noexcept:
    """get()"""
    cdef PyObject *item
    if count == 0 and names == NULL:
        hs_mutex_lock(&(<SimpleQueue>self).guard)
        if (<SimpleQueue>self).ring.count > 0:
            item = hs_ring_pop(&(<SimpleQueue>self).ring, False)
            hs_mutex_unlock(&(<SimpleQueue>self).guard)
            return item
        hs_mutex_unlock(&(<SimpleQueue>self).guard)
    return get_general(self, arguments, count, names)


cdef fast_call put_general = hs_replace_method(<PyTypeObject *>SimpleQueue, "put", <void *>put_usual)
cdef fast_call get_general = hs_replace_method(<PyTypeObject *>SimpleQueue, "get", <void *>get_usual)


# ---- the name ----

cdef dict type_names = {}  # never shrinks: a type has a pointer to its name


def set_module(module):
    """Set the class's module name.  A C type has no other way."""
    cdef bytes name = type_names.setdefault(module, f"{module}.SimpleQueue".encode())
    hs_type_rename(<PyTypeObject *>SimpleQueue, name)


set_module("hasten.queue")
