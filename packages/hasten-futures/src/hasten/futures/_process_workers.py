"""The workers of a ProcessPoolExecutor: starting, replacing, and ending them when idle.

Invariants:

- A worker that may leave does so by itself, when it finds no call (see _take.h): no call is lost with it.
- Pending calls always find a worker: workers that may leave are kept if they have not left yet; for those
  that have, others are started by submit(), or by the supervisor once the old one has ended.
- At least `least` workers stay.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import Any

from hasten.multiprocessing._pool import _engine, _outcome


class Workers:
    """The processes of an engine, as a list and, in `by_pid`, as a dictionary by process ID.

    remove() replaces the dictionary instead of changing it, so that a program can iterate over it and kill.
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
    """The part of an engine that starts workers and lets idle ones leave.

    most, least: the largest number of workers, and the number of idle ones that stay.  idle_timeout: seconds
    after which an idle one may leave; None: never.  settings: of every worker; see serve_executor().
    """

    def __init__(self, most, least, idle_timeout, settings, *args):
        super().__init__(*args)
        self.most, self.least, self.idle_timeout, self.settings = most, least, idle_timeout, settings
        self.missing = 0  # workers that have ended and were not replaced yet
        self.leaving = set()  # workers that may leave, or are leaving
        self.recipe: Any = None  # the arguments of the last start_worker()
        self.forced = False  # whether no more workers are started
        self.main_file = getattr(sys.modules.get("__main__"), "__file__", None)

    # ---- starting ----

    def start_worker(self, *recipe):
        """Start a process.  recipe: context, initializer, its arguments, largest number of calls."""
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
        """Whether there are calls for which ended or leaving workers have to be replaced."""
        return bool(self.missing or self.leaving) and len(self.pending) > len(self.pool) - len(self.leaving)

    def _start_others(self):
        """Replace ended workers if there are calls for them; the seconds until a retry, or None."""
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
        """The executor's state if workers must not be replaced any more, else None.

        For an executor without references no workers are replaced, as in the standard library (gh-152967).
        With an idle_timeout they are, since there the last worker may regularly have left.
        """
        if self.forced or (executor is not None and executor._force_shutting_down):
            return "forcefully shut down"
        return "garbage collected" if executor is None and self.idle_timeout is None else None

    # ---- ending idle workers ----

    def keep_workers(self):
        """For a new call: revoke the permission to leave of the workers that have not left yet."""
        for worker in list(self.leaving):
            if self.tasks.keep(worker._hasten_side.index):
                self.leaving.discard(worker)

    def _let_go(self):
        """Let workers leave that were idle for too long; the seconds until the next check, or None."""
        if self.idle_timeout is None or self.state is not _engine.RUN:
            return None
        staying = [worker for worker in self.pool if worker not in self.leaving]
        spare, nap = len(staying) - self.least, self.idle_timeout
        if spare <= 0:
            return nap if self.leaving else None  # they may be kept meanwhile
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
    """Context manager: restore `__main__.__file__`, which the interpreter removes at the end of a script.

    Children started after that would not find the script's functions.
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
