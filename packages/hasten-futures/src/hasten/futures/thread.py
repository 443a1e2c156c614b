"""ThreadPoolExecutor: calls are made by a pool of threads.

Tasks go through a compiled queue.  If a program replaces it (`_work_queue`), the executor puts work items
into the program's queue, and workers get() them from there.
"""

import itertools
import os
import queue  # noqa: F401 (part of the module, as it is of the standard library's)
import types  # noqa: F401 (the same)
import weakref
from concurrent.futures import TimeoutError
from concurrent.futures import thread as _stdlib
from time import monotonic

try:
    from hasten.futures import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load("_work_queue", "_after_fork", "_attributes", "_thread_pool")

from hasten import threading
from hasten.futures import _after_fork, _attributes, _base, _thread_pool
from hasten.futures import _work_queue as _tasks
from hasten.futures._cpus import default_workers
from hasten.futures._executor import Executor
from hasten.futures._published import publish
from hasten.futures._workers import WorkerContext, _as_tuple, _WorkItem, run_item, serve  # noqa: F401

# nothing public does it: start() fixes `daemon`
from hasten.threading._threads.threading import _leave_at_exit

BrokenThreadPool = _stdlib.BrokenThreadPool

_shutdown = False  # whether the interpreter is exiting
_global_shutdown_lock = threading.Lock()

# Thread -> the queue of its pool.  _python_exit() lets these threads finish, and joins them.
_threads_queues = weakref.WeakKeyDictionary()

_HAS_CONTEXTS = hasattr(_stdlib, "WorkerContext")  # whether this Python gives _worker() a context
_plain_run = WorkerContext.run


def _python_exit():
    """At exit: pools accept no more calls; queued calls are run, and the workers joined."""
    global _shutdown
    with _global_shutdown_lock:
        _shutdown = True
    _tasks.set_exiting()
    items = list(_threads_queues.items())
    for work_queue in {id(q): q for q in (*_tasks.all_queues, *(q for _, q in items))}.values():
        work_queue.put(None)
    for thread, _ in items:
        if thread.ident is not None:  # an interrupt may have left an entry for a thread that was not started
            thread.join()


def _after_fork_in_child():
    global _global_shutdown_lock
    _global_shutdown_lock = threading.Lock()
    _threads_queues.clear()
    for work_queue in list(_tasks.all_queues):
        _after_fork.forget_workers(work_queue)
        executor = work_queue._owner()
        if executor is not None:
            executor._after_fork()


threading._register_atexit(_python_exit)
os.register_at_fork(after_in_child=_after_fork_in_child)


def _take_turns():
    """Does nothing: at its call the interpreter hands the GIL to a waiting thread."""


def _work(executor_reference, ctx, work_queue):
    """The main function of a worker thread."""
    if type(work_queue) is _tasks.WorkQueue:
        _thread_pool.work(work_queue, ctx, executor_reference, _take_turns, run_item)
    else:
        serve(executor_reference, ctx, work_queue, _is_exiting)


def _is_exiting():
    return _shutdown


if _HAS_CONTEXTS:

    def _worker(executor_reference, ctx, work_queue):
        """What a worker thread does: run what is in the queue until the executor needs it no more.

        executor_reference: a weak reference; ctx: a WorkerContext; work_queue: that of the executor.
        """
        _work(executor_reference, ctx, work_queue)

else:

    def _worker(executor_reference, work_queue, initializer, initargs):
        """What a worker thread does: run what is in the queue until the executor needs it no more.

        executor_reference: a weak reference; work_queue: that of the executor; initializer, initargs: what is
        called first, unless it is None.
        """
        _work(executor_reference, WorkerContext(initializer, initargs), work_queue)


