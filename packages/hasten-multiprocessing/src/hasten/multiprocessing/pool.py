"""The standard library's `multiprocessing.pool`: Pool, and ThreadPool.

A Pool runs on the engine of `_pool`.  If a subclass overrides a part of the standard library's implementation
(HOOKS; torch and joblib override `_setup_queues`), that implementation is used, with its threads and the
subclass's queues.
"""

from __future__ import annotations

import itertools
import multiprocessing.pool  # noqa: F401 (in sys.modules)
import os
import sys
import warnings
import weakref
from collections import deque
from multiprocessing import util
from types import BuiltinFunctionType
from typing import Any

from hasten.multiprocessing import _registries
from hasten.multiprocessing._pool import _engine, _progress, _threads, _worker
from hasten.multiprocessing._pool._ends import Tasks
from hasten.multiprocessing._pool._errors import BrokenPoolError, PoolTerminatedError, WorkerLostError
from hasten.multiprocessing._pool._results import (
    ApplyResult,  # noqa: F401 (the standard library's name of AsyncResult)
    AsyncResult,
    IMapIterator,
    IMapUnorderedIterator,
    MapResult,
)
from hasten.multiprocessing._pool._sources import Source
from hasten.multiprocessing._pool._worker import mapstar, starmapstar
from hasten.multiprocessing._transport._standard_way import overrides
from hasten.multiprocessing.context import children_may_lack_hasten

__all__ = ["AsyncResult", "BrokenPoolError", "Pool", "PoolTerminatedError", "ThreadPool", "WorkerLostError"]

_stdlib: Any = sys.modules["multiprocessing.pool"]
INIT, RUN, CLOSE, TERMINATE = "INIT", "RUN", "CLOSE", "TERMINATE"
job_counter = _stdlib.job_counter
RemoteTraceback = _stdlib.RemoteTraceback
ExceptionWithTraceback = _stdlib.ExceptionWithTraceback
MaybeEncodingError = _stdlib.MaybeEncodingError
rebuild_exc = _stdlib.rebuild_exc
_PoolCache = _stdlib._PoolCache
_helper_reraises_exception = _stdlib._helper_reraises_exception
__getattr__ = _registries.rest_of(__name__, _stdlib)

# A subclass that overrides one of these uses the standard library's implementation.
HOOKS = frozenset(
    [
        *(
            "_setup_queues",
            "_repopulate_pool",
            "_repopulate_pool_static",
            "_maintain_pool",
            "_join_exited_workers",
        ),
        *("_handle_workers", "_handle_tasks", "_handle_results", "_help_stuff_finish", "_terminate_pool"),
        *("_get_sentinels", "_get_worker_sentinels", "_wait_for_updates"),
        *("_map_async", "_get_tasks", "_guarded_task_generation"),
    ]
)


def worker(
    inqueue: Any,
    outqueue: Any,
    initializer: Any = None,
    initargs: Any = (),
    maxtasks: int | None = None,
    wrap_exception: bool = False,
) -> None:
    """The main function of a Pool's worker process."""
    if maxtasks is not None and not (isinstance(maxtasks, int) and maxtasks >= 1):
        raise AssertionError(f"Maxtasks {maxtasks!r} is not valid")
    serve = _worker.serve if isinstance(inqueue, Tasks) else _stdlib.worker
    serve(inqueue, outqueue, initializer, initargs, maxtasks, wrap_exception)


_WORKER = worker


