"""ProcessPoolExecutor over the engine of hasten.multiprocessing's pools.

The standard library's implementation, with its thread and queues, is used if a subclass overrides a part of
it (HOOKS), on a system without memfds, and if the children run under another executable.  Then `_engine` is
None.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import TimeoutError
from concurrent.futures import process as _stdlib
from itertools import islice, repeat

from hasten.futures import _mapping
from hasten.futures._executor import Executor
from hasten.futures._process_arguments import (
    check_crash_policy,
    check_retries,
    check_tasks_per_child,
    checked_idling,
    checked_size,
    worker_settings,
)
from hasten.futures._process_engine import BREAK, ExecutorEngine, Wakeup
from hasten.futures._process_facades import CallQueue, IdleWorkers, ResultQueue, WaitingCalls
from hasten.futures._thread_pool import seconds_of
from hasten.multiprocessing import get_context
from hasten.multiprocessing._pool._outcome import run_chunk
from hasten.multiprocessing._transport._standard_way import overrides
from hasten.multiprocessing.context import children_may_lack_hasten

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

BrokenProcessPool = _stdlib.BrokenProcessPool
_TERMINATE, _KILL = "terminate", "kill"
_OPERATIONS = frozenset([_TERMINATE, _KILL])
_StdlibExecutor = _stdlib.ProcessPoolExecutor

# A subclass that overrides one of these uses the standard library's implementation.
HOOKS = frozenset(["_start_executor_manager_thread", "_start_queue_management_thread", "_launch_processes"])


class ProcessPoolExecutor(Executor, _StdlibExecutor):
    """An executor that lets a pool of processes make calls.

    max_workers: the largest number of processes, at least 1; None for the number of CPUs that this process
    may
        use (by affinity and cgroup quota).  With the start method "fork" all are started at the first
        submit(), otherwise one whenever a call is submitted and none is idle.
    mp_context: a context of multiprocessing.get_context(); None for the default one, or for "spawn" if there
        is a max_tasks_per_child.
    initializer: called as initializer(*initargs) in each new process.  If it raises, the pool is broken.
    max_tasks_per_child: the number of calls after which a process is replaced; None: no limit.  ValueError
        with the start method "fork".
    on_crash: the effect of a process that ends during a call (killed, or by os._exit()).  "break", as in the
        standard library: the pool is broken, and all unfinished calls raise BrokenProcessPool.  "fail-task":
        only that call does, and the process is replaced.  "retry": the call is repeated from its beginning;
        it fails when its process was lost max_retries + 1 times.
    max_retries: how often a call is repeated; for "retry" only.
    idle_timeout: seconds after which an idle process ends, while there are more than min_workers; another one
        is started when there are calls for it.  None: processes stay.
    min_workers: from 0 to max_workers; for idle_timeout only.
    max_worker_memory: bytes; a process whose resident memory exceeds it after a call is replaced.  A running
        call is not interrupted.  None: no limit.

    serializer: "cloudpickle" pickles functions and classes that cannot be imported (lambdas, closures, those
    of
        `__main__`) by value, in calls, arguments, results, exceptions and the initializer.  ImportError if
        cloudpickle is not installed.  "pickle": as the standard library.

    Functions, arguments and results are pickled; an error of pickling affects only its own future.

    At exit the program waits until all submitted calls are done, and so does leaving a `with` block.  If the
    executor is dropped without shutdown(), its processes finish the submitted calls and end.
    """

    __module__ = "hasten.futures"

    if TYPE_CHECKING:  # attributes that programs use, which the standard library's stubs type otherwise
        _engine: Any
        _executor_manager_thread: Any
        _executor_manager_thread_wakeup: Any
        _shutdown_lock: Any
        _idle_worker_semaphore: Any
        _work_ids: Any
        _call_queue: Any
        _result_queue: Any

    _engine = None  # None: the standard library's implementation is used

    def __init__(
        self,
        max_workers=None,
        mp_context=None,
        initializer=None,
        initargs=(),
        *,
        max_tasks_per_child=None,
        on_crash=BREAK,
        max_retries=2,
        min_workers=0,
        idle_timeout=None,
        max_worker_memory=None,
        serializer="pickle",
    ):
        """See the class."""
        self._max_workers = checked_size(max_workers)
        if mp_context is None:
            mp_context = get_context() if max_tasks_per_child is None else get_context("spawn")
        self._mp_context = mp_context
        method = mp_context.get_start_method(allow_none=False)
        self._safe_to_dynamically_spawn_children = method != "fork"
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, not {type(initializer).__name__}")
        self._initializer, self._initargs = initializer, initargs
        check_tasks_per_child(max_tasks_per_child, method)
        self._max_tasks_per_child = max_tasks_per_child
        check_crash_policy(on_crash, max_retries)
        idle_timeout = checked_idling(min_workers, idle_timeout, self._max_workers)
        settings = worker_settings(max_worker_memory, serializer)
        engine = self._make_engine(on_crash, max_retries, min_workers, idle_timeout, settings)
        if engine is None:
            only_ours = {"idle_timeout": idle_timeout, **settings}
            _go_standard_way(self, on_crash, {name for name, value in only_ours.items() if value is not None})
            return
        self._engine = engine
        self._executor_manager_thread = None
        self._executor_manager_thread_wakeup = Wakeup(engine)
        self._shutdown_thread = False
        self._shutdown_lock = threading.RLock()
        self._broken = False
        self._cancel_pending_futures = False
        self._force_shutting_down = False
        self._pending_work_items = engine.calls.pending
        self._idle_worker_semaphore = IdleWorkers(engine.calls)
        self._work_ids = WaitingCalls(engine.calls)
        self._call_queue = CallQueue(engine)
        self._result_queue = ResultQueue(engine)

    def _make_engine(self, *options):
        if overrides(type(self), (ProcessPoolExecutor,), HOOKS) or children_may_lack_hasten(self._mp_context):
            return None
        try:
            return ExecutorEngine(self, self._max_workers, *options)
        except (OSError, AttributeError):  # no memfds on this system
            return None

    # ---- what programs read ----

    @property
    def _processes(self):
        """The worker processes by their IDs; None after shutdown()."""
        own = self.__dict__
        if self._engine is None or "_processes" in own:
            return own.get("_processes")
        return self._engine.pool.by_pid

    @_processes.setter
    def _processes(self, processes):
        self.__dict__["_processes"] = processes

    @property
    def _queue_count(self):
        """The number of submitted calls."""
        return self.__dict__["_queue_count"] if self._engine is None else self._engine.calls.last

    @_queue_count.setter
    def _queue_count(self, count):
        self.__dict__["_queue_count"] = count

    # ---- workers ----

    def _start_executor_manager_thread(self):
        """Start the threads of the executor, and, with "fork", its processes, if they were not started."""
        if self._engine is None:
            _StdlibExecutor._start_executor_manager_thread(self)
        elif self._executor_manager_thread is None:
            if not self._safe_to_dynamically_spawn_children:
                self._launch_processes()
            engine = self._engine
            try:
                self._executor_manager_thread = engine.receiver
                _stdlib._threads_wakeups[engine.receiver] = self._executor_manager_thread_wakeup
                engine.start_threads()
            finally:
                if engine.receiver.ident is None:
                    _stdlib._threads_wakeups.pop(engine.receiver, None)
                    self._executor_manager_thread = None

    def _adjust_process_count(self):
        """Start a process if none is idle and one more is allowed."""
        engine = self._engine
        if engine is None:
            _StdlibExecutor._adjust_process_count(self)
        elif len(engine.pool) < self._max_workers and not self._force_shutting_down:
            waiting = len(engine.calls.pending) - 1
            staying = len(engine.pool) - len(engine.leaving)
            if staying <= waiting or not self._idle_worker_semaphore.acquire(blocking=False):
                self._spawn_process()

    def _launch_processes(self):
        """Start all processes."""
        if self._engine is None:
            _StdlibExecutor._launch_processes(self)
            return
        while len(self._engine.pool) < self._max_workers:
            self._spawn_process()

    def _spawn_process(self):
        """Start a process."""
        engine = self._engine
        if engine is None:
            _StdlibExecutor._spawn_process(self)
            return
        engine.start_worker(self._mp_context, self._initializer, self._initargs, self._max_tasks_per_child)

    # ---- calls ----

    def submit(self, fn, /, *args, **kwargs):
        """Let a process call fn(*args, **kwargs).  Returns the Future of that call.

        Does not block, except to start a process.  Thread-safe; may be called in callbacks and signal
        handlers. The arguments are pickled now, or later if there is no room for the call: do not modify an
        array until its call has ended.  RuntimeError after shutdown(), while the interpreter exits, and in a
        forked child; BrokenProcessPool after a crash (see the class).
        """
        return self._submit(fn, args, kwargs, None)

    def options(self, *, timeout=None, retries=None):
        """This executor with options for single calls: executor.options(timeout=2.0).submit(fn, ...).

        timeout: seconds from the beginning of a call in a process; after that the process is killed, and the
            future raises TimeoutError.  Other calls are not affected.
        retries: how often the call is repeated if its process is lost, regardless of `on_crash`; then only
            this call fails, with BrokenProcessPool.  A call that has timed out is not repeated.
        """
        if self._engine is None:
            raise TypeError("options() needs an executor with its own queues")
        return WithOptions(self, timeout, retries)

    def _submit(self, fn, args, kwargs, options):
        engine = self._engine
        if engine is None:
            return _StdlibExecutor.submit(self, fn, *args, **kwargs)
        calls = engine.calls
        with self._shutdown_lock:
            self._refuse_if_over()
            future = calls.add(fn, args, kwargs, options)
            try:
                if engine.leaving:
                    engine.keep_workers()
                if self._safe_to_dynamically_spawn_children:
                    self._adjust_process_count()
                self._start_executor_manager_thread()
            except BaseException:
                calls.withdraw(future)
                raise
        if len(calls.pending) > 1:
            calls.recall()
        calls.send()
        if options is not None and options.timeout is not None:
            engine.time(future, options.timeout)
        if engine.lacks_workers():
            engine._wake()
        if engine.end is not None:
            engine.fail_late()
        return future

    def _refuse_if_over(self):
        if self._broken:
            raise BrokenProcessPool(self._broken)
        if self._shutdown_thread:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _stdlib._global_shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        if os.getpid() != self._engine.pid:
            raise RuntimeError(
                f"this executor belongs to process {self._engine.pid}: a process that was forked from it "
                "needs one of its own"
            )

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None, progress=None):
        """Run fn with the items of the iterables, as map() does; returns an iterator of the results in order.

        chunksize: how many items are sent to a process at a time, at least 1.  buffersize: how many of these
        chunks may be submitted whose results have not been taken; None: no limit.  timeout, progress, and the
        iterator's behaviour: see Executor.map().
        """
        if chunksize < 1:
            raise ValueError(f"chunksize must be >= 1, not {chunksize!r}")
        if chunksize == 1:
            return Executor.map(
                self, fn, *iterables, timeout=timeout, buffersize=buffersize, progress=progress
            )
        chunks = _mapping.start(
            self,
            run_chunk,
            (repeat(fn), _chunks(zip(*iterables), chunksize)),
            timeout,
            buffersize,
            progress or None,
            iterables,
        )
        return _items_of(chunks)

    # ---- the end ----

    def shutdown(self, wait=True, *, cancel_futures=False, timeout=None):
        """Accept no more calls.  May be called again.

        wait: true blocks until all calls are done and the processes have ended.
        cancel_futures: true cancels the calls that no process has taken, or is free to take.
        timeout: seconds after which the wait ends with TimeoutError; None: no limit.  Another shutdown(), and
            the end of the program, wait for the rest.
        """
        engine = self._engine
        if engine is None:
            _StdlibExecutor.shutdown(self, wait, cancel_futures=cancel_futures)
            return
        with self._shutdown_lock:
            self._cancel_pending_futures = cancel_futures
            self._shutdown_thread = True
        if os.getpid() == engine.pid:
            if cancel_futures:
                engine.cancel_all()
            engine.close()
            if wait:
                engine.join(timeout)
                if timeout is not None and engine.receiver.is_alive():
                    raise TimeoutError(
                        f"{len(engine.pending)} calls have not ended {timeout} seconds after shutdown()"
                    )
        self._executor_manager_thread = self._executor_manager_thread_wakeup = None
        self._call_queue = self._result_queue = None
        self._processes = None

    def _force_shutdown(self, operation):
        """Send the processes a signal; operation: "terminate" or "kill"."""
        if operation not in _OPERATIONS:
            raise ValueError(f"Unsupported operation: {operation!r}; it is 'terminate' or 'kill'")
        engine = self._engine
        with self._shutdown_lock if engine is None else engine.starting:
            self._force_shutting_down = True
            if engine is not None:
                engine.forced = True
            processes = dict(self._processes or {})
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes.values():
            try:
                if process.is_alive():
                    getattr(process, operation)()
            except (ValueError, ProcessLookupError):  # closed by the program; ended just now
                pass

    def terminate_workers(self):
        """Accept no more calls, cancel those that no process has taken, and send the processes SIGTERM.

        Running calls raise BrokenProcessPool.  Does not wait for the processes.
        """
        return self._force_shutdown(operation=_TERMINATE)

    def kill_workers(self):
        """terminate_workers() with SIGKILL."""
        return self._force_shutdown(operation=_KILL)


class WithOptions:
    """An executor with options for the calls that are submitted by it; see ProcessPoolExecutor.options()."""

    def __init__(self, executor, timeout, retries):
        if timeout is not None:
            timeout = seconds_of(timeout)
            if timeout <= 0:
                raise ValueError(f"timeout must be greater than 0, not {timeout!r}")
        if retries is not None:
            check_retries("retries", retries)
        self._executor = executor
        self.timeout, self.retries = timeout, retries

    def submit(self, fn, /, *args, **kwargs):
        """Let a process call fn(*args, **kwargs), with these options.  Returns the Future of that call."""
        return self._executor._submit(fn, args, kwargs, self)


def _go_standard_way(executor, on_crash, only_ours):
    if on_crash != BREAK:
        only_ours.add(f"on_crash={on_crash!r}")
    if only_ours:
        raise ValueError(f"{' and '.join(sorted(only_ours))} needs an executor with its own queues")
    extra = executor._max_tasks_per_child
    options = {} if extra is None else {"max_tasks_per_child": extra}
    _StdlibExecutor.__init__(
        executor,
        executor._max_workers,
        executor._mp_context,
        executor._initializer,
        executor._initargs,
        **options,
    )


def _chunks(items, size):
    """Tuples of *size* items; the last one has the rest."""
    while True:
        chunk = tuple(islice(items, size))
        if not chunk:
            return
        yield chunk


def _items_of(chunks):
    """The items of lists; keeps no reference to an item that was yielded."""
    try:
        for chunk in chunks:
            chunk.reverse()
            while chunk:
                yield chunk.pop()
    finally:
        chunks.close()
