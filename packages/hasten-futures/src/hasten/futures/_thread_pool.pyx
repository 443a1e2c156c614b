# cython: freethreading_compatible=True
"""ThreadPool: the queue of tasks of a ThreadPoolExecutor, and what its workers do.

submit() links a future into the queue.  If more tasks wait than there are idle workers (a worker that is
being started counts as idle), it asks for one more.  So there are never fewer workers than the standard
library's rule gives, and none is started while one is free.

Waking.  One wake is under way at a time: submit() wakes nobody while a worker that was woken has yet to
look.  That one, before it runs its task, wakes the next if there is more: a task may block for ever.
Two rules keep this going: if a task waits and a worker sleeps, some worker is awake who has yet to look;
and a worker that has looked clears the note (`asleep.pending`).

The GIL.  A worker whose tasks are C functions runs no Python code in which other threads would get their
turn, so it lets go of the GIL every 5 ms, before a task: after one, whoever sees the future done
may count on it that the worker is idle.  Those who wait for a result are woken when the worker has
let go of the GIL to sleep; if it goes on with another task, they are woken before that.

The executor and its workers share the WorkQueue.  It knows the executor only by a weak reference: when the
program has dropped the executor, the workers finish what is queued and end.

After fork() the child has none of the workers.  Its copies of the futures that they ran, or that were
queued, are failed, so that nobody waits for them for ever.  Their callbacks belong to the parent.
"""

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from clock cimport HS_NEVER, hs_now
from compat cimport HS_FREE_THREADED, hs_mutex, hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waitlist
from sleep cimport hs_wakes
from timeout cimport hs_seconds
from hasten.futures._future cimport FINISHED, PENDING, RUNNING, Future, new_pooled, hide_plain
from hasten.futures._waiting cimport collect, forks, sleep, wake, wake_one

import weakref
from concurrent.futures import _base as stdlib
from queue import Empty

cdef extern from *:
    """
    static inline void let_others_run(void) {
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
    }
    """
    unsigned long PyThread_get_thread_ident()
    object PyObject_Call(PyObject *function, PyObject *args, PyObject *kwargs)
    void let_others_run() noexcept

cdef int64_t GIL_SLICE = 5_000_000  # ns

cdef object logger = stdlib.LOGGER
cdef bint exiting = False    # the interpreter is about to end
all_queues = weakref.WeakSet()


# A worker, in memory that outlives its thread: after fork() the stacks of other threads are gone.
cdef struct worker:
    worker *previous
    worker *next
    unsigned long ident
    unsigned int forks
    void *task       # the future of the call that it makes now
    bint idle        # it counts as idle


@cython.final
cdef class WorkQueue:
    """The tasks of one pool that wait for a worker, and what its workers share."""
    cdef object __weakref__
    cdef hs_mutex guard
    cdef void *first              # of the futures that wait; the queue owns a reference to each
    cdef void *last
    cdef Py_ssize_t length
    cdef hs_waitlist asleep       # idle workers
    cdef worker *workers
    cdef Py_ssize_t started       # workers that have been asked for and have not ended
    cdef Py_ssize_t idle
    cdef readonly bint closed     # takes no more tasks
    cdef bint abandoned           # the executor is gone
    cdef readonly object broken   # None, or what to tell whoever submits
    cdef object cause
    cdef object broken_class
    cdef object owner             # weak reference to the executor
    cdef object resolve           # what makes a task of a call, or None: the worker makes the call itself

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


def seconds_of(timeout):
    """A `timeout` argument, any real number, as a float.  ValueError for NaN."""
    cdef double seconds
    hs_seconds(timeout, &seconds)
    return seconds


# ---- the queue --------------------------------------------------------------------------------------

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


# ---- a worker ---------------------------------------------------------------------------------------

def work(WorkQueue self, context):
    """What a worker thread does: make calls until the pool needs it no more."""
    cdef worker *me = enter(self)
    try:
        if initialize(self, context):
            make_calls(self, context, me)
    except BaseException:
        logger.critical("Exception in worker", exc_info=True)
    finally:
        leave(self, me)
        context.finalize()