def _default_size() -> int:
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity") and isinstance(os.cpu_count, BuiltinFunctionType):
        # Not if a test has replaced os.cpu_count, which the standard library uses before 3.13
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool(_stdlib.Pool):  # type: ignore[misc]
    """Worker processes that run calls.

    processes: their number; by default the number of CPUs that this process may use.
    initializer, initargs: called in each worker when it starts.
    maxtasksperchild: the number of tasks after which a worker is replaced; None for no limit.
    context: the context that starts the processes.

    Thread-safe.  If a worker dies, the task that it was running fails with WorkerLostError, and the worker is
    replaced.  Methods that begin a task raise ValueError after close() or terminate().
    """

    _wrap_exception = True
    _engine: Any = None  # None: the standard library's implementation is used

    @staticmethod
    def Process(ctx: Any, *args: Any, **kwds: Any) -> Any:
        """Make a worker's process object.  May be overridden."""
        if kwds.get("target") is _stdlib.worker and not children_may_lack_hasten(ctx):
            kwds["target"] = worker  # under the launcher that name means this module's function
        return ctx.Process(*args, **kwds)

    def __init__(
        self,
        processes: int | None = None,
        initializer: Any = None,
        initargs: Any = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
    ) -> None:
        self._pool: list[Any] = []
        self._state = INIT
        if context is None:
            from hasten.multiprocessing.context import _default_context

            context = _default_context.get_context()
        if _goes_standard_way(type(self)):
            _stdlib.Pool.__init__(
                self,
                processes if processes is not None else _default_size(),
                initializer,
                initargs,
                maxtasksperchild,
                context,
            )
            return
        self._ctx = context
        self._cache: dict[int, Any] = {}
        self._maxtasksperchild = maxtasksperchild
        self._initializer = initializer
        self._initargs = initargs
        self._processes = _checked(processes, initializer, maxtasksperchild)
        try:
            self._setup_queues()
        except (OSError, AttributeError):  # no memfds on this system
            _stdlib.Pool.__init__(self, processes, initializer, initargs, maxtasksperchild, context)
            return
        start = _starter(weakref.ref(self))
        engine = _engine.Engine(self._pool, self._inqueue, self._outqueue, start)
        engine.last_workers = deque(maxlen=self._processes)  # programs read their exit codes
        self._engine = engine
        self._taskqueue = engine.taskqueue
        self._taskqueue.cache = self._cache
        try:
            self._repopulate_pool()
            engine.supervise()
        except BaseException:
            engine.terminate()
            raise
        self._worker_handler = self._task_handler = engine.supervisor  # the feeder thread may never start
        self._result_handler = engine.receiver
        self._terminate = util.Finalize(self, engine.terminate, exitpriority=15)
        self._state = RUN

    def __del__(self, _warn: Any = warnings.warn, RUN: str = RUN) -> None:
        if self._state == RUN:
            if self._engine is None:
                _stdlib.Pool.__del__(self)
                return
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} state={self._state} pool_size={len(self._pool)}>"

    def __reduce__(self) -> Any:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    # ---- workers ----

    def _setup_queues(self) -> None:
        if self._engine is None and _goes_standard_way(type(self)):
            _stdlib.Pool._setup_queues(self)
            return
        self._inqueue, self._outqueue = _engine.new_rings()
        self._quick_put = self._inqueue.put
        self._quick_get = self._outqueue.get

    def _repopulate_pool(self) -> None:
        """Start workers until there are `_processes`."""
        if self._engine is None:
            _stdlib.Pool._repopulate_pool(self)
            return
        while len(self._pool) < self._processes:
            self._start_worker()

    def _start_worker(self) -> None:
        engine = self._engine
        with engine.starting:
            if engine.end is not None or len(self._pool) >= self._processes:
                return
            side = engine.lend()
            process: Any = None
            try:
                args = (self._initializer, self._initargs, self._maxtasksperchild, self._wrap_exception)
                target = _worker.serve if worker is _WORKER else worker
                process = self.Process(self._ctx, target=target, args=(side, self._outqueue, *args))
                process.name = process.name.replace("Process", "PoolWorker")
                process.daemon = True
                process.start()
            except Exception:
                if getattr(process, "pid", None) is None:
                    engine.take_back(side)
                raise
            finally:  # a started process is a worker, even if Ctrl-C has interrupted start()
                if getattr(process, "pid", None) is not None:
                    process._hasten_side, process._hasten_pid = side, process.pid
                    self._pool.append(process)
            if engine.supervisor.ident is not None:
                engine._wake()
        util.debug("added worker")

    # ---- calls ----

    def _check_running(self) -> None:
        if self._state != RUN:
            raise ValueError("Pool not running")
        engine = self._engine
        if engine is None:
            return
        if engine.end is not None:
            raise engine.why_ended()
        if engine.pid != os.getpid():
            raise ValueError(
                f"Pool not running: it belongs to process {engine.pid}, and a process that was forked from "
                "it needs one of its own"
            )

    def apply(self, func: Any, args: Any = (), kwds: Any = {}) -> Any:  # noqa: B006
        """Run func(*args, **kwds) in a worker; its result.  Blocks."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Any,
        args: Any = (),
        kwds: Any = {},  # noqa: B006
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        """Run func(*args, **kwds) in a worker; an AsyncResult.  Does not block.

        callback, error_callback: called with the result, or the exception, in a thread of the pool; they
        should return soon.  Errors of pickling are raised by the result's get().
        """
        engine = self._engine
        if engine is None:
            return _stdlib.Pool.apply_async(self, func, args, kwds, callback, error_callback)
        if self._state == RUN:
            result = engine.begin(self, func, args, kwds, callback, error_callback)
            if result is not None:
                return result
        self._check_running()
        raise ValueError("Pool not running")

    def map(
        self, func: Any, iterable: Any, chunksize: int | None = None, *, progress: Any = None
    ) -> list[Any]:
        """The results of func for each item, as a list.  Blocks until all have ended, even if one raises.

        progress: True for a tqdm bar, or a function progress(done, total), called with the number of finished
        items after each chunk.  It is called, as callbacks are, by the thread that takes the results, so it
        must not wait for this pool.  Its exceptions are logged.
        """
        return self._map(func, iterable, mapstar, chunksize, progress=progress).get()  # type: ignore[no-any-return]

    def starmap(
        self, func: Any, iterable: Any, chunksize: int | None = None, *, progress: Any = None
    ) -> list[Any]:
        """map() with each item as a tuple of arguments."""
        result = self._map(func, iterable, starmapstar, chunksize, progress=progress)
        return result.get()  # type: ignore[no-any-return]

    def map_async(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        """map() that returns a MapResult without blocking."""
        return self._map(func, iterable, mapstar, chunksize, callback, error_callback)

    def starmap_async(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        callback: Any = None,
        error_callback: Any = None,
    ) -> Any:
        """starmap() that returns a MapResult without blocking."""
        return self._map(func, iterable, starmapstar, chunksize, callback, error_callback)

    def _map(
        self,
        func: Any,
        iterable: Any,
        mapper: Any,
        chunksize: int | None,
        callback: Any = None,
        error_callback: Any = None,
        progress: Any = None,
    ) -> Any:
        engine = self._engine
        if engine is None:
            _need_engine(progress=progress or None)
            return self._map_async(func, iterable, mapper, chunksize, callback, error_callback)
        self._check_running()
        if not hasattr(iterable, "__len__"):
            iterable = list(iterable)
        length = len(iterable)
        if chunksize is None:
            chunksize = -(-length // (4 * (len(self._pool) or self._processes)))
        if length == 0:
            chunksize = 0
        counting = _progress.counting(progress, iterable, chunksize)
        result = MapResult(self, chunksize, length, callback, error_callback)
        sink = counting(result)
        if length:
            _begin(engine, Source(sink, _chunks(mapper, func, iterable, chunksize)))
        return result

    def imap(
        self,
        func: Any,
        iterable: Any,
        chunksize: int = 1,
        buffersize: int | None = None,
        *,
        progress: Any = None,
    ) -> Any:
        """An iterator of the results of func for each item, in order.  Does not block.

        chunksize: the number of items of a task.  buffersize: the number of items that may be taken from the
        iterable ahead of the results that were taken; None for no limit.  progress: as for map().
        """
        return self._imap(IMapIterator, func, iterable, chunksize, buffersize, progress)

    def imap_unordered(
        self,
        func: Any,
        iterable: Any,
        chunksize: int = 1,
        buffersize: int | None = None,
        *,
        progress: Any = None,
    ) -> Any:
        """imap() with the results in the order of completion."""
        return self._imap(IMapUnorderedIterator, func, iterable, chunksize, buffersize, progress)

    def _imap(
        self, kind: Any, func: Any, iterable: Any, chunksize: int, buffersize: int | None, progress: Any
    ) -> Any:
        if buffersize is not None:
            if not isinstance(buffersize, int):
                raise TypeError("buffersize must be an integer or None")
            if buffersize < 1:
                raise ValueError("buffersize must be None or > 0")
        engine = self._engine
        if engine is None:
            _need_engine(buffersize=buffersize, progress=progress or None)
            method = "imap" if kind is IMapIterator else "imap_unordered"
            return getattr(_stdlib.Pool, method)(self, func, iterable, chunksize)
        self._check_running()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize!r}")
        counting = _progress.counting(progress, iterable, chunksize)
        result = kind(self)
        sink = counting(result)
        if chunksize == 1:
            calls = ((i, func, (x,), {}) for i, x in enumerate(iterable))
        else:
            calls = _chunks(mapstar, func, iterable, chunksize)
        most = None if buffersize is None else -(-buffersize // chunksize)
        source = Source(sink, calls, sink._set_length, most)
        if most is not None:
            source.engine = engine
            result._source = source
        engine.feed(source)
        return result if chunksize == 1 else (item for chunk in result for item in chunk)

    # ---- the end ----

    def close(self) -> None:
        """Accept no more tasks; the workers end when all are done.  Does not block."""
        util.debug("closing pool")
        if self._engine is None:
            _stdlib.Pool.close(self)
        elif self._state in (RUN, CLOSE):  # again after a Ctrl-C in the first close()
            self._state = CLOSE
            self._engine.close()

    def terminate(self) -> None:
        """End the workers now.  Unfinished tasks fail with PoolTerminatedError.

        Blocks until the workers have ended: those that ignore SIGTERM are killed after 0.8 seconds.
        """
        util.debug("terminating pool")
        self._state = TERMINATE
        self._terminate()
        if self._engine is not None:
            self._engine.terminate()  # again, if Ctrl-C has interrupted the first call at its start

    def join(self) -> None:
        """Block until the workers have ended.  ValueError before close() or terminate()."""
        util.debug("joining pool")
        if self._state == RUN:
            raise ValueError("Pool is still running")
        if self._state not in (CLOSE, TERMINATE):
            raise ValueError("In unknown state")
        if self._engine is None:
            _stdlib.Pool.join(self)
        else:
            self._engine.join()

    def __enter__(self) -> Any:
        self._check_running()
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.terminate()


def _goes_standard_way(cls: type) -> bool:
    return overrides(cls, (Pool, ThreadPool), HOOKS)


def _starter(pool: Any) -> Any:
    """A function that starts the missing workers of the pool behind a weak reference."""

    def start() -> None:
        alive = pool()
        if alive is not None:
            alive._repopulate_pool()

    return start


def _checked(processes: int | None, initializer: Any, maxtasksperchild: int | None) -> int:
    if processes is None:
        processes = _default_size()
    if processes < 1:
        raise ValueError(f"Number of processes must be at least 1, not {processes!r}")
    if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
        raise ValueError(f"maxtasksperchild must be a positive int or None, not {maxtasksperchild!r}")
    if initializer is not None and not callable(initializer):
        raise TypeError(f"initializer must be a callable, not {initializer!r}")
    return processes


def _need_engine(**options: Any) -> None:
    """TypeError for options that the standard library's implementation lacks."""
    for name, value in options.items():
        if value is not None:
            hooks = ", ".join(sorted(HOOKS))
            raise TypeError(f"{name}={value!r} needs a pool that overrides none of {hooks}")


