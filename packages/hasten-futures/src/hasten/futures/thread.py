"""ThreadPoolExecutor: calls are made by a pool of threads."""

import itertools
import os
import weakref
from concurrent.futures import TimeoutError
from concurrent.futures import thread as _stdlib
from time import monotonic

from hasten import threading
from hasten.futures import _thread_pool, _work_queue
from hasten.futures._cpus import default_workers
from hasten.futures._executor import Executor
from hasten.threading._methods import own_methods

BrokenThreadPool = _stdlib.BrokenThreadPool

# Thread -> the queue of its pool.  The end of the program lets these finish, and waits for them.
_threads_queues = weakref.WeakKeyDictionary()


def _python_exit():
    """At the end of the program: pools take no more calls, and what is queued is run."""
    _work_queue.set_exiting()
    items = list(_threads_queues.items())
    for _, queue in items:
        queue.put(None)
    for thread, _ in items:
        thread.join()


def _after_fork_in_child():
    _threads_queues.clear()
    for queue in list(_work_queue.all_queues):
        queue._after_fork()
        executor = queue._owner()
        if executor is not None:
            executor._after_fork()


threading._register_atexit(_python_exit)
os.register_at_fork(after_in_child=_after_fork_in_child)


def _as_tuple(fn, args, kwargs):
    return fn, args, kwargs


class WorkerContext:
    """What surrounds the calls of one worker.  A subclass may make calls elsewhere.

    prepare() is called once a pool; a context is made for each worker, in the thread that submits.  Then, in
    the worker: initialize(), run() for each task, finalize() at the end.
    """

    def __init__(self, initializer, initargs):
        self.initializer = initializer
        self.initargs = initargs

    @classmethod
    def prepare(cls, initializer, initargs):
        """Two functions: one makes a context; one makes a task of (fn, args, kwargs), in submit()."""
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, not {type(initializer).__name__}")

        def make_context():
            return cls(initializer, initargs)

        return make_context, _as_tuple

    def initialize(self):
        """Called in the worker before the first task.  What it raises breaks the pool."""
        if self.initializer is not None:
            self.initializer(*self.initargs)

    def run(self, task):
        """Make the call; what it returns or raises is the outcome of the future."""
        fn, args, kwargs = task
        return fn(*args, **kwargs)

    def finalize(self):
        """Called in the worker after the last task."""


_plain_run = WorkerContext.run


class ThreadPoolExecutor(_thread_pool.ThreadPool, Executor, _stdlib.ThreadPoolExecutor):
    """An executor that lets a pool of threads make calls.

    max_workers: how many threads there are at most, at least 1; None for 4 more than there are CPUs for
        this process (by affinity and cgroup quota), 32 at most.  A thread is started when a call
        is submitted and none is idle.
    thread_name_prefix: the threads are named PREFIX_0, PREFIX_1, ...; by default "ThreadPoolExecutor-N".
    initializer: called as initializer(*initargs) in each new thread.  If it raises, the pool is broken: what
        is queued, and every later submit(), raises BrokenThreadPool with that exception as its cause.
    ctxkwargs: further arguments of prepare_context(), for subclasses.

    The end of the program waits until all that is queued was run.  So does leaving a `with` block.  If
    the executor is dropped without shutdown(), its threads finish what is queued and end.
    """

    __module__ = "hasten.futures"

    BROKEN = BrokenThreadPool

    _counter = itertools.count().__next__

    @classmethod
    def prepare_context(cls, initializer, initargs):
        """WorkerContext.prepare() of the class of contexts that the pool is to use."""
        return WorkerContext.prepare(initializer, initargs)

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **ctxkwargs):
        if max_workers is None:
            max_workers = default_workers()
        if max_workers <= 0:
            raise ValueError(f"max_workers must be greater than 0, not {max_workers!r}")
        self._create_worker_context, resolve = type(self).prepare_context(initializer, initargs, **ctxkwargs)
        self._resolve_work_item_task = resolve
        self._initializer, self._initargs = initializer, initargs
        self._threads = set()
        self._shutdown_lock = threading.RLock()
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        plainly = resolve is _as_tuple and self._runs_plainly()
        self._open(max_workers, self.BROKEN, None if plainly else resolve)

    def _runs_plainly(self):
        """Whether a call is just made: prepare_context() was not overridden, and so nor was run()."""
        return (
            type(self).prepare_context.__func__ is ThreadPoolExecutor.prepare_context.__func__
            and WorkerContext.run is _plain_run
        )

    def _adjust_thread_count(self):
        """Start a worker if more calls wait than there are idle workers, and one more is allowed."""
        queue = self._work_queue
        if not queue._reserve(self._max_workers):
            return
        with self._shutdown_lock:  # a worker is in _threads before it can ask who is to be joined
            try:
                thread = threading.Thread(
                    name=f"{self._thread_name_prefix or self}_{len(self._threads)}",
                    target=_thread_pool.work,
                    args=(queue, self._create_worker_context()),
                )
                thread.start()
            except BaseException:
                queue._not_started()
                raise
            self._threads.add(thread)
            _threads_queues[thread] = queue

    def _after_fork(self):
        """In the child: of the threads, only the calling one can be there."""
        self._shutdown_lock = threading.RLock()
        self._threads.intersection_update([threading.current_thread()])

    def _workers(self):
        with self._shutdown_lock:
            return list(self._threads)

    def shutdown(self, wait=True, *, cancel_futures=False, timeout=None):
        """Take no more calls.  May be called again.

        wait: True waits until all calls have been made and the threads have ended; RuntimeError in one of
            these threads.
        cancel_futures: True cancels the calls that have not begun, and that no worker is free for.
        timeout: seconds to wait at most, any real number; None waits for ever.  When it is over,
            TimeoutError; and the end of the program waits no longer for the threads that still run: it ends
            them where they are.
        """
        until = None if timeout is None else monotonic() + _thread_pool.seconds_of(timeout)
        queue = self._work_queue
        queue._close()
        if cancel_futures:
            queue._cancel_all()
        if wait and timeout is None:
            for thread in self._workers():
                thread.join()
        elif wait:
            self._join_until(until, timeout)

    def _join_until(self, until, timeout):
        for thread in self._workers():
            thread.join(max(0, until - monotonic()))
        running = [thread for thread in self._threads if thread.is_alive()]
        for thread in running:
            _threads_queues.pop(thread, None)
            thread._os_thread_handle._set_daemon()
        if running:
            raise TimeoutError(
                f"{len(running)} of {len(self._threads)} threads still run {timeout} seconds after "
                f"shutdown(), with {self._work_queue.qsize()} calls queued; shutdown() again waits for them, "
                "the end of the program does not"
            )


own_methods(ThreadPoolExecutor, _thread_pool.ThreadPool)
