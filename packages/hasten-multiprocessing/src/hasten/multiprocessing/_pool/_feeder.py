"""The thread of an engine that submits the calls of sources, one source after the other."""

from __future__ import annotations

import sys
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Any

from hasten.multiprocessing._pool._sources import given


class TaskQueue(SimpleQueue):
    """The feeder's queue of sources; its size counts the tasks in the ring, too.

    cache: the pool's results by job number, for tasks that a program puts here; None if there is no pool.
    """

    tasks: Any = None
    engine: Any = None
    cache: dict[int, Any] | None = None

    def put(self, item: Any, block: bool = True, timeout: Any = None) -> None:
        """Put a source, or a program's tasks in the standard library's form.  Does not block."""
        source = None if self.cache is None else given(item, self.cache)
        if source is not None:
            self.engine.feed(source)
        else:
            super().put(item)

    def qsize(self) -> int:
        """The number of waiting sources and of tasks in the ring."""
        try:
            return super().qsize() + int(self.tasks.count())
        except OSError:  # closed
            return super().qsize()


class Feeder:
    """engine: the engine that runs the calls.  tasks: its ring.

    sources: one entry for each source that is waiting or being submitted.  The thread starts with the first
    source, and ends when it gets None from the queue.
    """

    def __init__(self, engine: Any, tasks: Any) -> None:
        self.engine = engine
        self.sources: deque[Any] = deque()
        self.queue = TaskQueue()
        self.queue.tasks, self.queue.engine = tasks, engine
        self.thread = threading.Thread(target=self._run, name="hasten-pool-tasks", daemon=True)
        self.guard = threading.RLock()
        self.starting = False  # the holder of the guard is starting the thread

    def feed(self, source: Any) -> None:
        """Submit the calls of a source in the background.  Does not block."""
        engine = self.engine
        if engine.end is None and self.thread.ident is None:
            self._start()
        try:
            self.sources.append(source)
            self.queue.put(source)
        except BaseException:
            self._done_with(source)
            raise
        if engine.end is not None:  # the thread may have ended, or be about to
            self._drop_sources()

    def _start(self) -> None:
        """Start the thread.  A nested call, from a signal handler, leaves it to the outer one."""
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
        except ValueError:  # feed() was interrupted before it had added the source
            pass

    def _drop_sources(self) -> None:
        """After the end: fail the sources that will not be submitted."""
        while True:
            try:
                source = self.queue.get_nowait()
            except Empty:
                return
            if source is None:
                self.queue.put(None)  # it is for the thread
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
    """Pass the exception being handled, raised by code of the program, to threading.excepthook()."""
    kind, error, trace = sys.exc_info()
    threading.excepthook(threading.ExceptHookArgs((kind, error, trace, threading.current_thread())))
