# cython: freethreading_compatible=True
"""The operations that all queues share, on the C state of a queue.

`put` and `get` have two ways; the choice is made under the guard in every call, and again after every park.

* The direct way (_operations.pxd) is for a queue without hooks whose container and mutex no program has seen:
  under the guard it checks, moves one pointer, and unparks at most one thread.  No Python code runs between
  check and move, so finalizers and signal handlers may use the queue at any time.
* All other queues go inside the monitor (_monitor.pyx).

Every operation takes the queue as well, for the hooks of its class.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t

from compat cimport hs_load, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport hs_waitlist
from state cimport hs_state_forget
from hasten.queue._items cimport OCCUPIED, SHARED
from hasten.queue._monitor cimport Monitor
from hasten.queue._names cimport empty, end_by_replaced_clock, full, shut_down, sooner
from hasten.queue._ring cimport hs_ring_count, hs_ring_pop, hs_ring_push, hs_ring_reserve, take_over
from hasten.queue._waiting cimport (deadline_of, expired, park, seconds_until, unpark_all, unpark_any,
                                    unpark_up_to)


cdef extern from "Python.h":
    list PyList_New(Py_ssize_t size)
    PyObject *PyList_GET_ITEM(list items, Py_ssize_t i) noexcept
    void PyList_SET_ITEM(list items, Py_ssize_t i, PyObject *item) noexcept

cdef enum:
    NOT_READ = -1  # a deadline whose timeout has not been read


@cython.final
cdef class QueueState(Monitor):
    """The state of a Queue, LifoQueue or PriorityQueue."""

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    # ---- put ----

    cdef int put_waiting(self, queue, item, block, timeout) except -1:
        cdef int64_t deadline = NOT_READ, until = NOT_READ
        cdef object end = None
        try:
            while is_direct(self, queue):
                # as in the standard library, a timeout that can't matter is not read
                if deadline == NOT_READ and block and self.limit > 0 and not hs_load(&self.shut):
                    deadline = deadline_of(timeout)
                    end = end_by_replaced_clock(timeout)
                until = deadline if end is None else sooner(end, deadline)
                hs_mutex_lock(&self.guard)
                if self.special:
                    hs_mutex_unlock(&self.guard)
                elif self.shut:
                    hs_mutex_unlock(&self.guard)
                    raise shut_down()
                elif self.has_room():
                    return push(self, item)
                elif not block or expired(until):
                    hs_mutex_unlock(&self.guard)
                    raise full()
                else:
                    park(&self.putters, &self.guard, until)
            return self.put_inside(queue, item, block, timeout, deadline, end)
        finally:  # this thread may have been unparked
            self.pass_on(&self.putters, self.has_room())

    cdef void pass_on(self, hs_waitlist *list, bint more) noexcept:
        """Unpark the next thread if there is *more* for it: this one may have left without it (_waiting.pyx).

        Not needed where the direct way is closed for good: there every item and every free place notifies.
        """
        if more and list.head != NULL and not self.special & ~OCCUPIED:
            hs_mutex_lock(&self.guard)
            unpark_any(list, &self.guard)

    cdef bint has_room(self) noexcept:
        return not 0 < self.limit <= hs_ring_count(&self.ring)

    cdef bint is_empty(self) noexcept:
        return hs_ring_count(&self.ring) == 0

    cdef int put_inside(self, queue, item, block, timeout, int64_t deadline, end) except -1:
        if self.inside():
            return self.put_late(queue, item, block)
        self.enter()
        try:
            if hs_load(&self.shut):
                raise shut_down()
            if self.bounded(queue):
                if block and deadline == NOT_READ:
                    deadline = deadline_of(timeout)
                    end = end_by_replaced_clock(timeout)
                while self.is_full(queue):
                    if not block:
                        raise full()
                    self.wait_until(queue, &self.putters, sooner(end, deadline), full)
                    if hs_load(&self.shut):
                        raise shut_down()
            return self.accept(queue, item)
        finally:
            self.leave(queue)

    cdef int put_late(self, queue, item, block) except -1:
        """put() by the thread that is inside: the item is stored when it leaves."""
        if hs_load(&self.shut):
            raise shut_down()
        if (self.bounded(queue)
                and self.size(queue) + len(self.late or ()) + self.under_way >= self.maxsize_of(queue)):
            if not block:
                raise full()
            raise RuntimeError("put() would wait for ever: it was called by a hook, a comparison or a "
                               "finalizer inside an operation of the same full queue; use put_nowait() there")
        if self.late is None:
            self.late = []
        self.late.append(item)
        return 0

    # ---- get ----

    cdef object get_waiting(self, queue, block, timeout):
        cdef int64_t deadline = NOT_READ, until = NOT_READ
        cdef object end = None
        try:
            while is_direct(self, queue):
                if deadline == NOT_READ and block and not (hs_load(&self.shut) and self.is_empty()):
                    deadline = deadline_of(timeout)
                    end = end_by_replaced_clock(timeout)
                until = deadline if end is None else sooner(end, deadline)
                hs_mutex_lock(&self.guard)
                if self.special:
                    hs_mutex_unlock(&self.guard)
                elif self.ring.count > 0:
                    return take_over(pop(self))
                elif self.shut:
                    hs_mutex_unlock(&self.guard)
                    raise shut_down()
                elif not block or expired(until):
                    hs_mutex_unlock(&self.guard)
                    raise empty()
                else:
                    park(&self.getters, &self.guard, until)
            return self.get_inside(queue, block, timeout, deadline, end)
        finally:
            self.pass_on(&self.getters, not self.is_empty())

    cdef object get_inside(self, queue, block, timeout, int64_t deadline, end):
        if self.inside():
            return self.get_reentered(block)
        self.enter()
        try:
            if hs_load(&self.shut) and not self.has_items(queue):
                raise shut_down()
            if block and deadline == NOT_READ:
                deadline = deadline_of(timeout)
                end = end_by_replaced_clock(timeout)
            while not self.has_items(queue):
                if hs_load(&self.shut):
                    raise shut_down()
                if not block:
                    raise empty()
                self.wait_until(queue, &self.getters, sooner(end, deadline), empty)
            if self.mutex_ is not None:
                # notify first: it may be interrupted, and an item taken before would be lost
                self.notify(&self.putters)
                return self.take(queue)
            item = self.take(queue)
            self.notify(&self.putters)
            return item
        finally:
            self.leave(queue)

    cdef int wait_until(self, queue, hs_waitlist *list, int64_t deadline, object (*error)()) except -1:
        if expired(deadline):
            raise error()
        return self.wait(queue, list, deadline)

    cdef object get_reentered(self, block):
        """get() by the thread that is inside: its own operation may have half moved the items."""
        if not block:
            raise empty()
        raise RuntimeError("get() would wait for ever: it was called by a hook, a comparison or a finalizer "
                           "inside an operation of the same queue; use get_nowait() there")

    # ---- many at once ----

    cdef int put_before(self, queue, item, block, int64_t deadline) except -1:
        """put(), with a deadline; through the method of a subclass if it has one."""
        is_direct(self, queue)  # updates put_overridden
        if self.put_overridden or not put_direct(self, queue, item):
            queue.put(item, block, seconds_until(deadline))
        return 0

    cdef Py_ssize_t put_slice(self, queue, list items, Py_ssize_t start) except -1:
        """Put as many as fit, under one hold of the guard; none if the direct way is closed."""
        cdef Py_ssize_t room = len(items) - start, i
        if not is_direct(self, queue) or self.put_overridden:
            return 0
        hs_mutex_lock(&self.guard)
        if self.limit > 0:
            room = min(room, self.limit - self.ring.count)
        if self.special or hs_load(&self.shut) or room <= 0 or hs_ring_reserve(&self.ring, room) < 0:
            hs_mutex_unlock(&self.guard)
            return 0
        for i in range(start, start + room):
            Py_INCREF(<object>PyList_GET_ITEM(items, i))
            hs_ring_push(&self.ring, PyList_GET_ITEM(items, i))
        self.unfinished += room
        unpark_up_to(room, &self.getters, &self.guard)
        return room

    cdef int take_more(self, queue, list taken, Py_ssize_t most) except -1:
        """Call get_nowait() until *taken* has *most* items or the queue is empty."""
        try:
            while len(taken) < most:
                taken.append(queue.get_nowait())
        except (empty(), shut_down()):
            return 0
        except BaseException as error:
            error.taken = taken
            raise
        return 0

    cdef list take_slice(self, queue, Py_ssize_t most):
        """Take up to *most* items under one hold of the guard; none if the direct way is closed."""
        cdef list taken = []
        cdef Py_ssize_t count, i
        cdef PyObject *item
        while is_direct(self, queue) and not self.get_overridden:
            # Making a list may start the garbage collector and so run Python code: re-check under the guard.
            count = min(most, self.ring.count)
            taken = PyList_New(count)
            hs_mutex_lock(&self.guard)
            if self.special or count > self.ring.count:
                hs_mutex_unlock(&self.guard)
                continue
            for i in range(count):
                item = hs_ring_pop(&self.ring, self.lifo)
                PyList_SET_ITEM(taken, i, item)
            unpark_up_to(count, &self.putters, &self.guard)
            return taken
        return []

    # ---- tasks ----

    cdef object task_done(self, queue):
        hs_mutex_lock(&self.guard)
        if self.special & SHARED:
            hs_mutex_unlock(&self.guard)
            return self.task_done_inside(queue)
        if self.unfinished <= 0:
            hs_mutex_unlock(&self.guard)
            raise ValueError("task_done() called too many times")
        self.unfinished -= 1
        if self.unfinished == 0 and self.joiners.head != NULL:
            unpark_all(&self.joiners, &self.guard)
        else:
            hs_mutex_unlock(&self.guard)

    cdef object task_done_inside(self, queue):
        self.enter()
        try:
            if self.unfinished <= 0:
                raise ValueError("task_done() called too many times")
            if self.unfinished == 1:
                self.notify_all(&self.joiners)  # before the count changes: it may be interrupted
            self.unfinished -= 1
        finally:
            self.leave(queue)

    cdef object join(self, queue, timeout):
        cdef int64_t deadline = deadline_of(timeout)
        cdef bint done
        while True:
            hs_mutex_lock(&self.guard)
            if self.special & SHARED:
                hs_mutex_unlock(&self.guard)
                return self.join_inside(queue, deadline)
            done = self.unfinished <= 0
            if done or expired(deadline):
                hs_mutex_unlock(&self.guard)
                return done
            park(&self.joiners, &self.guard, deadline)

    cdef object join_inside(self, queue, int64_t deadline):
        self.enter()
        try:
            while self.unfinished > 0 and not expired(deadline):
                self.wait(queue, &self.joiners, deadline)
            return self.unfinished <= 0
        finally:
            self.leave(queue)

    # ---- the end ----

    cdef int shutdown(self, queue, immediate) except -1:
        cdef list dropped = []
        if self.inside():
            if immediate:
                raise RuntimeError("shutdown(immediate=True) called by a hook, a comparison or a finalizer "
                                   "inside an operation of the same queue; call it without immediate there")
            self.close()
            return self.tell_everybody()
        self.enter()
        try:
            self.close()
            try:
                if immediate:
                    self.drain(queue, dropped)
            finally:
                self.tell_everybody()
        finally:
            self.leave(queue)
        return 0

    cdef int close(self) except -1:
        hs_mutex_lock(&self.guard)
        hs_store(&self.shut, True)
        hs_mutex_unlock(&self.guard)
        return 0

    cdef int tell_everybody(self) except -1:
        """Have all waiters re-check, even if a notify is interrupted."""
        try:
            self.notify_all(&self.joiners)
        finally:
            try:
                self.notify_all(&self.getters)
            finally:
                self.notify_all(&self.putters)
        return 0

    cdef int drain(self, queue, list dropped) except -1:
        """Move all items to *dropped*.  The caller drops them after leaving: finalizers may use the queue."""
        while self.has_items(queue):
            dropped.append(self.take(queue))
            hs_mutex_lock(&self.guard)
            if self.unfinished > 0:
                self.unfinished -= 1
            hs_mutex_unlock(&self.guard)
        return 0

    # ---- size ----

    cdef object size_now(self, queue):
        if is_direct(self, queue) or self.inside():
            return self.size(queue)
        self.enter()
        try:
            return self.size(queue)
        finally:
            self.leave(queue)
