"""The thread of an engine that goes through sources of calls, one after the other."""

from __future__ import annotations

import sys
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Any

from hasten.multiprocessing._pool._sources import given


class TaskQueue(SimpleQueue):
    """The feeder's queue; its size counts the tasks in the ring, too.

    cache: the pool's results, by which tasks are known that a program puts here; None for no pool.
    """

    tasks: Any = None
    engine: Any = None
    cache: dict[int, Any] | None = None

    def put(self, item: Any, block: bool = True, timeout: Any = None) -> None:
        """Put a source; or tasks of a program, in the standard library's form.  Does not block."""
        source = None if self.cache is None else given(item, self.cache)
        if source is not None:
            self.engine.feed(source)
        else:
            super().put(item)

    def qsize(self) -> int:
        """How many tasks, or sequences of tasks, wait."""
        try:
            return super().qsize() + int(self.tasks.count())
        except OSError:  # closed
            return super().qsize()


class Feeder:
    """engine: whose sources these are.  tasks: its ring.

    sources: one entry for each source that the thread has to do with.  The thread starts with the first one,
    and ends when it finds None in the queue.
    """

    def __init__(self, engine: Any, tasks: Any) -> None:
        self.engine = engine
        self.sources: deque[Any] = deque()
        self.queue = TaskQueue()
        self.queue.tasks, self.queue.engine = tasks, engine
        self.thread = threading.Thread(target=self._run, name="hasten-pool-tasks", daemon=True)
        self.guard = threading.RLock()
        self.starting = False  # by who has the guard

    def feed(self, source: Any) -> None:
        """Have the calls of a source submitted.  Does not block."""
        engine = self.engine
        if engine.end is None and self.thread.ident is None:
            self._start()
        try:
            self.sources.append(source)
            self.queue.put(source)
        except BaseException:
            self._done_with(source)
            raise
        if engine.end is not None:  # the thread may be gone, or about to go
            self._drop_sources()

    def _start(self) -> None:
        """Start the thread.  A signal handler that interrupts this comes here again, and leaves it to who was
        interrupted.
        """
        with self.guard:
            if self.thread.ident is not None or self.starting:
                return
            self.starting = True
            try:
                self.thread.start()
                self.engine.threads.append(self.thread)
            finally:
                self.starting = False

    def _done_with(self, source: Any) -> None:
        try:
            self.sources.remove(source)
        except ValueError:  # Ctrl-C in feed()
            pass

    def _drop_sources(self) -> None:
        """After the end: fail what nobody will submit."""
        while True:
            try:
                source = self.queue.get_nowait()
            except Empty:
                return
            if source is None:
                self.queue.put(None)  # the thread's
                return
            source.abandon(self.engine.why_ended())

    def _run(self) -> None:
        while True:
            source = self.queue.get()
            if source is None:
                self._drop_sources()
                return
            try:
                source.run(self.engine)
            except BaseException:  # of a program's classes
                report()
            finally:
                self._done_with(source)
                source = None
                self.engine.fed()


def report() -> None:
    """Print the exception that is being handled: of a program's code, which nobody catches."""
    kind, error, trace = sys.exc_info()
    threading.excepthook(threading.ExceptHookArgs((kind, error, trace, threading.current_thread())))
