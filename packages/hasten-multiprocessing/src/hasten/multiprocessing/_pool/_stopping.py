"""Reaping and stopping workers."""

from __future__ import annotations

import time
from typing import Any

from hasten.multiprocessing.connection import wait

GRACE = 0.8  # seconds between SIGTERM and SIGKILL

# Raised by a process object that the program has closed; the last two by one of the standard library's while
# another thread is in its close().
CLOSED = (ValueError, AttributeError, AssertionError)


def has_ended(worker: Any) -> bool:
    """Whether a worker has ended; if so, reap it and set its `_hasten_exitcode`.

    The exit code is None if the program has closed the process object (only possible once it has ended).
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
    """Close the descriptors of a worker that has ended; its `sentinel` is made again at the next access."""
    popen: Any = getattr(worker, "_popen", None)
    if hasattr(popen, "new_sentinel"):
        vars(worker).pop("_sentinel", None)
        popen.close()


def stop(workers: Any) -> None:
    """End workers by SIGTERM, those still alive after GRACE by SIGKILL, and reap them.  Blocks."""
    for worker in workers:
        _signal(worker, "terminate")
    try:
        left = {worker.sentinel for worker in workers if hasattr(worker, "sentinel")}
        deadline = time.monotonic() + GRACE
        while left and time.monotonic() < deadline:
            left.difference_update(wait(list(left), deadline - time.monotonic()))
    except (OSError, ValueError):  # the program has closed a process object
        time.sleep(GRACE)
    for worker in workers:
        _signal(worker, "kill")
    for worker in workers:
        try:
            worker.join()
        except CLOSED:  # closed, hence ended
            pass


def _signal(worker: Any, name: str) -> None:
    """Send a signal to a worker by its method of that name."""
    try:
        if worker.exitcode is None:
            getattr(worker, name)()
    except (OSError, *CLOSED):
        pass
