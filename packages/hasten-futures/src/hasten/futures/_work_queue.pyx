# cython: freethreading_compatible=True
"""WorkQueue: the tasks of a ThreadPoolExecutor that wait for a worker.

push() links a future into the queue.  If more tasks wait than there are idle workers (a worker being started
counts as idle), it requests one more.  So there are never fewer workers than by the standard library's rule,
and none is started while one is idle.

Waking.  Invariant: if a task waits and a worker sleeps, some awake worker has yet to check the queue.  One
wake is under way at a time: push() wakes nobody while a woken worker has yet to check (`asleep.pending`,
which that worker clears).  Before that worker runs its task, it wakes the next one if there are more tasks,
since a task may block without limit.

The queue is the executor's state (see state.h), shared with its workers.  It has only a weak reference to the
executor: when that is dropped, the workers finish the queued tasks and end.

A requested worker counts as started at once.  It is identified by its weak reference to the executor: until
it has begun to run, the requester may revoke it, whatever has become of the thread.

Programs may use the queue as the SimpleQueue that it is in the standard library: put() takes a work item of
any kind, and get() returns one.  An item is queued as a bare state, with the item as its function.
"""

cimport cython
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from compat cimport hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from sleep cimport hs_wakes
from state cimport (
    hs_state_class,
    hs_state_class_init,
    hs_state_forget,
    hs_state_of,
    hs_state_set,
)
from timeout cimport hs_deadline_of, hs_expired
from hasten.futures._future cimport FutureState, show
from hasten.futures._waiting cimport fork_count, park, wake, unpark_all, unpark_any

import weakref
from queue import Empty

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef bint exiting = False    # whether the interpreter is exiting
cdef object make_item = None  # make_item(class, future, task): the work item of a task
cdef dict public = {}         # the names of hasten.futures.thread, where programs replace _WorkItem
cdef object item_class = None, item_init = None, item_run = None
cdef bint items_resolved = False  # whether an item holds the task made by WorkQueue.resolve
cdef unsigned int plain_items = 0  # version tag of item_class with its original methods
cdef hs_state_class states
all_queues = weakref.WeakSet()


def set_item_maker(function):
    """Set the function that makes a work item from its class, a future and a task."""
    global make_item
    make_item = function


def watch_items(dict names, bint resolved):
    """Make items of the class `_WorkItem` of the namespace *names*.  resolved: whether they hold tasks."""
    global public, item_class, item_init, item_run, items_resolved
    public, item_class, items_resolved = names, names["_WorkItem"], resolved
    item_init, item_run = item_class.__init__, item_class.run


cdef bint uses_items(WorkQueue self) except -1:
    """Whether calls have to be queued as work items: a program has replaced the class, or a method of it."""
    cdef unsigned int tag = hs_type_tag(<PyTypeObject *>item_class)
    if tag != 0 and tag == plain_items and public.get("_WorkItem") is item_class:
        return False
    return (self.resolve is None or items_resolved) and items_replaced()


cdef bint items_replaced() except -1:
    global plain_items
    if current_items() is not item_class:
        return True
    if item_class.run is not item_run or item_class.__init__ is not item_init:
        return True
    plain_items = hs_type_tag(<PyTypeObject *>item_class)
    return False


cdef object current_items():
    """The class of work items; ours if the name is gone, at the interpreter's end."""
    cdef object current = public.get("_WorkItem")
    return item_class if current is None else current


