# cython: freethreading_compatible=True
"""One thread at a time in the queue, and waiting for what another will do there: a monitor.

A plain queue needs none of this: it changes under the guard, a few instructions without Python code.
But hooks of subclasses, comparisons in a priority queue and containers seen by users run Python code
between check and store.  For them there is a *gate*: `owner` says which thread is inside, the others
sleep in `entering`.

Once somebody has asked for `mutex`, `not_empty`, `not_full` or `all_tasks_done`, these exist: a real lock
and three real conditions over it.  From then on they are the gate, for good, since users may hold or
notify them at any time; the items move to the container that users expect to find beside them.
Whoever slept in a list of ours is woken at that moment and goes to sleep in the condition instead.

Two cases deserve care:

* The owner may come back while it is inside: a comparison, a hook, a finalizer or a signal handler puts
  an item into the very queue (the standard library's deadlocks there).  Such items wait in `late` and
  are stored when the owner leaves.
* A hook may ask for the mutex (`self.not_full.notify()` in `_get`, say).  It expects to hold it, so
  it is acquired for the owner on the spot and released together with the gate.

After fork() the owner may be a thread that does not exist any more: an owner of another fork count
does not count, unless it is the thread that called fork().  Nor does any owner once the interpreter is
being torn down, because other threads do not run then.
"""

import threading

cimport cython

from libc.stdint cimport int64_t

from clock cimport HS_NEVER, hs_now
from compat cimport hs_finalizing, hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waitlist
from hasten._thread import allocate_lock
from hasten.queue._items cimport OPENED, SHARED, Items
from hasten.queue._waiting cimport fork_count, sleep, wake_all, wake_any, wake_held

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept nogil
    void PyErr_WriteUnraisable(object context)


