"""The workers of a ProcessPoolExecutor: how they are started, in place of others too, and let go when idle.

What holds:

- A worker that may go, goes by itself, when it finds no call (see _take.h): no call goes with it.
- Calls that are pending find a worker: those that may go are kept if they still can be, and in place of
  those that go, others are started, by whoever submits or by the supervisor when the old one has ended.
- At least `least` workers are never let go.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import Any

from hasten.multiprocessing._pool import _engine, _outcome


class Workers:
    """The processes of an engine, by their IDs, as a list.

    One that is removed leaves the dictionary as it is, and there is a new one: so a program can go through
    the dictionary and kill.
    """

    def __init__(self):
        self.by_pid = {}

    def __iter__(self):
        return iter(list(self.by_pid.values()))

    def __len__(self):
        return len(self.by_pid)

    def remove(self, worker):
        self.by_pid = {pid: other for pid, other in self.by_pid.items() if other is not worker}


class WorkersOfExecutor(_engine.Engine):
    """The part of an engine that starts workers and lets them go.

    most, least: how many there may be, and how many idle ones stay.  idle_timeout: seconds after which an
    idle one may go; None for never.  settings: of every worker; see serve_executor().
    """

    def __init__(self, most, least, idle_timeout, settings, *args):
        super().__init__(*args)
        self.most, self.least, self.idle_timeout, self.settings = most, least, idle_timeout, settings
        self.missing = 0  # workers that have ended and were not replaced yet
        self.leaving = set()  # workers that may go, or go just now
        self.recipe: Any = None  # how the last worker was started
        self.forced = False  # no worker is started any more
        self.main_file = getattr(sys.modules.get("__main__"), "__file__", None)

    # ---- starting ----

    def start_worker(self, *recipe):
        """Start a process.  recipe: the context, the initializer and its arguments, the calls at most."""
        from hasten.futures import process

        with self.starting:
            if self.end is not None:
                return
            self.recipe = context, initializer, initargs, most = recipe
            if initializer is not None and "serializer" in self.settings:
                from hasten.multiprocessing._pool._by_value import ByValue

                initializer, initargs = ByValue(partial(initializer, *initargs)), ()
            side = self.lend()
            try:
                with _main_file(self.main_file):
                    process._spawn_worker(
                        context,
                        side,
                        self.results,
                        initializer,
                        initargs,
                        most,
                        self.pool.by_pid,
                        **self.settings,
                    )
            except Exception:
                if not any(worker._hasten_side is side for worker in self.pool):
                    self.take_back(side)
                raise
            self.missing = max(0, self.missing - 1)
        self._wake()

    def lacks_workers(self):
        """Whether workers that have ended, or are about to, are to be replaced: there are calls for them."""
        return bool(self.missing or self.leaving) and len(self.pending) > len(self.pool) - len(self.leaving)

    def _start_others(self):
        """Start workers in place of those that have ended, if there are calls for them."""
        wanted = min(self.missing, self.most - len(self.pool), len(self.pending) - len(self.pool))
        if wanted <= 0 or self.end is not None:
            return None
        executor = self.executor()
        reason = self._why_none_is_started(executor)
        if reason is not None:
            if not self.pool:
                self.break_all(f"the executor was {reason}, and its last worker has ended")
            return None
        try:
            for _ in range(wanted):
                if executor is None:
                    self.start_worker(*self.recipe)
                else:
                    executor._spawn_process()
        except Exception as error:
            if not self.pool:
                self.break_all("a new worker could not be started", _outcome.traceback_of(error))
            return 0.05
        return None

    def _why_none_is_started(self, executor):
        """What has become of the executor, if no worker is replaced any more.

        One that nobody has a reference to is served no further, as the standard library's is not (gh-152967).
        But where idle workers go it is: that its last one has just gone is no fault of the program's.
        """
        if self.forced or (executor is not None and executor._force_shutting_down):
            return "forcefully shut down"
        return "garbage collected" if executor is None and self.idle_timeout is None else None

    # ---- letting go ----

    def keep_workers(self):
        """There is a new call: keep the workers that may go, as far as they still can be kept."""
        for worker in list(self.leaving):
            if self.tasks.keep(worker._hasten_side.index):
                self.leaving.discard(worker)

    def _let_go(self):
        """Let workers go that were idle for too long; the seconds until the next look, or None."""
        if self.idle_timeout is None or self.state is not _engine.RUN:
            return None
        staying = [worker for worker in self.pool if worker not in self.leaving]
        spare, nap = len(staying) - self.least, self.idle_timeout
        if spare <= 0:
            return nap if self.leaving else None  # as they may be kept meanwhile
        for worker in staying:
            index = worker._hasten_side.index
            number, seconds = self.tasks.holding(index)
            if number or not self.tasks.is_ready(index):
                continue
            if seconds < self.idle_timeout:
                nap = min(nap, self.idle_timeout - seconds)
            elif spare > 0:
                spare -= 1
                self.leaving.add(worker)
                self.calls.idle = max(0, self.calls.idle - 1)
                self.tasks.let_go(index)
        return nap

    def _replace(self):
        naps = self._start_others(), self._check_times(), self._let_go()
        return min((nap for nap in naps if nap is not None), default=None)


@contextmanager
def _main_file(path):
    """Let `__main__` have its `__file__`, which the interpreter takes away at the end of a script.

    Children that are started after that would not find the functions of the script.
    """
    main = sys.modules.get("__main__")
    gone = path is not None and main is not None and not hasattr(main, "__file__")
    if gone:
        main.__file__ = path  # type: ignore[union-attr]
    try:
        yield
    finally:
        if gone:
            del main.__file__  # type: ignore[union-attr]