def _chunks(mapper: Any, func: Any, iterable: Any, size: int) -> Any:
    """The calls of a map(), one for each chunk."""
    items = iter(iterable)
    for i in itertools.count():
        chunk = tuple(itertools.islice(items, size))
        if not chunk:
            return
        yield i, mapper, ((func, chunk),), {}


def _begin(engine: Any, source: Any) -> None:
    """Submit the calls of a source: the first directly while there is room, the rest by the feeder thread."""
    if not engine.busy():
        while source.made < 512:
            try:
                call = next(source.calls)
            except StopIteration:
                return
            except BaseException as error:
                source.sink._abandon(source.made, error)
                return
            if not engine.submit(source.sink, *call):
                source.calls = itertools.chain([call], source.calls)
                break
            source.made += 1
    engine.feed(source)


class ThreadPool(Pool, _stdlib.ThreadPool):  # type: ignore[misc]
    """A Pool of threads of this process."""

    _wrap_exception = False

    @staticmethod
    def Process(ctx: Any, *args: Any, **kwds: Any) -> Any:
        """Make a worker's thread object.  May be overridden."""
        from multiprocessing.dummy import Process

        return Process(*args, **kwds)

    def __init__(self, processes: int | None = None, initializer: Any = None, initargs: Any = ()) -> None:
        self._pool = []
        self._state = INIT
        if _goes_standard_way(type(self)):
            _stdlib.ThreadPool.__init__(self, processes, initializer, initargs)
            return
        from hasten.multiprocessing.context import _default_context

        self._ctx = _default_context.get_context()
        self._cache = {}
        self._maxtasksperchild = None
        self._initializer = initializer
        self._initargs = initargs
        self._processes = _checked(processes, initializer, None)
        pool, make = self._pool, self.Process
        ctx = self._ctx

        def start(target: Any) -> None:
            thread = make(ctx, target=target)
            thread.daemon = True
            thread.start()
            pool.append(thread)

        engine = self._engine = _threads.ThreadEngine(pool, start, initializer, initargs)
        self._inqueue = engine.calls
        self._taskqueue = _threads.TaskQueue(engine, self._cache)
        self._outqueue = engine.told
        self._quick_put = engine.calls.put
        self._quick_get = engine.told.get
        self._repopulate_pool()
        # For programs that check whether these are alive; there are no such threads here
        self._worker_handler = self._task_handler = self._result_handler = pool[0]
        self._terminate = util.Finalize(self, engine.terminate, exitpriority=15)
        self._state = RUN

    def _repopulate_pool(self) -> None:
        if self._engine is None:
            _stdlib.ThreadPool._repopulate_pool(self)
            return
        while len(self._pool) < self._processes:
            self._engine.start_thread(self._engine.run)

    def _setup_queues(self) -> None:
        _stdlib.ThreadPool._setup_queues(self)
