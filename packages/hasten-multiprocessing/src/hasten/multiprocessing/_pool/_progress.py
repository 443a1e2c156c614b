"""map(progress=...) and imap(progress=...): a sink that counts finished items, reports, and passes them on.

Each report precedes its result.  So when map() returns, or the loop over imap() ends, the last report was
made and the bar is closed.  Reports are made one at a time, by the result thread like callbacks, or by the
thread that finds that a task can't be pickled.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any


def counting(progress: Any, items: Any, chunksize: int) -> Any:
    """A function that wraps a sink in a CountingSink, or returns it unchanged if *progress* is None or False.

    items: the argument of map().  ImportError without hasten-futures; TypeError for a bad *progress*.
    """
    if progress is None or progress is False:
        return _unchanged
    try:
        from hasten.futures import _progress
    except ImportError as error:
        raise ImportError(
            "progress needs hasten-futures: pip install 'hasten-multiprocessing[progress]'", name=error.name
        ) from error
    total = _progress.total_of([items])
    report = _progress.Bar(total) if progress is True else _progress.checked(progress)
    return partial(CountingSink, report, total, max(chunksize, 1), _progress.close)


def _unchanged(sink: Any) -> Any:
    return sink


class CountingSink:
    """report(done, total): called for each task that has ended; total is None while unknown.

    close(report): called once, when all tasks have ended.
    """

    def __init__(self, report: Any, total: int | None, chunksize: int, close: Any, sink: Any) -> None:
        self.sink, self.report, self.total, self.chunksize = sink, report, total, chunksize
        self.close: Any = close
        self.done = 0
        self.tasks = 0  # that have ended
        self.length: int | None = None if total is None else -(-total // chunksize)  # the number of tasks
        self.guard = threading.RLock()  # recursive: a signal handler may report, too
        self._callback = report  # makes a ThreadEngine call _set() in its result thread
        self._close_at_the_end()  # if there are no items

    def _set(self, index: int, outcome: tuple[bool, Any]) -> None:
        with self.guard:
            self.tasks += 1
            if outcome[0] and self.chunksize > 1:
                self.done += len(outcome[1])
            else:
                self.done += self.chunksize
                if self.total is not None:
                    self.done = min(self.done, self.total)
            self._tell(self.report, self.done, self.total)
            self._close_at_the_end()
        self.sink._set(index, outcome)

    def _set_length(self, length: int) -> None:
        with self.guard:
            self.length = length
            self._close_at_the_end()
        self.sink._set_length(length)

    def _abandon(self, made: int, error: BaseException) -> None:
        with self.guard:
            self.length = made
            self._close_at_the_end()
        self.sink._abandon(made, error)

    def _close_at_the_end(self) -> None:
        if self.tasks == self.length and self.close is not None:
            close, self.close = self.close, None
            self._tell(close, self.report)

    def _tell(self, function: Any, *args: Any) -> None:
        try:
            function(*args)
        except BaseException:  # results still have to arrive
            logging.getLogger("multiprocessing").exception("exception calling progress %r", self.report)
