"""The engine of a ThreadPool: the interface of _engine.Engine, with threads that take calls from a queue.

The queue is unbounded and holds the calls unpickled.  The thread that has run a call without callbacks stores
its outcome; callbacks are called by the result thread only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty
from typing import Any

from hasten.multiprocessing._arena._arena import fork_count
from hasten.multiprocessing._pool import _calls, _engine, _errors
from hasten.multiprocessing._pool._feeder import report
from hasten.multiprocessing._pool._sources import Source, given
from hasten.queue import SimpleQueue

RUN, CLOSE, TERMINATE = _engine.RUN, _engine.CLOSE, _engine.TERMINATE


class TaskQueue:
    """`_taskqueue`: the queue of calls, to which a program may add tasks in the standard library's form.

    cache: the pool's results by job number.
    """

    def __init__(self, engine: ThreadEngine, cache: dict[int, Any]) -> None:
        self._engine, self._cache = engine, cache

    def put(self, item: Any, block: bool = True, timeout: Any = None) -> None:
        """Run tasks, each (job, index, func, args, kwds).  Does not block."""
        source = given(item, self._cache)
        if source is not None:
            self._engine.feed(source)
        else:
            self._engine.calls.put(item)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine.calls, name)


class ThreadEngine:
    """start(target): starts a thread of the pool that runs *target*."""

    def __init__(self, pool: list[Any], start: Callable[[Any], Any], initializer: Any, initargs: Any) -> None:
        self.pool, self.start_thread = pool, start
        self.initializer, self.initargs = initializer, initargs
        self.state = RUN
        self.pid, self.life = os.getpid(), fork_count()
        self.end: Any = None
        self.calls: Any = SimpleQueue()
        self.taskqueue = self.calls
        self.told: Any = SimpleQueue()
        self.sources: set[threading.Thread] = set()  # the thread of each unfinished source
        self.gone = False  # after close(), once no source was left: the threads have been told to end
        self.unfinished: dict[Any, Any] = {}  # sinks of unfinished calls
        self.bad_starts = 0
        self.guard = threading.RLock()
        self.threads: list[Any] = []
        self.receiver: threading.Thread | None = None

    # ---- calls ----

    def submit(self, sink: Any, index: int, func: Any, args: Any, kwds: Any, block: bool = False) -> bool:
        """Queue a call; False after the end.  Does not block."""
        if self.end is not None or self.gone:
            return False
        self.calls.put((sink, index, func, args, kwds))
        if self.end is not None:
            self._drop()
        return True

    def begin(self, pool: Any, func: Any, args: Any, kwds: Any, callback: Any, error_callback: Any) -> Any:
        """Run one call; its ApplyResult, or None after the end and in a forked child.  Does not block."""
        if self.gone or self.end is not None or self.life != fork_count():
            return None
        after_others = bool(self.sources)
        what = (None, None, None) if after_others else (func, args, kwds)
        call = _calls.new_call(pool, *what, callback, error_callback)
        if after_others:
            self.feed(Source(call, iter([(0, func, args, kwds)])))
            return call
        self.calls.put(call)
        if self.end is not None:
            self._drop()
        return call

    def feed(self, source: Any) -> None:
        """Queue the calls of a source by a thread of its own, since its iterator may block."""
        thread = threading.Thread(target=self._feed, args=(source,), name="hasten-pool-tasks", daemon=True)
        try:
            with self.guard:
                gone = self.gone or self.end is not None
                if not gone:
                    self.sources.add(thread)
            if gone:  # a paused source whose consumer has continued after the end
                source.abandon(self.why_ended())
            else:
                thread.start()
        except BaseException:
            if thread.ident is None:
                self._fed(thread)
            raise

    def _feed(self, source: Any) -> None:
        try:
            source.run(self)
        finally:
            self._fed(threading.current_thread())

    def _fed(self, thread: threading.Thread) -> None:
        """The thread of a source has finished."""
        self.sources.discard(thread)
        self._look_for_end()

    def busy(self) -> bool:
        return bool(self.sources)

    # ---- threads ----

    def supervise(self) -> None:
        """Nothing to do: threads are not watched, and the result thread starts with the first callback."""

    def run(self) -> None:
        """The body of a thread of the pool."""
        try:
            if self.initializer is not None:
                self.initializer(*self.initargs)
        except BaseException as error:
            self._bad_start(error)
            return
        self.bad_starts = 0
        _calls.run_calls(self, self.calls.get)
        self.calls.put(None)  # for the next thread

    def _bad_start(self, error: BaseException) -> None:
        with self.guard:
            self.bad_starts += 1
            if self.bad_starts >= _engine.BAD_STARTS:
                self._end(lambda: _broken(error))
            elif self.end is None:
                self.start_thread(self.run)

    def _tell(self, sink: Any, index: int, outcome: Any) -> None:
        if getattr(sink, "_callback", None) is None and getattr(sink, "_error_callback", None) is None:
            sink._set(index, outcome)
            return
        if self.receiver is None:
            with self.guard:
                if self.receiver is None:
                    self.receiver = threading.Thread(
                        target=self._call_back, name="hasten-pool-results", daemon=True
                    )
                    self.receiver.start()
        self.told.put((sink, index, outcome))

    def _call_back(self) -> None:
        while True:
            told = self.told.get()
            if told is None:
                return
            try:
                told[0]._set(told[1], told[2])
            except BaseException:
                report()
            told = None
            self._look_for_end()

    # ---- the end ----

    def close(self) -> None:
        """End the threads when all calls are done.  Does not block."""
        if self.state is RUN:
            self.state = CLOSE
        self._look_for_end()

    def _look_for_end(self) -> None:
        with self.guard:
            if self.state is CLOSE and not self.sources:
                self.gone = True
                self.calls.put(None)

    def _end(self, why: Any) -> None:
        if self.end is None:
            self.end = why
        self.state = TERMINATE
        self._drop()
        self.calls.put(None)

    def _drop(self) -> None:
        while True:
            try:
                call = self.calls.get_nowait()
            except Empty:
                break
            if call is not None:
                sink, index = call[:2] if isinstance(call, tuple) else (call, 0)
                self._tell(sink, index, (False, self.why_ended()))
        self.calls.put(None)

    def why_ended(self) -> BaseException:
        error = self.end() if self.end is not None else ValueError("Pool not running")
        return error

    def terminate(self) -> None:
        """Fail the calls that no thread has begun.  Running calls continue.  Does not block."""
        with self.guard:
            self._end(
                lambda: _errors.PoolTerminatedError("the pool was terminated before the task was begun")
            )
        self.told.put(None)

    def join(self, timeout: float | None = None) -> None:
        """Block until the threads have ended; *timeout* seconds for each."""
        me = threading.current_thread()
        for thread in list(self.pool):
            if thread is not me:
                thread.join(timeout)
        self.told.put(None)
        if self.receiver is not None and self.receiver is not me:
            self.receiver.join(timeout)


def _broken(error: BaseException) -> BaseException:
    broken = _errors.BrokenPoolError(f"the initializer failed, several times in a row: {error!r}")
    broken.__cause__ = error
    return broken


def _call_any(func: Any, args: Any, kwds: Any) -> Any:
    return func(*args, **kwds)


def _take_turns() -> None:
    """Nothing: at its call the interpreter hands the GIL to a waiting thread."""


_calls.use_threads(RUN, _call_any, _take_turns)
