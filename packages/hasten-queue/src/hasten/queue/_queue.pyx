# cython: freethreading_compatible=True
"""The FIFO queue and the operations that all queues share.

`put` and `get` go one of two ways.  The direct one is for a queue without hooks whose container and
mutex nobody has seen: under the guard it looks, moves one pointer, and wakes at most one sleeper.
Nothing between the look and the move runs Python code, so finalizers and signal handlers may use the
queue at any moment.  Everything else goes inside the monitor (see _monitor.pyx).  Which way is
decided anew for every call, and after every sleep, under the guard.
"""

from cpython.object cimport Py_TYPE, PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from park cimport hs_waitlist
from hasten.queue._errors import Empty, Full, ShutDown
from hasten.queue._items cimport OCCUPIED, UNTAGGED
from hasten.queue._items import register_base
from hasten.queue._ring cimport hs_ring_pop, hs_ring_push, hs_ring_reserve, take_over
from hasten.queue._tasks cimport Tasks
from hasten.queue._waiting cimport deadline_of, expired, seconds_until, sleep, wake_any, wake_up_to


cdef extern from "Python.h":
    list PyList_New(Py_ssize_t size)
    PyObject *PyList_GET_ITEM(list items, Py_ssize_t i) noexcept
    void PyList_SET_ITEM(list items, Py_ssize_t i, PyObject *item) noexcept

cdef enum:
    NOT_READ = -1  # a deadline for which nobody has looked at the timeout yet


