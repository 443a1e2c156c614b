# cython: freethreading_compatible=True
"""The monitor: mutual exclusion and waiting for the operations that run Python code between check and store.

Such code is in hooks of subclasses, comparisons of a priority queue, and containers that users see.  (A plain
queue changes under the guard, in a few instructions without Python code, and does not come here.)

Invariant: one thread is inside, the *owner*.  While there is one, OCCUPIED closes the direct way, even if the
reason to be inside is gone (a hook was deleted): the owner has checked and is about to store.  Other threads
park in `entering` until the gate opens.

When a program reads `mutex`, `not_empty`, `not_full` or `all_tasks_done`, a real lock and three conditions
over it are made.  They replace the gate for good, because the program may hold or notify them at any time;
the items move to the container.  Threads parked in our lists are unparked and wait in a condition instead.

* Re-entry: a comparison, a hook, a finalizer or a signal handler may put into the queue that its own thread
  is inside of (the standard library's deadlocks).  Such items wait in `late`; the owner stores them when
  it leaves.
* A hook that asks for the mutex (`self.not_full.notify()` in `_get`) expects to hold it.  It is acquired for
  the owner at once and released together with the gate.
* After fork() the owner may be a thread that does not exist here: an owner of another fork count is void,
  except the thread that called fork().  Threads go by hs_thread_number(); an ident may be reused.
* During finalisation of the interpreter every other owner is void: other threads do not run any more.
"""

import threading
from types import FunctionType

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_finalizing, hs_mutex_lock, hs_mutex_unlock
from park cimport hs_thread_number, hs_waitlist
from hasten._thread import allocate_lock
from hasten.queue._items cimport OCCUPIED, SHARED, Items
from hasten.queue._names cimport replaced_threading
from hasten.queue._waiting cimport (fork_count, park, park_uninterruptible, seconds_until, unpark_all,
                                    unpark_all_locked, unpark_first)

cdef extern from "Python.h":
    void PyErr_WriteUnraisable(object context)


cdef object usual_lock = threading.Lock


cdef class Absent:
    """The threads that have released the mutex to wait in a condition and have not re-acquired it.

    A thread that is interrupted in wait() must know whether it holds the mutex, and the mutex does not tell
    who holds it: wait() in Python may be left at any line, and lock.acquire() may raise without the lock.
    So `release_save` and `acquire_restore` take the place of the condition's methods.
    """

    def __init__(self, mutex):
        self.mutex, self.threads = mutex, set()

    cdef bint has_caller(self) except -1:
        return hs_thread_number() in self.threads

    def release_save(self):
        self.threads.add(hs_thread_number())  # before the release: then another thread may hold the mutex
        try:
            self.mutex.release()
        except BaseException:
            self.threads.discard(hs_thread_number())
            raise

    def acquire_restore(self, saved):
        error = self.come_back()
        if error is not None:
            raise error

    cdef object come_back(self):
        """Acquire the mutex despite signals; returns what a handler has raised meanwhile, or None."""
        cdef object error = None
        while True:
            try:
                self.mutex.acquire()
                break
            except BaseException as interrupt:
                error = interrupt
        self.threads.discard(hs_thread_number())
        return error


cdef bint in_python(condition) except -1:
    """Whether the condition is the standard library's own."""
    cls = type(condition)
    return cls.__module__ == "threading" and cls.__name__ == "Condition" and type(cls.wait) is FunctionType


