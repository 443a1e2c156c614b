"""Sources: iterators of calls that an engine's feeder thread submits as fast as workers take them.

A source has run(engine), and abandon(error), which is called if it will not be run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any


class Source:
    """The calls of one map(), starmap() or apply_async().

    sink: whose _set(index, outcome) is called for each.  calls: an iterator of (index, func, args, kwds).
    length: if not None, called with the number of calls when there are no more.
    most: the largest number of calls that are unfinished, or whose outcome is still in the sink; None: no
    limit.
    """

    def __init__(self, sink: Any, calls: Iterator[Any], length: Any = None, most: int | None = None) -> None:
        self.sink = sink
        self.calls = calls
        self.length = length
        self.most = most
        self.made = 0
        self.used = 0
        self.parked = False
        self.guard = threading.Lock()

    def may_go_on(self) -> bool:
        """Whether another call may be made now; if not, the source pauses until used_one()."""
        if self.most is None:
            return True
        with self.guard:
            self.parked = self.made - self.used >= self.most
            return not self.parked

    def used_one(self) -> bool:
        """Count an outcome taken from the sink; whether the source has paused and has to be fed again."""
        with self.guard:
            self.used += 1
            again, self.parked = self.parked, False
            return again

    def run(self, engine: Any) -> None:
        """Submit calls until there are none left, the source has to pause, or the engine has ended.
        Blocks."""
        while self.may_go_on():
            try:
                index, func, args, kwds = next(self.calls)
            except StopIteration:
                if self.length is not None:
                    self.length(self.made)
                return
            except BaseException as error:
                self.sink._abandon(self.made, error)
                return
            if not engine.submit(self.sink, index, func, args, kwds, block=True):
                self.sink._abandon(self.made, engine.why_ended())
                return
            self.made += 1

    def abandon(self, error: BaseException) -> None:
        """Fail the calls that were not submitted."""
        self.sink._abandon(self.made, error)


class GivenTasks:
    """Tasks that a program has put into a pool's `_taskqueue`, as recipes for istarmap() do.

    tasks: an iterable of (job, index, func, args, kwds).  length: if not None, called with their number.
    cache: the pool's results by job number.
    """

    def __init__(self, tasks: Any, length: Any, cache: dict[int, Any]) -> None:
        self.tasks = iter(tasks)
        self.length = length
        self.cache = cache

    def run(self, engine: Any) -> None:
        """Submit the tasks until there are none left, or the engine has ended.  Blocks."""
        sink, index = None, -1
        try:
            for job, index, func, args, kwds in self.tasks:
                sink = self.cache.get(job)
                if sink is not None and not engine.submit(sink, index, func, args, kwds, block=True):
                    sink._abandon(index, engine.why_ended())
                    return
        except BaseException as error:
            if sink is None:
                raise
            sink._abandon(index + 1, error)
        else:
            if self.length is not None:
                self.length(index + 1)

    def abandon(self, error: BaseException) -> None:
        """Fail the tasks that were not submitted."""
        try:
            for job, index, *_ in self.tasks:
                sink = self.cache.get(job)
                if sink is not None:
                    sink._abandon(index, error)
                    return
        except Exception:  # raised by the program's iterable: the result to fail is unknown
            return


def given(item: Any, cache: dict[int, Any]) -> GivenTasks | None:
    """The source for (tasks, length), the form in which the stdlib fills `_taskqueue`; None for other
    items."""
    return GivenTasks(*item, cache) if type(item) is tuple and len(item) == 2 else None