cdef bint initialize(WorkQueue self, context) except -1:
    try:
        context.initialize()
        return True
    except BaseException as error:
        logger.critical("Exception in initializer:", exc_info=True)
        self._break("A thread initializer failed, the thread pool is not usable anymore", error)
        return False


cdef int make_calls(WorkQueue self, context, worker *me) except -1:
    cdef hs_wakes due
    cdef int64_t since = hs_now()
    cdef Future future
    due.count = 0
    while True:
        future = None  # nobody holds the last result while the worker sleeps
        future = take(self, me, &due)
        if future is None:
            return 0
        if not HS_FREE_THREADED and hs_now() - since > GIL_SLICE:
            let_others_run()
            since = hs_now()
        try:
            make_call(self, context, future, &due)
        except BaseException:
            logger.critical("Exception in worker", exc_info=True)
        me.task = NULL


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


cdef int make_call(WorkQueue self, context, Future future, hs_wakes *due) except -1:
    cdef object value = None, error = None
    cdef object function = future.function
    cdef object args = future.args, kwargs = future.kwargs
    future.function = future.args = future.kwargs = None
    if not may_begin(future):
        return 0
    try:
        if self.resolve is not None:
            value = context.run(function)
        elif kwargs is None:
            value = PyObject_Call(<PyObject *>function, <PyObject *>args, NULL)
        else:
            value = PyObject_Call(<PyObject *>function, <PyObject *>args, <PyObject *>kwargs)
    except BaseException as raised:
        error = raised
    function = args = kwargs = None  # who sees the future done may rely on it that these are gone
    finish(future, value, error, due)
    return 0


cdef bint may_begin(Future future) except -1:
    if future.has_ended():  # cancelled, and has noticed by itself
        return False
    return future.begin() == PENDING if future.is_plain() else future.set_running_or_notify_cancel()


cdef int finish(Future future, value, error, hs_wakes *due) except -1:
    if not future.is_plain():
        wake(due)
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
        return 0
    if not future.settle(FINISHED, RUNNING, value, error, due):
        raise stdlib.InvalidStateError(f"{future._state}: {future!r}")
    if future.callbacks is not None:
        wake(due)
        future.invoke_callbacks()
    return 0


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


# ---- after fork() -----------------------------------------------------------------------------------

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


# ---- the executor -----------------------------------------------------------------------------------

cdef class ThreadPool:
    """The compiled part of ThreadPoolExecutor."""
    cdef WorkQueue queue
    cdef public object _max_workers

    def _open(self, max_workers, broken_class, resolve):
        """Begin to take tasks."""
        self._max_workers = max_workers
        self.queue = WorkQueue(self, broken_class, resolve)

    @property
    def _work_queue(self):
        """The tasks that wait for a worker: qsize(), empty()."""
        return self.queue

    @property
    def _shutdown(self):
        """Whether the pool was shut down."""
        return self.queue.closed

    @property
    def _broken(self):
        """False, or why the pool is of no use any more."""
        return False if self.queue.broken is None else self.queue.broken

    def submit(self, fn, /, *args, **kwargs):
        """Let a worker call fn(*args, **kwargs).  Returns the Future of that call.

        Does not block.  Thread-safety: any thread may submit, callbacks, signal handlers and tasks included;
        a task that waits for another one of its own pool may wait for ever, if all workers do the same.
        RuntimeError after shutdown(), after the interpreter has begun to end, or if no worker can be started;
        BrokenThreadPool if an initializer has failed.
        """
        cdef Future future = new_pooled()
        if self.queue is None:
            raise RuntimeError(f"{type(self).__name__}.__init__() has not been called")
        if self.queue.resolve is None:
            hide_plain(args)
            future.function, future.args = fn, args
            if kwargs:
                future.kwargs = kwargs
        else:
            future.function = self.queue.resolve(fn, args, kwargs)
        if push(self.queue, future) and self.queue.started < self._max_workers:
            self.add_worker(future)
        return future

    cdef int add_worker(self, Future future) except -1:
        """Start a worker.  If that fails, those that there are have to do; if there are none, raise."""
        try:
            self._adjust_thread_count()
        except Exception:
            if self.queue.started == 0 and withdraw(self.queue, future):
                raise
            logger.warning("no worker could be started for %r; an earlier one runs it", future, exc_info=True)
        return 0