cdef class Monitor(Items):
    """Items with mutual exclusion.  Base of `_operations.QueueState`."""

    cdef bint inside(self) noexcept:
        """Whether the calling thread is the owner."""
        return self.owner == hs_thread_number()

    cdef int enter(self, bint signals=True) except -1:
        """Wait for the gate or the mutex.

        Signal handlers run and may raise; without *signals* only after the thread is inside.
        """
        cdef object condition, error = None
        while True:
            if self.mutex_ is not None:
                condition = self.not_full_  # its lock, not mutex_: a program may have replaced `mutex` alone
                try:
                    condition.acquire()
                except BaseException as interrupt:
                    if signals:
                        raise
                    error = interrupt
                    continue
                self.entered = condition
                if error is not None:
                    raise error
                return 0
            hs_mutex_lock(&self.guard)
            if self.special & SHARED:
                hs_mutex_unlock(&self.guard)
            elif self.owner == 0 or self.owner_forks != fork_count() or hs_finalizing():
                self.owner = hs_thread_number()
                self.owner_forks = fork_count()
                self.special |= OCCUPIED
                hs_mutex_unlock(&self.guard)
                return 0
            elif signals:
                park(&self.entering, &self.guard, HS_NEVER)
            else:
                park_uninterruptible(&self.entering, &self.guard, HS_NEVER)

    cdef void open_gate(self) noexcept:
        """With the guard held."""
        self.owner = 0
        self.special &= ~OCCUPIED

    cdef int leave(self, queue) except -1:
        cdef object condition, error = None
        if self.late is not None:
            error = self.accept_late(queue)
        if self.inside():
            try:
                if self.shares_inside:
                    self.shares_inside = False
                    self.not_full_.release()
            finally:
                hs_mutex_lock(&self.guard)
                self.open_gate()
                unpark_first(&self.entering, &self.guard)
        else:
            condition = self.entered
            self.entered = None
            condition.release()
        if error is not None:
            raise error
        return 0

    cdef int wait(self, queue, hs_waitlist *list, int64_t deadline) except -1:
        """Leave, wait until notified or the deadline, enter again; the caller re-checks.

        Invariant: the thread is inside afterwards, also when this raises.
        """
        cdef object error
        if self.late is not None:
            error = self.accept_late(queue)
            if error is not None:
                raise error
        if self.shares_inside:  # gate and mutex are held; keep the mutex only
            self.shares_inside = False
            self.entered = self.not_full_
            hs_mutex_lock(&self.guard)
            self.open_gate()
            unpark_first(&self.entering, &self.guard)
        if not self.inside():
            return self.wait_for_condition(list, deadline)
        # The gate opens and the waiter is enqueued under one hold of the guard: no notify() comes between.
        hs_mutex_lock(&self.guard)
        self.open_gate()
        try:
            try:
                park(list, &self.guard, deadline, &self.entering)
            finally:
                self.enter(False)
            PyErr_CheckSignals()  # before an item is taken, which the exception would lose
        except BaseException:
            self.notify(list)  # this thread may have been unparked: pass that on
            raise
        return 0

    cdef int wait_for_condition(self, hs_waitlist *list, int64_t deadline) except -1:
        cdef object entered = self.entered, condition = self.condition_of(list)
        cdef object later = None
        if self.absent is not None:
            self.absent.threads.discard(hs_thread_number())  # stale: left by a wait() of the program's
        try:
            condition.wait(seconds_until(deadline))
        except BaseException:
            if self.absent is not None and self.absent.has_caller():
                later = self.absent.come_back()
            # Pass a notify() on that this thread may have got.  To all: its own waiter may still be in the
            # condition's list, at any place, and would absorb a single one.
            try:
                condition.notify_all()
            except RuntimeError:       # the mutex is not held: interrupted right after it was released
                if not self.replaced:  # a program's condition may have another lock
                    condition.acquire()
                    condition.notify_all()
            finally:
                self.entered = entered  # only with the mutex held: `entered` belongs to its holder
            if later is not None:
                raise later
            raise
        self.entered = entered
        return 0

    cdef int notify(self, hs_waitlist *list) except -1:
        cdef object condition
        if self.mutex_ is not None:
            condition = self.condition_of(list)
            try:
                condition.notify()
            except BaseException:
                # A Condition in Python wakes a waiter and then removes it from its list.  Interrupted between
                # the two, the list holds a waiter that is awake and would absorb the next notify(): notify
                # once more before the mutex is released.
                try:
                    condition.notify()
                except RuntimeError:
                    pass  # the mutex is not held
                raise
            return 0
        hs_mutex_lock(&self.guard)
        unpark_first(list, &self.guard)
        return 0

    cdef int notify_all(self, hs_waitlist *list) except -1:
        if self.mutex_ is not None:
            try:
                self.condition_of(list).notify_all()
            except BaseException:  # a signal handler raised between two waiters
                self.condition_of(list).notify_all()
                raise
            return 0
        hs_mutex_lock(&self.guard)
        unpark_all(list, &self.guard)
        return 0

    # ---- items ----

    cdef int accept(self, queue, item) except -1:
        """Store an item, count it, and notify one getter."""
        if self.mutex_ is not None:
            # First, because notify() of a condition is Python code, which a signal handler may interrupt:
            # nothing has changed yet.  The getter cannot run before the mutex is released.
            self.notify(&self.getters)
        self.under_way += 1
        try:
            self.store(queue, item)
        finally:
            self.under_way -= 1
        hs_mutex_lock(&self.guard)
        self.unfinished += 1
        unpark_first(&self.getters, &self.guard)
        return 0

    cdef object accept_late(self, queue):
        """Store what the owner put while it was inside.

        The put() that an error belongs to has returned, so an Exception goes to sys.unraisablehook.  Others,
        such as KeyboardInterrupt, are returned, to be raised when the owner has left.
        """
        cdef list late
        cdef object error = None
        while self.late is not None:
            late = self.late
            self.late = None
            for item in late:
                try:
                    self.accept(queue, item)
                except Exception:
                    PyErr_WriteUnraisable(queue)
                except BaseException as interrupt:
                    error = interrupt
        return error

    # ---- the mutex and the conditions, once users see them ----

    cdef int share(self, queue) except -1:
        """Make the mutex and the conditions.  SHARED says if they exist; a program may set them to None."""
        if self.special & SHARED:
            return 0
        if self.inside():
            return self.publish(True)
        self.enter()
        try:
            self.publish(False)
        finally:
            self.leave(queue)
        return 0

    cdef int publish(self, bint held) except -1:
        """The same, inside.  What runs Python code comes before the check: finalizers may call this, too."""
        cdef object module = replaced_threading() or threading
        cdef object mutex = allocate_lock() if module.Lock is usual_lock else module.Lock()
        cdef object not_empty = module.Condition(mutex)
        cdef object not_full = module.Condition(mutex)
        cdef object all_tasks_done = module.Condition(mutex)
        cdef Absent absent = None
        if module.Lock is usual_lock and in_python(not_empty):
            absent = Absent(mutex)
            for condition in (not_empty, not_full, all_tasks_done):
                condition._release_save = absent.release_save
                condition._acquire_restore = absent.acquire_restore
        self.open_container()
        if self.mutex_ is not None:
            return 0
        if held:
            mutex.acquire()
        self.shares_inside = held
        self.replaced = []
        self.absent = absent
        self.not_empty_ = not_empty
        self.not_full_ = not_full
        self.all_tasks_done_ = all_tasks_done
        hs_mutex_lock(&self.guard)
        self.special |= SHARED
        self.mutex_ = mutex
        self.wake_everybody()
        hs_mutex_unlock(&self.guard)
        return 0

    cdef void wake_everybody(self) noexcept:
        unpark_all_locked(&self.getters)
        unpark_all_locked(&self.putters)
        unpark_all_locked(&self.joiners)
        unpark_all_locked(&self.entering)

    cdef object condition_of(self, hs_waitlist *list):
        if list == &self.getters:
            return self.not_empty_
        if list == &self.putters:
            return self.not_full_
        return self.all_tasks_done_

    cdef int open(self, queue) except -1:
        """Move the items to the container, unless they are there."""
        if self.container is not None:
            return 0
        if self.inside():
            return self.open_container()
        self.enter()
        try:
            self.open_container()
        finally:
            self.leave(queue)
        return 0

    cdef int replace(self, Part part, value) except -1:
        """Replace the mutex or a condition by a program's object.  The old one is kept: it may be in use."""
        hs_mutex_lock(&self.guard)
        if part == MUTEX:
            self.mutex_, value = value, self.mutex_
        elif part == NOT_EMPTY:
            self.not_empty_, value = value, self.not_empty_
        elif part == NOT_FULL:
            self.not_full_, value = value, self.not_full_
        else:
            self.all_tasks_done_, value = value, self.all_tasks_done_
        hs_mutex_unlock(&self.guard)
        self.replaced.append(value)
        return 0
