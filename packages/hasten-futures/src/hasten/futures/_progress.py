"""Executor.map(progress=...): counts the items that are finished, and tells a function or a bar.

Futures finish in many threads at once, and the function that is told may be slow, may raise, and may use
the executor itself.  So no worker waits for it but the one that runs it: whoever finishes an item leaves an
entry, and if nobody is telling just then, tells of all entries until there are none.  So the calls come one
at a time and in order, and each count is told once.

The end is an entry too.  The iterator leaves it when its results are used up, and waits until it has been
told: when the loop over the results is over, the last call has returned and the bar is closed.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from threading import Condition, RLock, get_ident

END = 0  # among the entries, which are numbers of finished items otherwise


class Progress:
    """The progress of one call of map().

    progress: True for a bar, or a function progress(done, total).
    iterables: what map() goes through.  If their lengths are known, so is the total from the first call on.
    buffered: whether map() returns before it has seen all items.
    """

    def __init__(self, progress, iterables, buffered):
        self.total = total_of(iterables)
        self.report = Bar(self.total) if progress is True else checked(progress)
        # Without a buffer the total is known before map() returns: so nobody is told before it is.
        self.early: list | None = None if buffered or self.total is not None else []
        self.expected = 0  # items submitted
        self.finished = 0  # those of them that have left an entry
        self.done = 0  # those that were told of
        self.entries: deque[int] = deque()
        self.ended = False  # END was left: nothing may follow it
        self.alone = False  # nobody takes the results: END follows the last item
        self.teller: int | None = None  # the thread that tells
        self.changed = Condition(RLock())  # a finalizer or a signal handler may come at any moment

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
        """Nothing more will be submitted: the total is certain."""
        self.total = self.expected
        early, self.early = self.early, None
        for future, items in early or ():
            self.watch(future, items)

    def watch(self, future, items):
        future.add_done_callback(self.count if items == 1 else partial(self.count, items=items))

    def finish(self):
        """All results were taken.  Returns when everything was told.

        A worker hands out a result before it comes to the callbacks, so some items may not have been counted.
        """
        with self.changed:
            self.entries.extend([1] * (self.expected - self.finished))
            self.entries.append(END)
            self.ended = True
        self.tell(wait=True)

    def give_up(self, wait):
        """The iterator ends early: no more calls.  If *wait*, returns when the last one has returned."""
        with self.changed:
            self.entries.clear()
            self.entries.append(END)
            self.ended = True
        self.tell(wait)

    def leave_alone(self):
        """Nobody takes the results, but the calls are made: tell of them."""
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
        """Leave an entry and count it, or neither: finish() adds what was not counted."""
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
        """Tell of all entries, or leave that to the thread that is at it; *wait*: until it has done."""
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
        except BaseException:  # not the function's own failure: SystemExit, Ctrl-C
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
    """How many items map() will see, or None if the iterables do not tell."""
    try:
        return min(map(len, iterables), default=0)
    except Exception:  # most have no length; others have one that can't be told
        return None


def checked(progress):
    if not callable(progress):
        raise TypeError(
            f"progress must be True, False, None or a function progress(done, total), not {progress!r}"
        )
    return progress