cdef class Queue(Tasks):
    """Queue(maxsize=0)
--

    A first-in, first-out queue for any number of threads.

    A put() into a queue that holds *maxsize* items blocks until there is room; with a *maxsize* of
    zero or less it never blocks.  Every method may be called from any thread, from signal handlers
    and from finalizers.
    """

    def __init__(self, maxsize=0):
        self.set_limit(maxsize)
        self.unfinished = 0
        self.shut = False
        self.find_hooks()
        self._init(maxsize)

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    # ---- put ----

    def put(self, item, block=True, timeout=None):
        """Put *item* into the queue.

        If the queue is full, wait until there is room: without limit, or at most *timeout* seconds
        (any real number), then raise Full.  With a false *block* raise Full at once.

        Raises ShutDown after shutdown(), also when that happens during the wait.
        """
        # as in the standard library, a wrong timeout is an error even if there is room
        if (timeout is not None and block and self.limit > 0) or not put_direct(self, item):
            self.put_waiting(item, block, timeout)

    def put_nowait(self, item):
        """Put *item* into the queue if there is room, else raise Full."""
        is_direct(self)  # looks for hooks
        if self.put_overridden or not put_direct(self, item):
            self.put(item, block=False)

    cdef int put_waiting(self, item, block, timeout) except -1:
        cdef int64_t deadline = NOT_READ
        cdef bint slept = False
        while is_direct(self):
            # as in the standard library, nobody looks at a timeout that can't matter
            if deadline == NOT_READ and block and self.limit > 0 and not self.shut:
                deadline = deadline_of(timeout)
            hs_mutex_lock(&self.guard)
            if self.special:
                hs_mutex_unlock(&self.guard)
            elif self.shut:
                hs_mutex_unlock(&self.guard)
                raise ShutDown
            elif self.has_room():
                push(self, item)
                if slept:
                    self.pass_on(&self.putters, self.has_room())
                return 0
            elif not block or expired(deadline):
                hs_mutex_unlock(&self.guard)
                raise Full
            else:
                sleep(&self.putters, &self.guard, deadline)
                slept = True
        try:
            return self.put_inside(item, block, timeout, deadline)
        finally:
            self.pass_on(&self.putters, self.has_room())

    cdef void pass_on(self, hs_waitlist *list, bint more) noexcept:
        """After a sleep: wake the next one if there is more to be had (see _waiting.pyx).

        Where the direct way is closed for good there is a wake for every item and every free place.
        """
        if more and list.head != NULL and not self.special & ~OCCUPIED:
            hs_mutex_lock(&self.guard)
            wake_any(list, &self.guard)

    cdef bint has_room(self) noexcept:
        return not 0 < self.limit <= self.ring.count

    cdef int put_inside(self, item, block, timeout, int64_t deadline) except -1:
        if self.inside():
            return self.put_late(item, block)
        self.enter()
        try:
            if self.shut:
                raise ShutDown
            if self.bounded():
                if block and deadline == NOT_READ:
                    deadline = deadline_of(timeout)
                while self.is_full():
                    if not block or expired(deadline):
                        raise Full
                    self.wait(&self.putters, deadline)
                    if self.shut:
                        raise ShutDown
            return self.accept(item)
        finally:
            self.leave()

    cdef int put_late(self, item, block) except -1:
        """A put() by the thread that is inside already: leave the item for when it is out."""
        if self.shut:
            raise ShutDown
        if self.bounded() and self.size() + len(self.late or ()) + self.under_way >= self.the_maxsize():
            if not block:
                raise Full
            raise RuntimeError("put() would wait for ever: it was called by a hook, a comparison or a "
                               "finalizer inside an operation of the same full queue; use put_nowait() there")
        if self.late is None:
            self.late = []
        self.late.append(item)
        return 0

    # ---- get ----

    def get(self, block=True, timeout=None):
        """Remove and return the next item.

        If the queue is empty, wait until there is one: without limit, or at most *timeout* seconds
        (any real number), then raise Empty.  With a false *block* raise Empty at once.

        Raises ShutDown if the queue is empty and shutdown() was called, also during the wait.
        """
        cdef PyObject *item
        if timeout is None or not block:
            item = get_direct(self)
            if item != NULL:
                return take_over(item)
        return self.get_waiting(block, timeout)

    def get_nowait(self):
        """Remove and return the next item if there is one, else raise Empty."""
        cdef PyObject *item
        is_direct(self)  # looks for hooks
        if not self.get_overridden:
            item = get_direct(self)
            if item != NULL:
                return take_over(item)
        return self.get(block=False)

    cdef object get_waiting(self, block, timeout):
        cdef PyObject *item
        cdef int64_t deadline = NOT_READ
        cdef bint slept = False
        while is_direct(self):
            if deadline == NOT_READ and block and not (self.shut and self.ring.count == 0):
                deadline = deadline_of(timeout)
            hs_mutex_lock(&self.guard)
            if self.special:
                hs_mutex_unlock(&self.guard)
            elif self.ring.count > 0:
                item = pop(self)
                if slept:
                    self.pass_on(&self.getters, self.ring.count > 0)
                return take_over(item)
            elif self.shut:
                hs_mutex_unlock(&self.guard)
                raise ShutDown
            elif not block or expired(deadline):
                hs_mutex_unlock(&self.guard)
                raise Empty
            else:
                sleep(&self.getters, &self.guard, deadline)
                slept = True
        try:
            return self.get_inside(block, timeout, deadline)
        finally:
            self.pass_on(&self.getters, self.ring.count > 0)

    cdef object get_inside(self, block, timeout, int64_t deadline):
        if self.inside():
            return self.get_reentered(block)
        self.enter()
        try:
            if self.shut and not self.has_items():
                raise ShutDown
            if block and deadline == NOT_READ:
                deadline = deadline_of(timeout)
            while not self.has_items():
                if self.shut:
                    raise ShutDown
                if not block or expired(deadline):
                    raise Empty
                self.wait(&self.getters, deadline)
            item = self.take()
            self.notify(&self.putters)
            return item
        finally:
            self.leave()

    cdef object get_reentered(self, block):
        """A get() by the thread that is inside already: the items are in motion, there is none to have."""
        if not block:
            raise Empty
        raise RuntimeError("get() would wait for ever: it was called by a hook, a comparison or a finalizer "
                           "inside an operation of the same queue; use get_nowait() there")

    # ---- many at once ----

    def put_many(self, items, block=True, timeout=None):
        """Put all *items*, an iterable, in order, and return how many they were.

        Like one put() after the other, but much cheaper; other threads may put between.  *timeout* holds
        for the whole call.  The iterable is read to its end before the first item is put.

        If this raises (Full, ShutDown, or what a signal handler raised), the items that were not put
        are in the attribute `remaining` of the exception, a list.
        """
        cdef list todo = list(items)
        cdef Py_ssize_t done = 0
        cdef int64_t deadline = HS_NEVER
        if block and timeout is not None:
            deadline = deadline_of(timeout)
        try:
            while done < len(todo):
                done += self.put_slice(todo, done)
                if done < len(todo):
                    self.put_before(todo[done], block, deadline)
                    done += 1
        except BaseException as error:
            error.remaining = todo[done:]
            raise
        return done

    cdef int put_before(self, item, block, int64_t deadline) except -1:
        """put(), with a deadline; through the method of a subclass if it has one."""
        is_direct(self)  # looks for hooks
        if self.put_overridden or not put_direct(self, item):
            self.put(item, block, seconds_until(deadline))
        return 0

    cdef Py_ssize_t put_slice(self, list items, Py_ssize_t start) except -1:
        """Put as many as fit now, under one hold of the guard; none where the direct way is closed."""
        cdef Py_ssize_t room = len(items) - start, i
        if not is_direct(self) or self.put_overridden:
            return 0
        hs_mutex_lock(&self.guard)
        if self.limit > 0:
            room = min(room, self.limit - self.ring.count)
        if self.special or self.shut or room <= 0 or hs_ring_reserve(&self.ring, room) < 0:
            hs_mutex_unlock(&self.guard)
            return 0
        for i in range(start, start + room):
            Py_INCREF(<object>PyList_GET_ITEM(items, i))
            hs_ring_push(&self.ring, PyList_GET_ITEM(items, i))
        self.unfinished += room
        wake_up_to(room, &self.getters, &self.guard)
        return room

    def get_many(self, max, block=True, timeout=None):
        """Remove and return up to *max* items as a list, in order.

        Waits for the first one as get() does (with the same errors), never for the others.  If a hook of a
        subclass fails halfway, the items so far are in the attribute `taken` of its exception.
        """
        cdef list taken
        cdef Py_ssize_t most = max
        if most < 1:
            raise ValueError(f"max must be at least 1, not {max!r}")
        taken = self.take_slice(most)
        if not taken:
            taken.append(self.get(block, timeout))
            taken += self.take_slice(most - 1)
        if not is_direct(self) or self.get_overridden:
            self.take_more(taken, most)
        return taken

    cdef int take_more(self, list taken, Py_ssize_t most) except -1:
        """Call get_nowait() until there is enough or nothing more."""
        try:
            while len(taken) < most:
                taken.append(self.get_nowait())
        except (Empty, ShutDown):
            return 0
        except BaseException as error:
            error.taken = taken
            raise
        return 0

    cdef list take_slice(self, Py_ssize_t most):
        """Take up to *most* items under one hold of the guard; none where the direct way is closed."""
        cdef list taken = []
        cdef Py_ssize_t count, i
        cdef PyObject *item
        while is_direct(self) and not self.get_overridden:
            # A new list may start the garbage collector, and with it anything: look again afterwards.
            count = min(most, self.ring.count)
            taken = PyList_New(count)
            hs_mutex_lock(&self.guard)
            if self.special or count > self.ring.count:
                hs_mutex_unlock(&self.guard)
                continue
            for i in range(count):
                item = hs_ring_pop(&self.ring, self.lifo)
                PyList_SET_ITEM(taken, i, item)
            wake_up_to(count, &self.putters, &self.guard)
            return taken
        return []

    # ---- the end ----

    def shutdown(self, immediate=False):
        """Make put() raise ShutDown from now on, and get() as soon as the queue is empty.

        With *immediate* the queue is emptied first, and its items count as done.  All threads that
        are blocked in put(), get() or join() look again.
        """
        cdef list dropped = []
        if self.inside():
            if immediate:
                raise RuntimeError("shutdown(immediate=True) called by a hook, a comparison or a finalizer "
                                   "inside an operation of the same queue; call it without immediate there")
            self.shut = True
            self.notify_all(&self.getters)
            self.notify_all(&self.putters)
            return
        self.enter()
        try:
            self.shut = True
            if immediate:
                self.drain(dropped)
                self.notify_all(&self.joiners)
            self.notify_all(&self.getters)
            self.notify_all(&self.putters)
        finally:
            self.leave()

    cdef int drain(self, list dropped) except -1:
        """Move everything to *dropped*.  The caller leaves first: finalizers may use the queue."""
        while self.has_items():
            dropped.append(self.take())
            hs_mutex_lock(&self.guard)
            if self.unfinished > 0:
                self.unfinished -= 1
            hs_mutex_unlock(&self.guard)
        return 0

    @property
    def is_shutdown(self):
        """Whether shutdown() was called."""
        return self.shut

    @is_shutdown.setter
    def is_shutdown(self, value):
        self.shut = value

    # ---- size ----

    def qsize(self):
        """Return the number of items now; it may have changed when the caller looks at it."""
        return self.size_now()

    def empty(self):
        """Whether there is no item now; that may have changed when the caller looks at it."""
        return not self.size_now()

    def full(self):
        """Whether there is no room now; that may have changed when the caller looks at it."""
        return 0 < self.the_maxsize() <= self.size_now()

    cdef object size_now(self):
        if is_direct(self) or self.inside():
            return self.size()
        self.enter()
        try:
            return self.size()
        finally:
            self.leave()


