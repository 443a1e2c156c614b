# cython: freethreading_compatible=True
"""ThreadPool: what a ThreadPoolExecutor does with calls, and what its workers do with them.

A worker whose tasks are C functions runs no Python code in which other threads would get their turn, so it
lets go of the GIL now and then, before a task: after one, whoever sees the future done may count on it that
the worker is idle.  Not more often than they ask for it, though.  A thread that waits for the GIL asks when
nobody has let go of it for a switch interval, and only then does letting go last until that thread has it.
One that lets go just before takes it back at once, and the other begins to wait anew: it was seen to wait for
minutes.  So a turn is half as long again as the switch interval.

Those who wait for a result are woken when the worker has let go of the GIL to sleep; if it goes on with
another task, they are woken before that.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from clock cimport hs_now
from compat cimport HS_FREE_THREADED
from sleep cimport hs_wakes
from timeout cimport hs_seconds
from hasten.futures._future cimport FINISHED, PENDING, RUNNING, Future, hide_plain, new_pooled
from hasten.futures._waiting cimport wake
from hasten.futures._work_queue cimport WorkQueue, enter, leave, push, take, withdraw, worker

from concurrent.futures import _base as stdlib
from sys import getswitchinterval

cdef extern from *:
    """
    static inline void let_others_run(void) {
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
    }
    """
    object PyObject_Call(PyObject *function, PyObject *args, PyObject *kwargs)
    void let_others_run() noexcept

cdef object logger = stdlib.LOGGER


def seconds_of(timeout):
    """A `timeout` argument, any real number, as a float.  ValueError for NaN."""
    cdef double seconds
    hs_seconds(timeout, &seconds)
    return seconds


# ---- a worker --------------------------------------------------------------------------------------

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
    cdef int64_t turn_ends = end_of_turn()
    cdef Future future
    due.count = 0
    while True:
        future = None  # nobody holds the last result while the worker sleeps
        future = take(self, me, &due)
        if future is None:
            return 0
        if not HS_FREE_THREADED and hs_now() > turn_ends:
            let_others_run()
            turn_ends = end_of_turn()
        try:
            make_call(self, context, future, &due)
        except BaseException:
            logger.critical("Exception in worker", exc_info=True)
        me.task = NULL


cdef int64_t end_of_turn() except -1:
    """Later than the moment at which a thread that waits for the GIL asks for it: see above."""
    return hs_now() + <int64_t>(1.5e9 * <double>getswitchinterval())


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


# ---- the executor ----------------------------------------------------------------------------------

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
