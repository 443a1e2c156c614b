"""ThreadPoolExecutor: calls are made by a pool of threads.

Tasks go through a compiled queue.  Programs may put another queue in its place (`_work_queue`): from then on
the executor takes the general way, work items in that queue's put() and get().
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

_shutdown = False  # the interpreter is about to end
_global_shutdown_lock = threading.Lock()

# Thread -> the queue of its pool.  The end of the program lets these finish, and waits for them.
_threads_queues = weakref.WeakKeyDictionary()

_HAS_CONTEXTS = hasattr(_stdlib, "WorkerContext")  # whether this Python gives _worker() a context
_plain_run = WorkerContext.run


def _python_exit():
    """At the end of the program: pools take no more calls, and what is queued is run."""
    global _shutdown
    with _global_shutdown_lock:
        _shutdown = True
    _tasks.set_exiting()
    items = list(_threads_queues.items())
    for work_queue in {id(q): q for q in (*_tasks.all_queues, *(q for _, q in items))}.values():
        work_queue.put(None)
    for thread, _ in items:
        if thread.ident is not None:  # an interrupt may have left one behind that was not started
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
    """Nothing: the interpreter looks at the start of it whether another thread is to run."""


def _work(executor_reference, ctx, work_queue):
    """What a worker thread does."""
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
        """Whether a call is just made: prepare_context() was not overridden, and so nor was run()."""
        return (
            type(self).prepare_context.__func__ is _plain_prepare_context and WorkerContext.run is _plain_run
        )

    # What programs read and set; the values are in the queue, the executor's compiled part.
    _work_queue = property(_attributes.get_queue, _attributes.set_queue)
    _max_workers = property(_attributes.get_max_workers, _attributes.set_max_workers)
    _shutdown = property(_attributes.is_closed, _attributes.set_closed)
    _broken = property(_attributes.get_breakage, _attributes.set_breakage)
    _idle_semaphore = property(_attributes.get_idle_workers, _attributes.set_idle_workers)

    def submit(self, fn, /, *args, **kwargs):
        """Let a worker call fn(*args, **kwargs).  Returns the Future of that call.

        Does not block.  Thread-safety: any thread may submit, callbacks, signal handlers and tasks included;
        a task that waits for another one of its own pool may wait for ever, if all workers do the same.
        RuntimeError after shutdown(), after the interpreter has begun to end, or if no worker can be started;
        BrokenThreadPool if an initializer has failed.
        """
        return _submit(self, fn, args, kwargs)

    def _submit_to(self, work_queue, fn, args, kwargs):
        """submit() of a work item, to a queue that a program has put in place of ours, whose put() may block,
        or to ours where a program has replaced what items are.
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
        """Start a worker, which is given the weak reference *reference* to this executor."""
        work_queue = self._work_queue
        if _HAS_CONTEXTS:
            target, args = _worker, (reference, self._create_worker_context(), work_queue)
        elif self._runs_plainly():
            target, args = _worker, (reference, work_queue, self._initializer, self._initargs)
        else:
            target, args = _work, (reference, self._make_context(), work_queue)
        with self._shutdown_lock:  # a worker is in _threads before it can ask who is to be joined
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
        """Called in a worker whose initializer has raised: refuse calls, and fail those that are queued."""
        work_queue = self._work_queue
        with self._shutdown_lock:
            self._broken = _thread_pool.INITIALIZER_FAILED
            if type(work_queue) is not _tasks.WorkQueue:
                _thread_pool.fail_items(work_queue, self.BROKEN, self._broken)

    def _after_fork(self):
        """In the child: of the threads, only the calling one can be there."""
        self._shutdown_lock = threading.RLock()
        self._threads.intersection_update([threading.current_thread()])

    def _workers(self):
        """The threads to be joined; one that could not be started was left behind by an interrupt."""
        with self._shutdown_lock:
            threads = list(self._threads)
        # A comprehension inside of the `with` is left without __exit__() if a tracer raises (3.12, 3.13).
        return [thread for thread in threads if thread.ident is not None]

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
        _attributes.close(self)
        self._end_queues(cancel_futures)
        if wait and timeout is None:
            for thread in self._workers():
                thread.join()
        elif wait:
            self._join_until(until, timeout)

    def _end_queues(self, cancel_futures):
        """Cancel what waits, if that is wanted, and tell workers that wait in a program's queue."""
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
