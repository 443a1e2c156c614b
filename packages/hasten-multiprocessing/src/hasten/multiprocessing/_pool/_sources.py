"""Sources: iterators of calls, which an engine's feeder thread goes through as fast as workers take them.

A source has run(engine), and abandon(error) for when nobody will run it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any


class Source:
    """The calls of one map(), starmap() or apply_async().

    sink: whose _set(index, outcome) is called for each.  calls: an iterator of (index, func, args, kwds).
    length: if not None, called with the number of calls when there are no more.
    most: how many calls may be on their way or waiting to be taken from the sink; None for any number.
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
        """Whether another call may be made now; if not, used_one() tells when."""
        if self.most is None:
            return True
        with self.guard:
            self.parked = self.made - self.used >= self.most
            return not self.parked

    def used_one(self) -> bool:
        """An outcome was taken from the sink; whether the source is to be fed again."""
        with self.guard:
            self.used += 1
            again, self.parked = self.parked, False
            return again

    def run(self, engine: Any) -> None:
        """Submit calls until there are no more, or no more may be made, or the engine has ended."""
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
        """Fail what was not submitted."""
        self.sink._abandon(self.made, error)


class GivenTasks:
    """What a program has put into a pool's `_taskqueue` by itself, as recipes for an istarmap() do.

    tasks: an iterable of (job, index, func, args, kwds).  length: if not None, called with their number.
    cache: the results of the pool, by their jobs.
    """

    def __init__(self, tasks: Any, length: Any, cache: dict[int, Any]) -> None:
        self.tasks = iter(tasks)
        self.length = length
        self.cache = cache

    def run(self, engine: Any) -> None:
        """Submit them all, or as long as the engine takes them."""
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
        """Fail what was not submitted."""
        try:
            for job, index, *_ in self.tasks:
                sink = self.cache.get(job)
                if sink is not None:
                    sink._abandon(index, error)
                    return
        except Exception:  # of the program's iterable: whose tasks these are is not known
            return


def given(item: Any, cache: dict[int, Any]) -> GivenTasks | None:
    """The source for what is put into a `_taskqueue` as (tasks, length), the stdlib's form; or None."""
    return GivenTasks(*item, cache) if type(item) is tuple and len(item) == 2 else None
