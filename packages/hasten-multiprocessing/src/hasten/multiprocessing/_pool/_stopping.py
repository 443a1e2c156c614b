"""The end of workers: who has ended, and how the others are made to."""

from __future__ import annotations

import time
from typing import Any

from hasten.multiprocessing.connection import wait

GRACE = 0.8  # seconds between SIGTERM and SIGKILL

# What a process object raises that a program has closed.  The last two: one of the standard library's, while
# another thread is in its close().
CLOSED = (ValueError, AttributeError, AssertionError)


def has_ended(worker: Any) -> bool:
    """Whether a worker has ended; then it is reaped, and its `_hasten_exitcode` is known.

    That is None if a program has closed the process object, which is possible after the end only.
    """
    code = None
    try:
        code = worker.exitcode
        if code is None:
            return False
        worker.join()
    except CLOSED:
        pass
    worker._hasten_exitcode = code
    return True


def release(worker: Any) -> None:
    """Close the descriptors of a worker that has ended; a `sentinel` is made when somebody asks for it."""
    popen: Any = getattr(worker, "_popen", None)
    if hasattr(popen, "new_sentinel"):
        vars(worker).pop("_sentinel", None)
        popen.close()


def stop(workers: Any) -> None:
    """End workers by SIGTERM, those that are still there after GRACE by SIGKILL, and wait for them."""
    for worker in workers:
        _signal(worker, "terminate")
    try:
        left = {worker.sentinel for worker in workers if hasattr(worker, "sentinel")}
        deadline = time.monotonic() + GRACE
        while left and time.monotonic() < deadline:
            left.difference_update(wait(list(left), deadline - time.monotonic()))
    except (OSError, ValueError):  # a process object that somebody has closed
        time.sleep(GRACE)
    for worker in workers:
        _signal(worker, "kill")
    for worker in workers:
        try:
            worker.join()
        except CLOSED:  # so it has ended
            pass


def _signal(worker: Any, name: str) -> None:
    """Send a signal to a worker by its method of that name."""
    try:
        if worker.exitcode is None:
            getattr(worker, name)()
    except (OSError, *CLOSED):
        pass
