# cython: freethreading_compatible=True
"""SimpleQueue: an unbounded FIFO queue, without tasks, hooks or a container that users see.

It is public as it stands here.  A Python subclass, such as the other queues need to be instances of the
standard library's classes, would cost a third of its speed: CPython 3.11+ specialises a method call
only if the method belongs to the exact type.  So the type is given its public name in C.
"""

from types import GenericAlias

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waitlist
from hasten.queue._names cimport empty, end_by_replaced_clock, shut_down, sooner
from hasten.queue._ring cimport Ring, hs_ring_pop, hs_ring_push, take_over
from hasten.queue._waiting cimport deadline_of, expired, sleep, wake_all, wake_any


cdef class SimpleQueue(Ring):
    """SimpleQueue()
--

    An unbounded first-in, first-out queue for any number of threads.

    Every method may be called from any thread, from signal handlers and from finalizers.
    """

    cdef object __weakref__
    cdef hs_waitlist getters
    cdef bint shut

    @classmethod
    def __class_getitem__(cls, item, /):
        """SimpleQueue[int] is a generic alias, for annotations."""
        return GenericAlias(cls, item)

    def __init__(self):
        """There is nothing to set."""

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    def put(self, item, block=True, timeout=None):
        """Put *item* into the queue.  Never blocks: *block* and *timeout* are there for Queue's sake.

        Raises ShutDown after shutdown().
        """
        Py_INCREF(item)
        hs_mutex_lock(&self.guard)
        if not self.shut and hs_ring_push(&self.ring, <PyObject *>item) == 0:
            wake_any(&self.getters, &self.guard)
            return
        hs_mutex_unlock(&self.guard)
        Py_DECREF(item)
        if self.shut:
            raise shut_down()
        raise MemoryError("no memory for another item in the queue")

    def put_nowait(self, item):
        """Put *item* into the queue, as put() does."""
        SimpleQueue.put(self, item)

    def get(self, block=True, timeout=None):
        """Remove and return the next item.

        If the queue is empty, wait until there is one: without limit, or at most *timeout* seconds
        (any real number), then raise empty().  With a false *block* raise empty() at once.

        Raises ShutDown if the queue is empty and shutdown() was called, also during the wait.
        """
        cdef int64_t deadline = HS_NEVER
        cdef PyObject *item
        cdef bint slept = False
        if timeout is not None and block:
            deadline = deadline_of(timeout)
        while True:
            hs_mutex_lock(&self.guard)
            if self.ring.count > 0:
                item = hs_ring_pop(&self.ring, False)
                if slept and self.ring.count > 0:
                    wake_any(&self.getters, &self.guard)
                else:
                    hs_mutex_unlock(&self.guard)
                return take_over(item)
            if self.shut:
                hs_mutex_unlock(&self.guard)
                raise shut_down()
            if not block or expired(deadline):
                hs_mutex_unlock(&self.guard)
                raise empty()
            sleep(&self.getters, &self.guard, deadline)
            slept = True

    def get_nowait(self):
        """Remove and return the next item if there is one, else raise empty()."""
        return SimpleQueue.get(self, False)

    def qsize(self):
        """Return the number of items now; it may have changed when the caller looks at it."""
        return self.ring.count

    def empty(self):
        """Whether there is no item now; that may have changed when the caller looks at it."""
        return self.ring.count == 0

    def shutdown(self, immediate=False):
        """Make put() raise shut_down() from now on, and get() as soon as the queue is empty.

        With *immediate* the queue is emptied first.  Threads that are blocked in get() look again.
        """
        self.shut = True
        if immediate:
            self.clear_ring()
        hs_mutex_lock(&self.guard)
        wake_all(&self.getters, &self.guard)

    @property
    def is_shutdown(self):
        """Whether shutdown() was called."""
        return self.shut


(<PyTypeObject *>SimpleQueue).tp_name = "hasten.queue.SimpleQueue"
