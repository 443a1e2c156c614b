# cython: freethreading_compatible=True
"""One thread at a time in the queue, and waiting for what another will do there: a monitor; and join().

A plain queue needs none of this: it changes under the guard, a few instructions without Python code.
But hooks of subclasses, comparisons in a priority queue and containers seen by users run Python code
between check and store.  For them there is a *gate*: `owner` says which thread is inside, the others
sleep in `entering`.  The direct way is closed as long as somebody is inside, even if the reason to be
there is gone meanwhile (a hook was deleted, say): the owner has looked and is about to store.

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
does not count, unless it is the thread that called fork().  (That is why threads go by numbers here
that are never used again; an ident is.)  Nor does any owner count once the interpreter is
being torn down, because other threads do not run then.
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
    """Which threads have released the mutex to wait in a condition, and have not taken it again.

    A thread that was interrupted in there has to know.  The mutex cannot tell: somebody holds it, or nobody.
    And a wait() in Python may be left at any line, and by the interpreter's own lock.acquire() without the
    lock.  So the two methods by which it releases the lock and takes it again are these.
    """

    def __init__(self, mutex):
        self.mutex, self.threads = mutex, set()

    cdef bint has_caller(self) except -1:
        return hs_thread_number() in self.threads

    def release_save(self):
        self.threads.add(hs_thread_number())  # first: as soon as it is released it may be another thread's
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
        """Take the mutex, whatever signals come; what a handler has raised meanwhile, or None."""
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
    """Storage with mutual exclusion; `_queue.QueueState` adds the operations."""

    cdef bint inside(self) noexcept:
        """Whether the calling thread is in the gate already."""
        return self.owner == hs_thread_number()

    cdef int enter(self, bint signals=True) except -1:
        """Wait for the gate or the mutex.

        Signal handlers run, and may raise.  Without *signals* they do so only when the thread is inside.
        """
        cdef object condition, error = None
        while True:
            if self.mutex_ is not None:
                condition = self.not_full_  # for the lock of the conditions: users may replace mutex alone
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
        """Leave, sleep until notified or the deadline, enter again; the caller looks what has changed.

        When this raises, the thread is inside again as well.
        """
        cdef object error
        if self.late is not None:
            error = self.accept_late(queue)
            if error is not None:
                raise error
        if self.shares_inside:  # the mutex is held too: from now on by that alone
            self.shares_inside = False
            self.entered = self.not_full_
            hs_mutex_lock(&self.guard)
            self.open_gate()
            unpark_first(&self.entering, &self.guard)
        if not self.inside():
            return self.wait_for_condition(list, deadline)
        # The gate opens and the node joins the list under one hold of the guard: no notify() between.
        hs_mutex_lock(&self.guard)
        self.open_gate()
        try:
            try:
                park(list, &self.guard, deadline, &self.entering)
            finally:
                self.enter(False)
            PyErr_CheckSignals()  # before an item is taken that the exception would take along
        except BaseException:
            self.notify(list)  # the thread may have been woken, and passes that on
            raise
        return 0

    cdef int wait_for_condition(self, hs_waitlist *list, int64_t deadline) except -1:
        cdef object entered = self.entered, condition = self.condition_of(list)
        cdef object later = None
        if self.absent is not None:
            self.absent.threads.discard(hs_thread_number())  # a wait() of the program's that was interrupted
        try:
            condition.wait(seconds_until(deadline))
        except BaseException:
            if self.absent is not None and self.absent.has_caller():
                later = self.absent.come_back()
            # It may have been notified, and passes that on.  To all: it may still be on the condition's list,
            # wherever it stands there, and would get what is meant for the next one.
            try:
                condition.notify_all()
            except RuntimeError:       # the mutex is not held: interrupted as soon as it had been released
                if not self.replaced:  # a user's condition may have another lock
                    condition.acquire()
                    condition.notify_all()
            finally:
                self.entered = entered  # not before the mutex is held: until then it is another thread's
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
                # A Condition in Python wakes a thread and then takes it off its list.  Interrupted between
                # the two it has a sleeper who is awake, and the next notify() is lost on it: the mutex must
                # not be free before that one has been notified again.
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
            except BaseException:  # a signal handler's, between two sleepers
                self.condition_of(list).notify_all()
                raise
            return 0
        hs_mutex_lock(&self.guard)
        unpark_all(list, &self.guard)
        return 0

    # ---- items ----

    cdef int accept(self, queue, item) except -1:
        """Store an item for good: counted, and announced to one getter."""
        if self.mutex_ is not None:
            # Python code, which a signal handler may end: before anything has changed.  (It comes to the
            # same, as long as the mutex is held.)
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

        An error can't be raised to who put the item any more: it goes to sys.unraisablehook.  Only what
        is no Exception, such as KeyboardInterrupt, is returned, to be raised when the owner has left.
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
        """Make the mutex and the conditions, unless that was done: a program may have set them to None."""
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
        """Called inside.  All that runs Python code comes first: finalizers may call this, too."""
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
        """Move the items to the container that users see, unless they are there."""
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
        """Put a user's object in place of the mutex or a condition.

        The old one is kept: a thread may be using it.
        """
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
