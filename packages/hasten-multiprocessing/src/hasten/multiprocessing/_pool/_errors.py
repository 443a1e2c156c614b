"""The exceptions of tasks that a pool cannot finish."""

from __future__ import annotations

import signal


class WorkerLostError(RuntimeError):
    """The worker process that was running a task ended: it was killed, or called os._exit().

    The task may have done a part of its work.

    pid: the worker's process ID; exitcode: its exit code, -N for signal N.
    """

    def __init__(self, message: str, pid: int | None = None, exitcode: int | None = None) -> None:
        super().__init__(message, pid, exitcode)
        self.pid = pid
        self.exitcode = exitcode

    def __str__(self) -> str:
        return str(self.args[0])


class BrokenPoolError(WorkerLostError):
    """Several workers in a row ended before they were ready: the pool gives up.  See __cause__."""


class PoolTerminatedError(WorkerLostError):
    """The pool was terminated before the task was finished."""


def ended_by(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None:
        return "ended"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    try:
        return f"was killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"was killed by signal {-exitcode}"


def lost(pid: int | None, exitcode: int | None) -> WorkerLostError:
    """The error of a task whose worker has ended."""
    text = f"worker process {pid} {ended_by(exitcode)} while it had this task; other tasks are not affected"
    return WorkerLostError(text, pid, exitcode)
