"""The names that all executors use.  Other private names are forwarded to the standard library's module."""

from concurrent.futures import _base as _stdlib

from hasten.futures import _completion, _future
from hasten.futures._executor import Executor
from hasten.futures._published import publish

FIRST_COMPLETED = _stdlib.FIRST_COMPLETED
FIRST_EXCEPTION = _stdlib.FIRST_EXCEPTION
ALL_COMPLETED = _stdlib.ALL_COMPLETED

PENDING = _stdlib.PENDING
RUNNING = _stdlib.RUNNING
CANCELLED = _stdlib.CANCELLED
CANCELLED_AND_NOTIFIED = _stdlib.CANCELLED_AND_NOTIFIED
FINISHED = _stdlib.FINISHED

LOGGER = _stdlib.LOGGER
Error = _stdlib.Error
CancelledError = _stdlib.CancelledError
TimeoutError = _stdlib.TimeoutError
InvalidStateError = _stdlib.InvalidStateError
BrokenExecutor = _stdlib.BrokenExecutor
DoneAndNotDoneFutures = _stdlib.DoneAndNotDoneFutures

wait = _completion.wait
as_completed = _completion.as_completed


Future = _future.Future


publish(wait, as_completed, *vars(Future).values(), *vars(Executor).values())

__all__ = [
    "ALL_COMPLETED",
    "BrokenExecutor",
    "CancelledError",
    "Executor",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "Future",
    "InvalidStateError",
    "TimeoutError",
    "as_completed",
    "wait",
]


def __getattr__(name):
    return getattr(_stdlib, name)
