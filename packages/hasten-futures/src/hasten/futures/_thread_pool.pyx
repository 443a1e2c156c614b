# cython: freethreading_compatible=True
"""submit() of a ThreadPoolExecutor, and the loop of its workers.

A worker whose tasks are C functions runs no Python code, in which the interpreter would hand the GIL to
waiting threads.  So before a task, if LOOK_EVERY has passed, it calls an empty Python function: there the
interpreter hands the GIL over if another thread has requested it.  Not after a task: a thread that sees the
future done may rely on the worker being idle.  (Releasing the GIL without a request does not help: the
worker takes it back at once, and the waiting thread's timer starts again.  Observed: starvation for
minutes.)

Threads that wait for a result are woken after the worker has released the GIL to sleep, or before its next
task.
"""

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from clock cimport HS_NEVER, hs_now
from compat cimport HS_FREE_THREADED
from sleep cimport hs_wakes
from timeout cimport hs_seconds
from hasten.futures._future cimport (
    FINISHED,
    PENDING,
    RUNNING,
    FutureState,
    begin,
    hide_plain,
    invoke_callbacks,
    is_plain,
    new_pooled,
    new_pooled_state,
    settle,
)
from hasten.futures._waiting cimport wake
from hasten.futures._work_queue cimport (WorkQueue, enter, future_of, leave, push, queue_of, take, uses_items,
                                         withdraw, worker)

from concurrent.futures import _base as stdlib
from queue import Empty
from weakref import ref

cdef extern from *:
    object PyObject_Call(PyObject *function, PyObject *args, PyObject *kwargs)

cdef enum:
    LOOK_EVERY = 500000  # ns between two calls of take_turns()

cdef object logger = stdlib.LOGGER

INITIALIZER_FAILED = "A thread initializer failed, the thread pool is not usable anymore"


def seconds_of(timeout):
    """A `timeout` argument, any real number, as a float.  ValueError for NaN."""
    cdef double seconds
    hs_seconds(timeout, &seconds)
    return seconds


# ---- a worker --------------------------------------------------------------------------------------

def work(WorkQueue self, context, reference, take_turns, run_item):
    """The body of a worker thread: make calls until the pool ends.

    reference: this worker's weak reference to the executor.  take_turns: an empty Python function.
    run_item(item, context): makes the call of a work item.
    """
    cdef worker *me = enter(self, reference)
    try:
        if initialize(self, context, reference):
            make_calls(self, context, me, take_turns, run_item)
    except BaseException:
        logger.critical("Exception in worker", exc_info=True)
    finally:
        leave(self, me)
        context.finalize()


cdef bint initialize(WorkQueue self, context, reference) except -1:
    try:
        context.initialize()
        return True
    except BaseException as error:
        logger.critical("Exception in initializer:", exc_info=True)
        self.set_cause(error)
        executor = reference()
        if executor is not None:
            executor._initializer_failed()
        if self.get_broken() is None:
            self._break(INITIALIZER_FAILED, error)
        return False


cdef int make_calls(WorkQueue self, context, worker *me, take_turns, run_item) except -1:
    cdef hs_wakes due
    cdef int64_t next_look = hs_now() + LOOK_EVERY
    cdef FutureState state
    cdef object future
    cdef object raised = None
    due.count = 0
    while raised is None:
        state = None  # drop the last result before sleeping
        future = None
        state = take(self, me, HS_NEVER, &due)
        if state is None:
            return 0
        future = future_of(state)
        if not HS_FREE_THREADED and hs_now() > next_look:
            try:
                take_turns()
            except BaseException as error:  # an asynchronous exception: ends the worker after the call
                raised = error
            next_look = hs_now() + LOOK_EVERY
        try:
            if future is None:
                wake(&due)
                run_item(state.function, context)
            else:
                make_call(self, context, future, state, &due)
        except BaseException:
            logger.critical("Exception in worker", exc_info=True)
        me.task = me.future = NULL
    wake(&due)
    raise raised


cdef int make_call(WorkQueue self, context, future, FutureState state, hs_wakes *due) except -1:
    cdef object value = None, error = None
    cdef object function = state.function
    cdef object args = state.args, kwargs = state.kwargs
    state.function = state.args = state.kwargs = None
    if not may_begin(future, state):
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
    function = args = kwargs = None  # freed before the future is seen as done
    finish(future, state, value, error, due)
    return 0


