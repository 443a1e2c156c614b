from cpython.object cimport Py_TYPE, PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from compat cimport hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from park cimport hs_waitlist
from state cimport hs_state_slot
from hasten.queue._items cimport UNTAGGED
from hasten.queue._monitor cimport Monitor
from hasten.queue._ring cimport hs_ring_pop, hs_ring_push
from hasten.queue._waiting cimport unpark_any


cdef class QueueState(Monitor):
    cdef hs_state_slot *slot  # state.h's
    cdef int shut             # shutdown() was called

    cdef bint has_room(self) noexcept
    cdef bint is_empty(self) noexcept
    cdef void pass_on(self, hs_waitlist *list, bint more) noexcept
    cdef int put_waiting(self, queue, item, block, timeout) except -1
    cdef int put_inside(self, queue, item, block, timeout, int64_t deadline, end) except -1
    cdef int put_late(self, queue, item, block) except -1
    cdef int put_before(self, queue, item, block, int64_t deadline) except -1
    cdef Py_ssize_t put_slice(self, queue, list items, Py_ssize_t start) except -1
    cdef object get_waiting(self, queue, block, timeout)
    cdef object get_inside(self, queue, block, timeout, int64_t deadline, end)
    cdef int wait_until(self, queue, hs_waitlist *list, int64_t deadline, object (*error)()) except -1
    cdef object get_reentered(self, block)
    cdef list take_slice(self, queue, Py_ssize_t most)
    cdef int take_more(self, queue, list taken, Py_ssize_t most) except -1
    cdef object task_done(self, queue)
    cdef object task_done_inside(self, queue)
    cdef object join(self, queue, timeout)
    cdef object join_inside(self, queue, int64_t deadline)
    cdef int shutdown(self, queue, immediate) except -1
    cdef int close(self) except -1
    cdef int tell_everybody(self) except -1
    cdef int drain(self, queue, list dropped) except -1
    cdef object size_now(self, queue)


# ---- the direct way ----

cdef inline bint is_direct(QueueState self, queue) except -1:
    """Whether the direct way is open.  Looks for hooks if the type has changed.

    The caller checks `self.special` once more under the guard.
    """
    if hs_type_tag(Py_TYPE(queue)) != self.tag or self.special & UNTAGGED:
        self.find_hooks(queue)
    return self.special == 0


cdef inline bint put_direct(QueueState self, queue, item) except -1:
    """Put *item* if the direct way is open and there is room; returns whether it was put."""
    if is_direct(self, queue):
        hs_mutex_lock(&self.guard)
        if not (self.special or self.shut or 0 < self.limit <= self.ring.count):
            push(self, item)
            return True
        hs_mutex_unlock(&self.guard)
    return False


cdef inline int push(QueueState self, item) except -1:
    """Append to the ring and unpark one getter.  The guard is held before, free afterwards."""
    Py_INCREF(item)
    if hs_ring_push(&self.ring, <PyObject *>item) < 0:
        hs_mutex_unlock(&self.guard)
        Py_DECREF(item)
        raise MemoryError("no memory for another item in the queue")
    self.unfinished += 1
    unpark_any(&self.getters, &self.guard)
    return 0


cdef inline PyObject *get_direct(QueueState self, queue) except? NULL:
    """An owned reference to the next item; NULL if there is none or the direct way is closed."""
    if is_direct(self, queue):
        hs_mutex_lock(&self.guard)
        if self.ring.count > 0 and not self.special:
            return pop(self)
        hs_mutex_unlock(&self.guard)
    return NULL


cdef inline PyObject *pop(QueueState self) noexcept:
    """Remove the next item of the ring and unpark one putter.  The guard is held before, free afterwards."""
    cdef PyObject *item = hs_ring_pop(&self.ring, self.lifo)
    unpark_any(&self.putters, &self.guard)
    return item
