"""WorkerContext, and the worker loop for a queue that a program has put in place of the pool's own."""

import types
from concurrent.futures import thread as _stdlib
from queue import Empty

from hasten.futures import _work_queue
from hasten.futures._base import LOGGER


def _as_tuple(fn, args, kwargs):
    return fn, args, kwargs


class WorkerContext:
    """The environment of one worker's calls.  A subclass may run calls elsewhere.

    prepare() is called once per pool; a context is made for each worker, in the thread that submits.  The
    worker then calls initialize(), run() for each task, and finalize() at the end.
    """

    __module__ = "hasten.futures.thread"

    def __init__(self, initializer, initargs):
        self.initializer = initializer
        self.initargs = initargs

    @classmethod
    def prepare(cls, initializer, initargs):
        """Two functions: one makes a context; the other, called in submit(), a task from (fn, args,
        kwargs)."""
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, not {type(initializer).__name__}")

        def make_context():
            return cls(initializer, initargs)

        return make_context, _as_tuple

    def initialize(self):
        """Called in the worker before the first task.  An exception breaks the pool."""
        if self.initializer is not None:
            self.initializer(*self.initargs)

    def run(self, task):
        """Make the call; its result or exception is the future's."""
        fn, args, kwargs = task
        return fn(*args, **kwargs)

    def finalize(self):
        """Called in the worker after the last task."""


def make_call(future, call, argument):
    """Set the outcome of call(argument) in *future*, unless that was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = call(argument)
    except BaseException as error:
        future.set_exception(error)
        del future  # the traceback refers to this frame: a cycle
    else:
        future.set_result(value)


_plain_call = WorkerContext(None, ()).run

if hasattr(_stdlib, "WorkerContext"):

    class _WorkItem:
        """A call that waits in the queue of a pool: its future, and the task that a WorkerContext runs."""

        __module__ = "hasten.futures.thread"

        def __init__(self, future, task):
            self.future, self.task = future, task

        def run(self, ctx):
            """Make the call, in the thread that calls this; its outcome is the future's."""
            make_call(self.future, ctx.run, self.task)

        __class_getitem__: object = classmethod(types.GenericAlias)

    def make_item(item_class, future, task):
        return item_class(future, task)

    def run_item(item, context):
        item.run(context)

else:

    class _WorkItem:
        """A call that waits in the queue of a pool: its future, the function and its arguments."""

        __module__ = "hasten.futures.thread"

        def __init__(self, future, fn, args, kwargs):
            self.future = future
            self.fn, self.args, self.kwargs = fn, args, kwargs

        def run(self):
            """Make the call, in the thread that calls this; its outcome is the future's."""
            make_call(self.future, _plain_call, (self.fn, self.args, self.kwargs))

        __class_getitem__: object = classmethod(types.GenericAlias)

    def make_item(item_class, future, task):
        return item_class(future, *task)

    def run_item(item, context):
        item.run()


_work_queue.set_item_maker(make_item)


def serve(executor_reference, context, work_queue, is_exiting):
    """The loop of a worker whose tasks come from a program's queue."""
    if not begin(executor_reference, context):
        return
    try:
        while serve_next(executor_reference, context, work_queue, is_exiting):
            continue
    except BaseException:
        LOGGER.critical("Exception in worker", exc_info=True)
    finally:
        context.finalize()


def begin(executor_reference, context):
    try:
        context.initialize()
        return True
    except BaseException:
        LOGGER.critical("Exception in initializer:", exc_info=True)
    executor = executor_reference()
    if executor is not None:
        executor._initializer_failed()
    return False


def serve_next(executor_reference, context, work_queue, is_exiting):
    """Take the next item and run it; False if the worker has to end.  Blocks."""
    try:
        item = work_queue.get_nowait()
    except Empty:
        tell_idle(executor_reference())
        item = work_queue.get(block=True)
    if item is not None:
        run_item(item, context)
        return True
    executor = executor_reference()
    if executor is not None and not executor._shutdown and not is_exiting():
        return True
    if executor is not None:
        executor._shutdown = True
    work_queue.put(None)  # for the next worker
    return False


def tell_idle(executor):
    if executor is not None:
        executor._idle_semaphore.release()