cdef bint may_begin(future, FutureState state) except -1:
    if state.has_ended():  # cancelled
        return False
    if is_plain(future, state):
        return begin(future, state) == PENDING
    return future.set_running_or_notify_cancel()


cdef int finish(future, FutureState state, value, error, hs_wakes *due) except -1:
    if not is_plain(future, state):
        wake(due)
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
        return 0
    if not settle(future, state, FINISHED, RUNNING, value, error, due):
        raise stdlib.InvalidStateError(f"{future._state}: {future!r}")
    if state.callbacks is not None:
        wake(due)
        invoke_callbacks(future, state)
    return 0


# ---- the executor ----------------------------------------------------------------------------------

@cython.binding(False)  # the public method is a Python function, which calls this one fastest without binding
def submit(executor, fn, tuple args, dict kwargs):
    """ThreadPoolExecutor.submit() with the arguments of the call."""
    cdef WorkQueue queue = queue_of(executor)
    cdef FutureState state
    cdef object future
    if queue.replaced is not None:
        return executor._submit_to(queue.replaced, fn, args, kwargs)
    if uses_items(queue):
        return executor._submit_to(queue, fn, args, kwargs)
    state = new_pooled_state()
    if queue.resolve is None:
        hide_plain(args)
        state.function, state.args = fn, args
        if kwargs:
            state.kwargs = kwargs
    else:
        state.function = queue.resolve(fn, args, kwargs)
    future = new_pooled(state)
    if (push(queue, future, state) and queue.started < queue.max_workers) or queue.adjusts:
        adjust(executor, queue, future, state)
    return future


cdef int adjust(executor, WorkQueue queue, future, FutureState state) except -1:
    """Start a worker.  If that fails, the existing workers run the call; if there are none, raise.

    If it is interrupted, submit() returns no future, so the call is withdrawn unless a worker has taken it.
    """
    try:
        executor._adjust_thread_count()
    except Exception as error:
        if queue.started == 0 and withdraw(queue, state):
            leave_nobody_waiting(executor, queue, error)
            raise
        logger.warning("no worker could be started for %r; an earlier one runs it", future, exc_info=True)
    except BaseException as error:
        withdraw(queue, state)
        leave_nobody_waiting(executor, queue, error)
        raise
    return 0


cdef int leave_nobody_waiting(executor, WorkQueue queue, error) except -1:
    """For calls that were submitted meanwhile and rely on a worker that could not be started.

    Try to start another one; if that fails and there is no worker, fail the queued calls.
    """
    if queue.started > 0 or queue.length == 0:
        return 0
    try:
        executor._adjust_thread_count()
    except BaseException:
        if queue.started == 0:
            queue._fail_all(lambda: no_worker(error))
    return 0


cdef object no_worker(cause):
    error = RuntimeError("no thread could be started for this call")
    error.__cause__ = cause
    return error


def add_worker(executor):
    """executor._start_worker(reference), if one more worker is wanted and allowed.

    Compiled, so that no signal handler can run between the reservation and the try.
    """
    cdef WorkQueue queue = queue_of(executor)
    cdef object reference = Reference(executor)
    if not queue.reserve(reference):
        return
    try:
        executor._start_worker(reference)
    except BaseException:
        queue.unreserve(reference)
        raise


class Reference(ref):
    """A weak reference to the executor that identifies one worker.  (weakref.ref() would return one object
    for all workers.)"""

    __slots__ = ()


# ---- a program's own queue ---------------------------------------------------------------------------

# Compiled, so that no signal handler can run between taking an item and settling its future.

def cancel_items(work_queue):
    """Cancel the calls of all items.  The first BaseException of a callback is raised at the end."""
    empty(work_queue, None, None)


def fail_items(work_queue, error_class, words):
    """Fail the calls of all items with error_class(words)."""
    empty(work_queue, error_class, words)


cdef int empty(work_queue, error_class, words) except -1:
    cdef object failure = None
    while True:
        try:
            item = work_queue.get_nowait()
        except Empty:
            break
        if item is None:
            continue
        try:
            if error_class is None:
                item.future.cancel()
            elif not item.future.done():
                item.future.set_exception(error_class(words))
        except BaseException as error:
            if failure is None:
                failure = error
    if failure is not None:
        raise failure
    return 0