cdef class Monitor(Items):
    """Storage with mutual exclusion; `_queue.Queue` adds the operations."""

    cdef bint inside(self) noexcept:
        """Whether the calling thread is in the gate already."""
        return self.owner == PyThread_get_thread_ident()

    cdef int enter(self, bint interruptible=True) except -1:
        """Wait for the gate or the mutex.  Signal handlers run, and may raise, unless told otherwise."""
        cdef object mutex
        while True:
            mutex = self.mutex_
            if mutex is not None:
                mutex.acquire()
                self.entered = mutex
                return 0
            hs_mutex_lock(&self.guard)
            if self.special & SHARED:
                hs_mutex_unlock(&self.guard)
                continue
            if self.owner == 0 or self.owner_forks != fork_count[0] or hs_finalizing():
                self.owner = PyThread_get_thread_ident()
                self.owner_forks = fork_count[0]
                hs_mutex_unlock(&self.guard)
                return 0
            try:
                sleep(&self.entering, &self.guard, HS_NEVER)
            except BaseException:
                if interruptible:
                    raise
                PyErr_WriteUnraisable(self)

    cdef int leave(self) except -1:
        cdef object mutex
        if self.late is not None:
            self.accept_late()
        if not self.inside():
            mutex = self.entered
            self.entered = None
            mutex.release()
            return 0
        if self.shares_inside:
            self.shares_inside = False
            self.leave_gate()
            self.mutex_.release()
            return 0
        return self.leave_gate()

    cdef int leave_gate(self) noexcept:
        hs_mutex_lock(&self.guard)
        self.owner = 0
        wake_any(&self.entering, &self.guard)
        return 0

    cdef int wait(self, hs_waitlist *list, int64_t deadline) except -1:
        """Leave, sleep until notified or the deadline, enter again; the caller looks what has changed."""
        cdef object mutex
        if self.late is not None:
            self.accept_late()
        if self.shares_inside:
            self.shares_inside = False
            self.leave_gate()
            self.entered = self.mutex_
        if not self.inside():
            mutex = self.entered
            self.condition_of(list).wait(None if deadline == HS_NEVER else max(0, deadline - hs_now()) / 1e9)
            self.entered = mutex
            return 0
        # The gate opens and the node joins the list under one hold of the guard: no notify() between.
        hs_mutex_lock(&self.guard)
        self.owner = 0
        wake_held(&self.entering)
        try:
            sleep(list, &self.guard, deadline)
        except BaseException:
            self.enter(False)  # the caller leaves on its way out
            raise
        return self.enter()

    cdef int notify(self, hs_waitlist *list) except -1:
        if self.mutex_ is not None:
            self.condition_of(list).notify()
            return 0
        hs_mutex_lock(&self.guard)
        wake_any(list, &self.guard)
        return 0

    cdef int notify_all(self, hs_waitlist *list) except -1:
        if self.mutex_ is not None:
            self.condition_of(list).notify_all()
            return 0
        hs_mutex_lock(&self.guard)
        wake_all(list, &self.guard)
        return 0

    # ---- items ----

    cdef int accept(self, item) except -1:
        """Store an item for good: counted, and announced to one getter."""
        self.store(item)
        if self.mutex_ is not None:
            self.unfinished += 1
            return self.notify(&self.getters)
        hs_mutex_lock(&self.guard)
        self.unfinished += 1
        wake_any(&self.getters, &self.guard)
        return 0

    cdef int accept_late(self) except -1:
        """Store what the owner put while it was inside.  Nobody is left to raise an error to."""
        cdef list late
        while self.late is not None:
            late = self.late
            self.late = None
            for item in late:
                try:
                    self.accept(item)
                except BaseException:
                    PyErr_WriteUnraisable(self)
        return 0

    # ---- the mutex and the conditions, once users see them ----

    cdef int share(self) except -1:
        """Make the mutex and the conditions, unless they exist."""
        cdef object mutex
        if self.mutex_ is not None:
            return 0
        mutex = allocate_lock()
        if self.inside():
            mutex.acquire()
            self.shares_inside = True
            return self.publish(mutex)
        self.enter()
        try:
            if self.mutex_ is None:
                self.publish(mutex)
        finally:
            self.leave()
        return 0

    cdef int publish(self, mutex) except -1:
        self.open_container()
        self.not_empty_ = threading.Condition(mutex)
        self.not_full_ = threading.Condition(mutex)
        self.all_tasks_done_ = threading.Condition(mutex)
        hs_mutex_lock(&self.guard)
        self.special |= SHARED
        self.mutex_ = mutex
        while wake_held(&self.getters) or wake_held(&self.putters) or wake_held(&self.joiners) \
                or wake_held(&self.entering):
            continue
        hs_mutex_unlock(&self.guard)
        return 0

    cdef object condition_of(self, hs_waitlist *list):
        if list == &self.getters:
            return self.not_empty_
        if list == &self.putters:
            return self.not_full_
        return self.all_tasks_done_

    @property
    def mutex(self):
        """The lock that guards the queue, as in the standard library.

        Reading it is noticed: from then on every operation acquires it, which is slower.
        """
        self.share()
        return self.mutex_

    @mutex.setter
    def mutex(self, value):
        self.share()
        self.replaced.append(self.mutex_)  # without a GIL another thread may be reading it
        self.mutex_ = value

    @property
    def not_empty(self):
        """The condition over `mutex` that is notified when an item has been put."""
        self.share()
        return self.not_empty_

    @property
    def not_full(self):
        """The condition over `mutex` that is notified when an item has been removed."""
        self.share()
        return self.not_full_

    @property
    def all_tasks_done(self):
        """The condition over `mutex` that is notified when no task is unfinished any more."""
        self.share()
        return self.all_tasks_done_

    @property
    def queue(self):
        """The container that holds the items: a deque, or a list in a LIFO or priority queue.

        Reading it is noticed: from then on the items stay in that container, which is slower.
        """
        if self.container is None:
            if self.inside():
                self.open_container()
            else:
                self.enter()
                try:
                    self.open_container()
                finally:
                    self.leave()
        with cython.critical_section(self):
            return self.container

    @queue.setter
    def queue(self, container):
        with cython.critical_section(self):
            self.container = container
        hs_mutex_lock(&self.guard)
        self.special |= OPENED
        hs_mutex_unlock(&self.guard)
        self.clear_ring()

    @property
    def maxsize(self):
        """The number of items from which put() blocks; zero or less: never.  May be changed."""
        return self.maxsize_

    @maxsize.setter
    def maxsize(self, value):
        self.set_limit(value)
        if self.special & SHARED:
            return
        hs_mutex_lock(&self.guard)
        wake_all(&self.putters, &self.guard)
