# cython: freethreading_compatible=True
"""WorkQueue: the tasks of a ThreadPoolExecutor that wait for a worker.

push() links a future into the queue.  If more tasks wait than there are idle workers (a worker that is
being started counts as idle), it asks for one more.  So there are never fewer workers than the standard
library's rule gives, and none is started while one is free.

Waking.  One wake is under way at a time: push() wakes nobody while a worker that was woken has yet to
look.  That one, before it runs its task, wakes the next if there is more: a task may block for ever.
Two rules keep this going: if a task waits and a worker sleeps, some worker is awake who has yet to look;
and a worker that has looked clears the note (`asleep.pending`).

The executor and its workers share the queue.  It knows the executor only by a weak reference: when the
program has dropped the executor, the workers finish what is queued and end.

After fork() the child has none of the workers.  Its copies of the futures that they ran, or that were
queued, are failed, so that nobody waits for them for ever.  Their callbacks belong to the parent.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from clock cimport HS_NEVER
from compat cimport hs_mutex_lock, hs_mutex_unlock
from sleep cimport hs_wakes
from hasten.futures._future cimport PENDING, Future
from hasten.futures._waiting cimport collect, forks, sleep, wake, wake_one

import weakref
from queue import Empty

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef bint exiting = False    # the interpreter is about to end
all_queues = weakref.WeakSet()


cdef class WorkQueue:
    """The tasks of one pool that wait for a worker, and what its workers share."""

    def __cinit__(self, executor, broken_class, resolve):
        self.broken_class, self.resolve = broken_class, resolve
        self.owner = weakref.ref(executor, self._abandon)
        all_queues.add(self)

    def __dealloc__(self):
        cdef worker *w
        while self.first != NULL:
            pop(self)
        while self.workers != NULL:
            w = self.workers
            self.workers = w.next
            free(w)

    # ---- what programs use of executor._work_queue ---------------------------------------------------

    def qsize(self):
        """How many tasks wait for a worker."""
        return self.length

    def empty(self):
        """Whether no task waits for a worker."""
        return self.length == 0

    def get_nowait(self):
        """Take the next task from the workers: an object with its `future`; queue.Empty if none waits."""
        cdef Future future = pop_locked(self)
        if future is None:
            raise Empty
        future.show()
        return WorkItem(future)

    def put(self, item):
        """put(None) lets idle workers look whether they are to end."""
        if item is not None:
            raise TypeError(f"use submit() to add a task; {item!r} is none")
        self._wake_all()

    # ---- for the executor ---------------------------------------------------------------------------

    def _reserve(self, most):
        """Whether one more worker is wanted, of *most* at most.  Then it counts as started, and as idle."""
        cdef bint wanted
        cdef Py_ssize_t started = self.started
        if started >= most:
            return False
        hs_mutex_lock(&self.guard)
        wanted = self.length > self.idle and self.started == started
        if wanted:
            self.started += 1
            self.idle += 1
        hs_mutex_unlock(&self.guard)
        return wanted

    def _not_started(self):
        """A worker that was reserved could not be started."""
        hs_mutex_lock(&self.guard)
        self.started -= 1
        self.idle -= 1
        hs_mutex_unlock(&self.guard)

    def _close(self):
        """Take no more tasks; the workers end when the queue is empty."""
        hs_mutex_lock(&self.guard)
        self.closed = True
        hs_mutex_unlock(&self.guard)
        self._wake_all()

    def _cancel_all(self):
        """Cancel what is queued, but for the tasks that idle workers are about to take."""
        cdef void *here = cut(self)
        cdef Future future
        while here != NULL:
            future = <Future>here
            here = future.next_task
            Py_DECREF(future)
            future.cancel()

    def _break(self, message, cause):
        """The pool is of no use any more: fail what is queued, and refuse what comes."""
        cdef Future future
        hs_mutex_lock(&self.guard)
        self.broken, self.cause = message, cause
        hs_mutex_unlock(&self.guard)
        future = pop_locked(self)
        while future is not None:
            if future.begin() == PENDING:
                future.set_exception(self.breakage())
            future = pop_locked(self)

    cdef object breakage(self):
        error = self.broken_class(self.broken)
        error.__cause__ = self.cause
        return error

    def _abandon(self, owner):
        """Called when the executor has been dropped."""
        self.abandoned = True
        self._wake_all()

    def _owner(self):
        """The executor, or None if it is gone."""
        return self.owner()

    def _wake_all(self):
        cdef hs_wakes due
        due.count = 0
        hs_mutex_lock(&self.guard)
        collect(&self.asleep, &due)
        hs_mutex_unlock(&self.guard)
        wake(&due)

    def _after_fork(self):
        """In the child of a fork(): forget the workers, but for the one that has forked."""
        forget_workers(self)


class WorkItem:
    """A task that was taken from the queue of a pool."""

    __slots__ = ("future",)

    def __init__(self, future):
        self.future = future


def set_exiting():
    """The interpreter is about to end: pools take no more tasks."""
    global exiting
    exiting = True


# ---- tasks -----------------------------------------------------------------------------------------

cdef bint push(WorkQueue self, Future future) except -1:
    """Queue a task.  Whether one more worker is wanted for it."""
    cdef bint wanted
    hs_mutex_lock(&self.guard)
    if self.closed or self.broken is not None or exiting:
        hs_mutex_unlock(&self.guard)
        refuse(self)
    Py_INCREF(future)
    future.next_task = NULL
    if self.first == NULL:
        self.first = <void *>future
    else:
        (<Future>self.last).next_task = <void *>future
    self.last = <void *>future
    self.length += 1
    wanted = self.length > self.idle
    wake_sleeper(self)
    return wanted


cdef int refuse(WorkQueue self) except -1:
    if self.broken is not None:
        raise self.breakage()
    if self.closed:
        raise RuntimeError("cannot schedule new futures after shutdown")
    raise RuntimeError("cannot schedule new futures after interpreter shutdown")


cdef void wake_sleeper(WorkQueue self) noexcept:
    """Wake a worker, unless one that was woken has yet to look.  The guard is held, and not held after."""
    if self.asleep.head != NULL and not (self.asleep.pending and self.asleep.forks == forks()):
        self.asleep.pending = True
        wake_one(&self.asleep, &self.guard)
    else:
        hs_mutex_unlock(&self.guard)


cdef Future pop(WorkQueue self):
    """The first task, or None.  The guard is held."""
    cdef Future future
    if self.first == NULL:
        return None
    future = <Future>self.first
    self.first = future.next_task
    future.next_task = NULL
    self.length -= 1
    Py_DECREF(future)  # never the last: `future` is one
    return future


cdef Future pop_locked(WorkQueue self):
    cdef Future future
    hs_mutex_lock(&self.guard)
    future = pop(self)
    hs_mutex_unlock(&self.guard)
    return future


cdef void *cut(WorkQueue self) noexcept:
    """Take all tasks but as many as there are idle workers out of the queue, as a chain."""
    cdef Py_ssize_t kept = 0
    cdef void *last = NULL
    cdef void *rest
    hs_mutex_lock(&self.guard)
    rest = self.first
    while rest != NULL and kept < self.idle:
        last, rest = rest, (<Future>rest).next_task
        kept += 1
    if last == NULL:
        self.first = NULL
    else:
        (<Future>last).next_task = NULL
    self.last, self.length = last, kept
    hs_mutex_unlock(&self.guard)
    return rest


cdef bint withdraw(WorkQueue self, Future future) noexcept:
    """Take a task out of the queue again, wherever it stands.  Whether it was there."""
    cdef void *before = NULL
    cdef void *here
    cdef bint found
    hs_mutex_lock(&self.guard)
    here = self.first
    while here != NULL and here != <void *>future:
        before, here = here, (<Future>here).next_task
    found = here != NULL
    if found:
        if before == NULL:
            self.first = future.next_task
        else:
            (<Future>before).next_task = future.next_task
        if self.last == here:
            self.last = before
        self.length -= 1
    hs_mutex_unlock(&self.guard)
    if found:
        Py_DECREF(future)
    return found


# ---- workers ---------------------------------------------------------------------------------------

cdef Future take(WorkQueue self, worker *me, hs_wakes *due):
    """The next task; None if there is none and the worker is to end.  Sleeps in between."""
    cdef Future future
    hs_mutex_lock(&self.guard)
    while self.first == NULL:
        if is_over(self, me):
            hs_mutex_unlock(&self.guard)
            wake(due)
            return None
        if not me.idle:
            me.idle = True
            self.idle += 1
        sleep(&self.asleep, &self.guard, HS_NEVER, due)
        hs_mutex_lock(&self.guard)
        self.asleep.pending = False
    if me.idle:
        me.idle = False
        self.idle -= 1
    future = pop(self)
    me.task = <void *>future
    if self.first != NULL:
        wake_sleeper(self)
    else:
        hs_mutex_unlock(&self.guard)
    wake(due)
    return future


cdef bint is_over(WorkQueue self, worker *me) noexcept:
    return self.closed or self.abandoned or exiting or self.broken is not None or me.forks != forks()


cdef worker *enter(WorkQueue self) except NULL:
    cdef worker *me = <worker *>calloc(1, sizeof(worker))
    if me == NULL:
        raise MemoryError("no memory for a worker")
    me.ident, me.forks = PyThread_get_thread_ident(), forks()
    me.idle = True  # since _reserve()
    hs_mutex_lock(&self.guard)
    me.next = self.workers
    if me.next != NULL:
        me.next.previous = me
    self.workers = me
    hs_mutex_unlock(&self.guard)
    return me


cdef void leave(WorkQueue self, worker *me) noexcept:
    hs_mutex_lock(&self.guard)
    if me.previous != NULL:
        me.previous.next = me.next
    else:
        self.workers = me.next
    if me.next != NULL:
        me.next.previous = me.previous
    self.started -= 1
    self.idle -= me.idle
    hs_mutex_unlock(&self.guard)
    free(me)


# ---- after fork() ----------------------------------------------------------------------------------

cdef int forget_workers(WorkQueue self) except -1:
    cdef worker *w = self.workers
    cdef worker *mine = NULL
    cdef worker *following
    cdef Future future
    memset(&self.guard, 0, sizeof(self.guard))
    while w != NULL:
        following = w.next
        if w.ident == PyThread_get_thread_ident():
            mine = w
        else:
            if w.task != NULL:
                fail_in_child(self, <Future>w.task)
            free(w)
        w = following
    self.workers = mine
    self.started = self.idle = 0
    if mine != NULL:
        mine.previous = mine.next = NULL
        self.started, self.idle = 1, mine.idle
    future = pop(self)
    while future is not None:
        fail_in_child(self, future)
        future = pop(self)
    return 0


cdef int fail_in_child(WorkQueue self, Future future) except -1:
    memset(&future.guard, 0, sizeof(future.guard))
    future.condition = future.waiters = future.callbacks = None
    future.watches = NULL
    future.function = future.args = future.kwargs = None
    if not future.is_done():
        future.set_exception(
            self.broken_class("the worker of this call is a thread of the parent: fork() does not copy it")
        )
    return 0