class ThreadPoolExecutor(Executor, _stdlib.ThreadPoolExecutor):
    """An executor that lets a pool of threads make calls.

    max_workers: the largest number of threads, at least 1; None for the number of CPUs that this process may
        use (by affinity and cgroup quota) plus 4, at most 32.  A thread is started when a call is submitted
        and none is idle.
    thread_name_prefix: the threads are named PREFIX_0, PREFIX_1, ...; by default "ThreadPoolExecutor-N".
    initializer: called as initializer(*initargs) in each new thread.  If it raises, the pool is broken:
        queued calls, and every later submit(), raise BrokenThreadPool with that exception as its cause.
    ctxkwargs: further arguments of prepare_context(), for subclasses.

    At exit the program waits until all queued calls are done, and so does leaving a `with` block.  If the
    executor is dropped without shutdown(), its threads finish the queued calls and end.
    """

    __module__ = "hasten.futures"

    BROKEN = BrokenThreadPool

    _counter = itertools.count().__next__

    @classmethod
    def prepare_context(cls, initializer, initargs):
        """WorkerContext.prepare() of the pool's context class; for subclasses to override."""
        return WorkerContext.prepare(initializer, initargs)

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **ctxkwargs):
        """See the class."""
        if max_workers is None:
            max_workers = default_workers()
        if max_workers <= 0:
            raise ValueError(f"max_workers must be greater than 0, not {max_workers!r}")
        make_context, resolve = type(self).prepare_context(initializer, initargs, **ctxkwargs)
        if _HAS_CONTEXTS:
            self._create_worker_context, self._resolve_work_item_task = make_context, resolve
        else:
            self._make_context = make_context
        self._initializer, self._initargs = initializer, initargs
        self._threads = set()
        self._shutdown_lock = threading.RLock()
        self._thread_name_prefix = thread_name_prefix or f"ThreadPoolExecutor-{self._counter()}"
        plainly = resolve is _as_tuple and self._runs_plainly()
        work_queue = _tasks.WorkQueue(self, self.BROKEN, None if plainly else resolve)
        work_queue._serve(self, max_workers, type(self)._adjust_thread_count is not _plain_adjust)

    def _runs_plainly(self):
        """Whether calls need no context: neither prepare_context() nor WorkerContext.run() is replaced."""
        return (
            type(self).prepare_context.__func__ is _plain_prepare_context and WorkerContext.run is _plain_run
        )

    # Attributes that programs use; their values are in the queue, the executor's compiled state.
    _work_queue = property(_attributes.get_queue, _attributes.set_queue)
    _max_workers = property(_attributes.get_max_workers, _attributes.set_max_workers)
    _shutdown = property(_attributes.is_closed, _attributes.set_closed)
    _broken = property(_attributes.get_breakage, _attributes.set_breakage)
    _idle_semaphore = property(_attributes.get_idle_workers, _attributes.set_idle_workers)

    def submit(self, fn, /, *args, **kwargs):
        """Let a worker call fn(*args, **kwargs).  Returns the Future of that call.

        Does not block.  Thread-safe; may be called in callbacks, signal handlers and tasks.  A task that
        waits for another one of its own pool may deadlock, if all workers do the same.  RuntimeError after
        shutdown(), while the interpreter exits, or if no worker can be started; BrokenThreadPool if an
        initializer has failed.
        """
        return _submit(self, fn, args, kwargs)

    def _submit_to(self, work_queue, fn, args, kwargs):
        """submit() by a work item: for a program's own queue, whose put() may block, or for ours if a program
        has replaced _WorkItem.
        """
        with self._shutdown_lock:
            _tasks.refuse_if_over(self)
            future = _base.Future()
            resolve = getattr(self, "_resolve_work_item_task", _as_tuple)
            item = _tasks.make_work_item(future, resolve(fn, args, kwargs))
            if type(work_queue) is _tasks.WorkQueue:
                _tasks.put_call(work_queue, item)
            else:
                work_queue.put(item)
            self._adjust_thread_count()
            return future

    def _adjust_thread_count(self):
        """Start a worker if more calls wait than there are idle workers, and one more is allowed."""
        idle = self._idle_semaphore
        if type(idle) is _tasks.IdleWorkers:
            _thread_pool.add_worker(self)
        elif not idle.acquire(timeout=0) and len(self._threads) < self._max_workers:
            self._start_worker(weakref.ref(self, _wake_up_call(self._work_queue)))

    def _start_worker(self, reference):
        """Start a worker.  reference: the weak reference to this executor that identifies the worker."""
        work_queue = self._work_queue
        if _HAS_CONTEXTS:
            target, args = _worker, (reference, self._create_worker_context(), work_queue)
        elif self._runs_plainly():
            target, args = _worker, (reference, work_queue, self._initializer, self._initargs)
        else:
            target, args = _work, (reference, self._make_context(), work_queue)
        with self._shutdown_lock:  # a worker is in _threads before it can call shutdown()
            name = f"{self._thread_name_prefix or self}_{len(self._threads)}"
            thread = threading.Thread(name=name, target=target, args=args)
            try:
                self._threads.add(thread)
                _threads_queues[thread] = work_queue
                thread.start()
            except BaseException:
                if thread not in threading._limbo and thread.ident is None:  # it will not run
                    self._threads.discard(thread)
                    _threads_queues.pop(thread, None)
                raise

    def _initializer_failed(self):
        """Called in a worker whose initializer has raised: refuse new calls, and fail the queued ones."""
        work_queue = self._work_queue
        with self._shutdown_lock:
            self._broken = _thread_pool.INITIALIZER_FAILED
            if type(work_queue) is not _tasks.WorkQueue:
                _thread_pool.fail_items(work_queue, self.BROKEN, self._broken)

    def _after_fork(self):
        """In a forked child: only the calling thread exists."""
        self._shutdown_lock = threading.RLock()
        self._threads.intersection_update([threading.current_thread()])

    def _workers(self):
        """The threads to be joined, without any that was never started because of an interrupt."""
        with self._shutdown_lock:
            threads = list(self._threads)
        # Outside the `with`: if a tracer raises in a comprehension, 3.12 and 3.13 skip __exit__()
        return [thread for thread in threads if thread.ident is not None]

    def shutdown(self, wait=True, *, cancel_futures=False, timeout=None):
        """Accept no more calls.  May be called again.

        wait: true blocks until all calls are done and the threads have ended; RuntimeError in one of these
            threads.
        cancel_futures: true cancels the calls that have not begun and that no worker is free to take.
        timeout: seconds, any real number, after which the wait ends with TimeoutError; None: no limit.  After
            a TimeoutError, exit does not wait for the threads that still run.
        """
        until = None if timeout is None else monotonic() + _thread_pool.seconds_of(timeout)
        _attributes.close(self)
        self._end_queues(cancel_futures)
        if wait and timeout is None:
            for thread in self._workers():
                thread.join()
        elif wait:
            self._join_until(until, timeout)

    def _end_queues(self, cancel_futures):
        """Cancel queued calls if *cancel_futures*, and wake workers that wait in a program's queue."""
        own, work_queue = _attributes.get_own_queue(self), self._work_queue
        if cancel_futures:
            own._cancel_all()
        if work_queue is own:
            return
        with self._shutdown_lock:
            try:
                if cancel_futures:
                    _thread_pool.cancel_items(work_queue)
            finally:
                work_queue.put(None)

    def _join_until(self, until, timeout):
        for thread in self._workers():
            thread.join(max(0, until - monotonic()))
        running = [thread for thread in self._workers() if thread.is_alive()]
        for thread in running:
            _threads_queues.pop(thread, None)
            _leave_at_exit(thread)
        if running:
            raise TimeoutError(
                f"{len(running)} of {len(self._threads)} threads still run {timeout} seconds after "
                f"shutdown(), with {self._work_queue.qsize()} calls queued; shutdown() again waits for them, "
                "the end of the program does not"
            )


_attributes.show(ThreadPoolExecutor)
publish(*vars(ThreadPoolExecutor).values())
publish(*vars(WorkerContext).values(), module=__name__)
_tasks.watch_items(globals(), _HAS_CONTEXTS)


_submit = _thread_pool.submit
_plain_adjust = ThreadPoolExecutor._adjust_thread_count
_plain_prepare_context = ThreadPoolExecutor.prepare_context.__func__


def _wake_up_call(work_queue):
    return lambda _: work_queue.put(None)