# ---- the direct way ----

cdef inline bint is_direct(Queue self) except -1:
    """Whether the direct way is open.  (Asked once more under the guard, as `not self.special`.)"""
    if hs_type_tag(Py_TYPE(self)) != self.tag or self.special & UNTAGGED:
        self.find_hooks()
    return self.special == 0


cdef inline bint put_direct(Queue self, item) except -1:
    """Put *item* if that needs no waiting and nothing special; say whether it was put."""
    if is_direct(self):
        hs_mutex_lock(&self.guard)
        if not (self.special or self.shut or 0 < self.limit <= self.ring.count):
            push(self, item)
            return True
        hs_mutex_unlock(&self.guard)
    return False


cdef inline int push(Queue self, item) except -1:
    """Append to the ring and wake one getter.  The guard is held, and is let go of."""
    Py_INCREF(item)
    if hs_ring_push(&self.ring, <PyObject *>item) < 0:
        hs_mutex_unlock(&self.guard)
        Py_DECREF(item)
        raise MemoryError("no memory for another item in the queue")
    self.unfinished += 1
    wake_any(&self.getters, &self.guard)
    return 0


cdef inline PyObject *get_direct(Queue self) except? NULL:
    """An owned reference to the next item, or NULL if that needs waiting or something special."""
    if is_direct(self):
        hs_mutex_lock(&self.guard)
        if self.ring.count > 0 and not self.special:
            return pop(self)
        hs_mutex_unlock(&self.guard)
    return NULL


cdef inline PyObject *pop(Queue self) noexcept:
    """Remove the next item of the ring and wake one putter.  The guard is held, and is let go of."""
    cdef PyObject *item = hs_ring_pop(&self.ring, self.lifo)
    wake_any(&self.putters, &self.guard)
    return item


register_base(Queue)
