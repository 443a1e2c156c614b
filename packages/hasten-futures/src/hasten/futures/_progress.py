"""Executor.map(progress=...): counts finished items, and reports to a function or a bar.

Invariant: reports are made one at a time and in order, each count once.  Futures finish in many threads, and
the report function may be slow, may raise, and may use the executor itself.  So no worker waits for it: a
thread that finishes an item queues an entry, and, unless another thread is reporting, reports all entries
until there are none.

The end is an entry too.  The iterator queues it after the last result and waits until it was reported: when
the loop over the results ends, the last report has returned and the bar is closed.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from threading import Condition, RLock, get_ident

END = 0  # the last entry; the others are numbers of finished items


class Progress:
    """The progress of one call of map().

    progress: True for a bar, or a function progress(done, total).
    iterables: the arguments of map().  If their lengths are known, so is the total from the first report on.
    buffered: whether map() returns before it has consumed all items.
    """

    def __init__(self, progress, iterables, buffered):
        self.total = total_of(iterables)
        self.report = Bar(self.total) if progress is True else checked(progress)
        # Without a buffer the total is known before map() returns; reports wait until then
        self.early: list | None = None if buffered or self.total is not None else []
        self.expected = 0  # items submitted
        self.finished = 0  # items that have an entry
        self.done = 0  # items that were reported
        self.entries: deque[int] = deque()
        self.ended = False  # END was queued: nothing may follow it
        self.alone = False  # the iterator was dropped unused: END follows the last item
        self.teller: int | None = None  # the thread that reports
        self.changed = Condition(RLock())  # recursive: for finalizers and signal handlers

    # ---- called by the iterator, in one thread at a time ----

    def submitted(self, future, items=1):
        """Count *items* when *future* is done, unless it is cancelled.  A chunk has more than one."""
        with self.changed:
            self.expected += items
        if self.early is None:
            self.watch(future, items)
        else:
            self.early.append((future, items))

    def all_submitted(self):
        """Called when all items are submitted: the total is known."""
        self.total = self.expected
        early, self.early = self.early, None
        for future, items in early or ():
            self.watch(future, items)

    def watch(self, future, items):
        future.add_done_callback(self.count if items == 1 else partial(self.count, items=items))

    def finish(self):
        """Called when all results were taken.  Blocks until everything was reported.

        Counts items whose callbacks have not run yet: a future is done before its callbacks are called.
        """
        with self.changed:
            self.entries.extend([1] * (self.expected - self.finished))
            self.entries.append(END)
            self.ended = True
        self.tell(wait=True)

    def give_up(self, wait):
        """Called when the iterator ends early: drop all entries.  wait: block until the last report
        returns."""
        with self.changed:
            self.entries.clear()
            self.entries.append(END)
            self.ended = True
        self.tell(wait)

    def leave_alone(self):
        """Called when the iterator is dropped unused: the calls are made and reported all the same."""
        with self.changed:
            self.alone = True
            self.end_if_alone()
        self.tell(wait=False)

    # ---- called in any thread ----

    def count(self, future, items=1):
        with self.changed:
            if self.ended:
                return
            if future.cancelled():
                self.expected -= items
            else:
                self.leave(items)
            self.end_if_alone()
        self.tell(wait=False)

    def leave(self, items):
        """Queue an entry and count it, or neither if that raises; finish() adds what was not counted."""
        self.finished += items
        try:
            self.entries.append(items)
        except BaseException:
            self.finished -= items
            raise

    def end_if_alone(self):
        if self.alone and self.finished == self.expected:
            self.entries.append(END)
            self.ended = True

    def tell(self, wait):
        """Report all entries, unless another thread is reporting; wait: block until that has finished."""
        me = get_ident()
        with self.changed:
            if wait:
                self.changed.wait_for(lambda: self.teller in (None, me))
            if self.teller is not None:
                return
            self.teller = me
        try:
            while self.tell_next():
                continue
        except BaseException:  # SystemExit or KeyboardInterrupt; other errors are logged
            self.stop_telling()
            raise

    def tell_next(self):
        with self.changed:
            if not self.entries:
                self.stop_telling()
                return False
            items = self.entries.popleft()
        self.done += items
        try:
            if items == END:
                close(self.report)
            else:
                self.report(self.done, self.total)
        except Exception:
            logging.getLogger("concurrent.futures").exception("exception calling progress %r", self.report)
        return True

    def stop_telling(self):
        with self.changed:
            self.teller = None
            self.changed.notify_all()


class Bar:
    """A bar of tqdm's, called as a progress function."""

    def __init__(self, total):
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError(
                "progress=True needs tqdm: pip install tqdm, or pip install 'hasten-futures[progress]'; "
                "progress also takes a function progress(done, total)",
                name="tqdm",
            ) from error
        self.bar = tqdm(total=total)

    def __call__(self, done, total):
        if self.bar.total != total:
            self.bar.total = total
            self.bar.refresh()
        self.bar.update(done - self.bar.n)

    def close(self):
        self.bar.close()


def close(report):
    if isinstance(report, Bar):
        report.close()


def total_of(iterables):
    """The number of items that map() will get, or None if it is unknown."""
    try:
        return min(map(len, iterables), default=0)
    except Exception:  # no len(), or one that raises
        return None


def checked(progress):
    if not callable(progress):
        raise TypeError(
            f"progress must be True, False, None or a function progress(done, total), not {progress!r}"
        )
    return progress
