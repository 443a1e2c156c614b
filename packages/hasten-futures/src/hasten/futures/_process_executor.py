"""ProcessPoolExecutor over the engine of hasten.multiprocessing's pools.

A subclass that overrides a part of the standard library's machinery (HOOKS) goes the standard library's way,
with its thread and its queues; so does an executor on a system that lacks the memory, or whose children run
under another executable.  Then `_engine` is None.
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

# What a subclass overrides to have it its own way.
HOOKS = frozenset(["_start_executor_manager_thread", "_start_queue_management_thread", "_launch_processes"])


class ProcessPoolExecutor(Executor, _StdlibExecutor):
    """An executor that lets a pool of processes make calls.

    max_workers: how many processes there are at most, at least 1; None for as many as there are CPUs for this
        process (by affinity and cgroup quota).  With the start method "fork" all are started at the first
        submit(), otherwise one when a call is submitted and none is idle.
    mp_context: of multiprocessing.get_context(); None for the default one, or for "spawn" if there is a
        max_tasks_per_child.
    initializer: called as initializer(*initargs) in each new process.  If it raises, the pool is broken.
    max_tasks_per_child: how many calls a process makes before it ends and another one takes its place; None
        for any number.  ValueError with the start method "fork".
    on_crash: what the end of a process in the middle of a call means, if it was killed or has called
        os._exit().  "break", as in the standard library: the pool is broken, and all calls that have not
        ended raise BrokenProcessPool.  "fail-task": that call does, and no other; another process takes the
        place.  "retry": the call is made again, and fails so when its process was lost max_retries + 1 times.
        Calls that have done a part of their work begin anew then.
    max_retries: how often a call is made again; for "retry" only.
    idle_timeout: seconds; a process that has had no call for so long ends, as long as more than min_workers
        are left; when there are calls for it, another one is started.  None: processes stay.
    min_workers: from 0 to max_workers; for idle_timeout only.
    max_worker_memory: bytes of resident memory; a process that has more of it after a call ends, and another
        one takes its place.  A call that needs more while it runs is not disturbed.  None for any amount.

    serializer: "cloudpickle" pickles by value the functions and classes that cannot be imported by a name
        (lambdas, closures, those of `__main__`), wherever they are sent: as calls, arguments, results,
        exceptions, initializer.  ImportError if cloudpickle is not installed.  "pickle": as the standard
        library does.

    Functions, arguments and results are pickled.  What cannot be is an exception of its own future only.

    The end of the program waits until all that was submitted is done.  So does leaving a `with` block.  If
    the executor is dropped without shutdown(), its processes finish what was submitted and end.
    """

    __module__ = "hasten.futures"

    if TYPE_CHECKING:  # what programs look at; the standard library's stubs name its own classes
        _engine: Any
        _executor_manager_thread: Any
        _executor_manager_thread_wakeup: Any
        _shutdown_lock: Any
        _idle_worker_semaphore: Any
        _work_ids: Any
        _call_queue: Any
        _result_queue: Any

    _engine = None  # the standard library's way

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
        except (OSError, AttributeError):  # no such memory on this system
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
        """How many calls were submitted."""
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

        Does not block, except to start a process.  Thread-safety: any thread may submit, and callbacks and
        signal handlers, too.  The arguments are pickled at once if there is room for the call, else later:
        leave an array alone until its call has ended, or some of it may arrive as it was and some changed.
        RuntimeError after shutdown(), after the interpreter has begun to end, and in a process that was
        forked from the executor's; BrokenProcessPool after a crash (see the class).
        """
        return self._submit(fn, args, kwargs, None)

    def options(self, *, timeout=None, retries=None):
        """This executor with options for single calls: executor.options(timeout=2.0).submit(fn, ...).

        timeout: seconds that a call may take from its beginning in a process; after that the process is
            killed, whatever it does, and the future raises TimeoutError.  Other calls are not affected.
        retries: how often the call is made again when its process is lost, whatever the executor's `on_crash`
            is; at last it fails with BrokenProcessPool, alone.  A call that took too long is not made again.
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
        chunks may be submitted whose results have not been taken; None for all.  timeout, progress, and what
        the iterator does: see Executor.map().
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
        """Take no more calls.  May be called again.

        wait: True waits until all calls have been made and the processes have ended.
        cancel_futures: True cancels the calls that no process has or is free for.
        timeout: seconds to wait at most; None waits for ever.  When it is over, TimeoutError; shutdown()
            again waits for the rest, and so does the end of the program.
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
        """Take no more calls, cancel those that no process has, and send the processes SIGTERM.

        The calls that are being made raise BrokenProcessPool.  Does not wait for the processes.
        """
        return self._force_shutdown(operation=_TERMINATE)

    def kill_workers(self):
        """The same with SIGKILL."""
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
    """Tuples of *size* items, the last one of what is left."""
    while True:
        chunk = tuple(islice(items, size))
        if not chunk:
            return
        yield chunk


def _items_of(chunks):
    """The items of lists, each of which is forgotten before it is handed out."""
    try:
        for chunk in chunks:
            chunk.reverse()
            while chunk:
                yield chunk.pop()
    finally:
        chunks.close()