@cython.final
cdef class WorkQueue:
    """The waiting tasks of one pool, and the state that its workers share."""

    def __cinit__(self, executor=None, broken_class=None, resolve=None):
        self.broken_class, self.resolve = broken_class, resolve
        self.reserved = {}
        self.idle_workers = IdleWorkers(self)
        if executor is not None:
            self.owner = weakref.ref(executor, self._abandon)
            all_queues.add(self)

    def __dealloc__(self):
        cdef worker *w
        hs_state_forget(self.slot, <PyObject *>self)
        while self.workers != NULL:
            w = self.workers
            self.workers = w.next
            free(w)

    def __del__(self):
        cdef FutureState state = pop_locked(self)
        while state is not None:
            state.forget_call()
            future_of(state)
            state = pop_locked(self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_queue.SimpleQueue' object")

    # ---- executor._work_queue, for programs ------------------------------------------------------------

    def qsize(self):
        """The number of waiting tasks."""
        return self.length

    def empty(self):
        """Whether no task waits for a worker."""
        return self.length == 0

    def get_nowait(self):
        """Remove the next task, as a work item; queue.Empty if there is none."""
        return self.get(False)

    def get(self, block=True, timeout=None):
        """Remove the next task, as a work item; None if workers should end.

        block, timeout: as for queue.Queue.  A thread that sleeps here counts as an idle worker.
        """
        cdef hs_wakes due
        cdef worker me
        cdef FutureState state
        cdef int64_t deadline = hs_deadline_of(timeout) if block else 0
        due.count = 0
        memset(&me, 0, sizeof(me))
        me.forks = fork_count()
        if block:
            try:
                state = take(self, &me, deadline, &due)
            finally:
                if me.idle and me.forks == fork_count():
                    count_idle(self, -1)
            if state is None and not hs_expired(deadline):
                return None
        else:
            state = pop_locked(self)
        if state is None:
            raise Empty
        return item_of(self, state)

    def put(self, item, block=True, timeout=None):
        """Queue a work item, an object whose run() makes the call.  None wakes workers to check for the end.
        Does not block."""
        cdef FutureState state
        if item is None:
            self._wake_all()
            return
        state = FutureState.__new__(FutureState)
        state.function = item
        append(self, None, state, False)

    def put_nowait(self, item):
        """put(item)."""
        self.put(item)

    # ---- for the executor ---------------------------------------------------------------------------

    def _serve(self, executor, max_workers, adjusts):
        """Become the state of *executor*.  adjusts: whether to call _adjust_thread_count() for each task."""
        self.max_workers, self.adjusts = max_workers, adjusts
        hs_state_set(&states, executor, self)

    cdef int reserve(self, reference) except -1:
        """Whether one more worker is needed; if so, count it as started, and as idle."""
        cdef bint wanted
        cdef Py_ssize_t started = self.started
        if started >= self.max_workers:
            return False
        self.reserved[id(reference)] = True
        hs_mutex_lock(&self.guard)
        wanted = self.length > self.idle and self.started == started
        if wanted:
            self.started += 1
            self.idle += 1
        hs_mutex_unlock(&self.guard)
        if not wanted:
            self.reserved.pop(id(reference), None)
        return wanted

    cdef int unreserve(self, reference) except -1:
        """Undo reserve(), unless the worker has begun to run."""
        if self.reserved.pop(id(reference), False):
            hs_mutex_lock(&self.guard)
            self.started -= 1
            self.idle -= 1
            hs_mutex_unlock(&self.guard)
        return 0

    def _close(self):
        """Accept no more tasks; the workers end when the queue is empty."""
        hs_mutex_lock(&self.guard)
        self.closed = True
        hs_mutex_unlock(&self.guard)
        self._wake_all()

    def _cancel_all(self):
        """Cancel the queued tasks, except those that idle workers are about to take.

        A BaseException of a callback does not stop it; the first one is raised at the end.
        """
        cdef void *here = cut(self)
        cdef FutureState state
        cdef object failure = None
        while here != NULL:
            state = <FutureState>here
            here = state.next_task
            Py_DECREF(state)
            try:
                owner_of(state).cancel()
            except BaseException as error:
                if failure is None:
                    failure = error
        if failure is not None:
            raise failure

    def _break(self, message, cause):
        """Break the pool: refuse new tasks, and fail the queued ones, even if callbacks raise."""
        hs_mutex_lock(&self.guard)
        _broken, self.broken = self.broken, message  # deallocated after the guard is released
        if cause is not None:
            _cause, self.cause = self.cause, cause
        hs_mutex_unlock(&self.guard)
        if message is None:
            return
        self._fail_all(lambda: self.breakage())

    def _fail_all(self, make_error):
        """Fail the queued tasks with make_error().  The first exception of a callback is raised at the
        end."""
        cdef object failure = None
        cdef FutureState state = pop_locked(self)
        while state is not None:
            try:
                future = owner_of(state)
                if not future.done():
                    future.set_exception(make_error())
            except BaseException as error:
                if failure is None:
                    failure = error
            state = pop_locked(self)
        if failure is not None:
            raise failure

    cdef int set_cause(self, cause) except -1:
        """Set the __cause__ of the exceptions of a broken pool."""
        hs_mutex_lock(&self.guard)
        _cause, self.cause = self.cause, cause
        hs_mutex_unlock(&self.guard)
        return 0

    cdef object get_broken(self):
        cdef object broken
        hs_mutex_lock(&self.guard)
        broken = self.broken
        hs_mutex_unlock(&self.guard)
        return broken

    cdef object breakage(self):
        cdef object cause
        hs_mutex_lock(&self.guard)
        cause = self.cause
        hs_mutex_unlock(&self.guard)
        error = self.broken_class(self.get_broken())
        error.__cause__ = cause
        return error

    def _abandon(self, owner):
        """Called when the executor has been dropped."""
        hs_state_forget(self.slot, <PyObject *>self)  # its address may be reused
        self.slot = NULL
        self.abandoned = True
        self._wake_all()

    def _owner(self):
        """The executor, or None if it is gone."""
        return self.owner()

    def _wake_all(self):
        hs_mutex_lock(&self.guard)
        unpark_all(&self.asleep, &self.guard)

    @property
    def closed(self):
        """Whether the pool was shut down."""
        return self.closed

    @property
    def broken(self):
        """None, or the message of a broken pool."""
        return self.get_broken()


cdef class IdleWorkers:
    """`_idle_semaphore` of a pool that uses its own queue: the number of idle workers beyond the waiting
    tasks.

    Workers count themselves, in the queue.
    """
    cdef WorkQueue queue

    def __cinit__(self, queue):
        self.queue = queue

    def acquire(self, blocking=True, timeout=None):
        """Whether there is an idle worker for the last task, so that none has to be started.  timeout: 0."""
        cdef bint covered
        if blocking and (timeout is None or timeout > 0):
            raise ValueError("this tells whether a worker is idle; it can't be waited for: use timeout=0")
        hs_mutex_lock(&self.queue.guard)
        covered = self.queue.length <= self.queue.idle
        hs_mutex_unlock(&self.queue.guard)
        return covered

    def release(self, n=1):
        """Wake the idle workers.  The count does not change: sleeping workers count themselves."""
        self.queue._wake_all()

    @property
    def _value(self):
        return max(0, self.queue.idle - self.queue.length)


cdef WorkQueue probe = WorkQueue()
hs_state_class_init(&states, "_pool_state", probe, &probe.slot)


cdef WorkQueue queue_of(executor):
    """The queue of an executor; AttributeError if its __init__() was not called."""
    return <WorkQueue>hs_state_of(&states, executor)


def set_exiting():
    """Called when the interpreter exits: pools accept no more tasks."""
    global exiting
    exiting = True


def make_work_item(future, task):
    """A work item of a future and its task, a tuple (fn, args, kwargs)."""
    return make_item(current_items(), future, task)


def refuse_if_over(executor):
    """Raise submit()'s exception if the pool accepts no more tasks."""
    cdef WorkQueue self = queue_of(executor)
    if self.closed or exiting or self.get_broken() is not None:
        refuse(self)


# ---- tasks -----------------------------------------------------------------------------------------

cdef bint push(WorkQueue self, future, FutureState state) except -1:
    """Queue a task; whether one more worker is needed for it."""
    if self.closed or self.broken is not None or exiting:
        refuse(self)
    return append(self, future, state, True)


def put_call(WorkQueue queue not None, item):
    """put() for submit(): raises if the pool accepts no more tasks, since no worker might check the queue."""
    cdef FutureState state = FutureState.__new__(FutureState)
    state.function = item
    append(queue, None, state, True)


cdef bint append(WorkQueue self, future, FutureState state, bint refused) except -1:
    """Queue a task; whether one more worker is needed.  refused: raise if the pool accepts no more tasks."""
    cdef bint wanted
    Py_INCREF(state)
    if future is not None:
        Py_INCREF(future)
        state.queued = <void *>future
    state.next_task = NULL
    hs_mutex_lock(&self.guard)
    if refused and (self.closed or self.broken is not None or exiting):
        hs_mutex_unlock(&self.guard)
        future_of(state)
        Py_DECREF(state)
        refuse(self)
    if self.first == NULL:
        self.first = <void *>state
    else:
        (<FutureState>self.last).next_task = <void *>state
    self.last = <void *>state
    self.length += 1
    wanted = self.length > self.idle
    unpark_any(&self.asleep, &self.guard)
    return wanted


cdef int refuse(WorkQueue self) except -1:
    if self.get_broken() is not None:
        raise self.breakage()
    if self.closed:
        raise RuntimeError("cannot schedule new futures after shutdown")
    raise RuntimeError("cannot schedule new futures after interpreter shutdown")


cdef FutureState pop(WorkQueue self):
    """The first task, or None.  The guard is held."""
    cdef FutureState state
    if self.first == NULL:
        return None
    state = <FutureState>self.first
    self.first = state.next_task
    state.next_task = NULL
    self.length -= 1
    Py_DECREF(state)  # never the last: `state` is one
    return state


cdef FutureState pop_locked(WorkQueue self):
    cdef FutureState state
    hs_mutex_lock(&self.guard)
    state = pop(self)
    hs_mutex_unlock(&self.guard)
    return state


cdef object future_of(FutureState state):
    """The future of a task that was removed from the queue; None for a bare item.  Takes the queue's
    reference."""
    cdef object future = None
    if state.queued != NULL:
        future = <object>state.queued
        state.queued = NULL
        Py_DECREF(future)
    return future


cdef object owner_of(FutureState state):
    """The future of a removed task, or of the removed work item, which will not be run."""
    cdef object future = future_of(state)
    if future is None:
        return state.function.future
    show(future, state)
    state.forget_call()
    return future


cdef object item_of(WorkQueue self, FutureState state):
    """A removed task as a work item."""
    cdef object future = future_of(state)
    cdef object task
    if future is None:
        return state.function
    show(future, state)
    if self.resolve is None:
        task = (state.function, state.args, {} if state.kwargs is None else state.kwargs)
    else:
        task = state.function
    state.forget_call()
    return make_item(current_items(), future, task)


cdef void *cut(WorkQueue self) noexcept:
    """Remove all tasks except one for each idle worker; the removed ones as a linked list."""
    cdef Py_ssize_t kept = 0
    cdef void *last = NULL
    cdef void *rest
    hs_mutex_lock(&self.guard)
    rest = self.first
    while rest != NULL and kept < self.idle:
        last, rest = rest, (<FutureState>rest).next_task
        kept += 1
    if last == NULL:
        self.first = NULL
    else:
        (<FutureState>last).next_task = NULL
    self.last, self.length = last, kept
    hs_mutex_unlock(&self.guard)
    return rest


cdef bint withdraw(WorkQueue self, FutureState state) noexcept:
    """Remove a task from the queue, at any position; whether it was there."""
    cdef void *before = NULL
    cdef void *here
    cdef bint found
    hs_mutex_lock(&self.guard)
    here = self.first
    while here != NULL and here != <void *>state:
        before, here = here, (<FutureState>here).next_task
    found = here != NULL
    if found:
        if before == NULL:
            self.first = state.next_task
        else:
            (<FutureState>before).next_task = state.next_task
        if self.last == here:
            self.last = before
        self.length -= 1
    hs_mutex_unlock(&self.guard)
    if found:
        future_of(state)
        state.forget_call()
        Py_DECREF(state)
    return found


# ---- workers ---------------------------------------------------------------------------------------

cdef FutureState take(WorkQueue self, worker *me, int64_t deadline, hs_wakes *due):
    """Block until there is a task; None if the worker has to end, or after the deadline."""
    cdef FutureState state
    hs_mutex_lock(&self.guard)
    while self.first == NULL:
        if is_over(self, me) or hs_expired(deadline):
            hs_mutex_unlock(&self.guard)
            wake(due)
            return None
        if not me.idle:
            me.idle = True
            self.idle += 1
        park(&self.asleep, &self.guard, deadline, due)
        hs_mutex_lock(&self.guard)
    if me.idle:
        me.idle = False
        self.idle -= 1
    state = pop(self)
    me.task, me.future = <void *>state, state.queued
    if self.first != NULL:
        unpark_any(&self.asleep, &self.guard)
    else:
        hs_mutex_unlock(&self.guard)
    wake(due)
    return state


cdef void count_idle(WorkQueue self, int change) noexcept:
    hs_mutex_lock(&self.guard)
    self.idle += change
    hs_mutex_unlock(&self.guard)


cdef bint is_over(WorkQueue self, worker *me) noexcept:
    return self.closed or self.abandoned or exiting or self.broken is not None or me.forks != fork_count()


cdef worker *enter(WorkQueue self, reference) except NULL:
    """Register the calling thread as a worker; reference: the one of reserve(), if it was reserved."""
    cdef worker *me = <worker *>calloc(1, sizeof(worker))
    cdef bint reserved
    if me == NULL:
        raise MemoryError("no memory for a worker")
    reserved = self.reserved.pop(id(reference), False)
    me.ident, me.forks = PyThread_get_thread_ident(), fork_count()
    me.idle = True
    hs_mutex_lock(&self.guard)
    if not reserved:
        self.started += 1
        self.idle += 1
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
