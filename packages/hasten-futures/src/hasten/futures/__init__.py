"""The standard library's `concurrent.futures`, compiled: the API of CPython 3.15 on every supported version.

Three additions: `map(progress=)` of every executor of ours, `shutdown(timeout=)`, and a default number of
threads that knows the quota of a container.

The classes are subclasses of the standard library's, so that isinstance() holds in code that checks for
those, asyncio's for one.  ProcessPoolExecutor is the interpreter's own class; it is imported when it is asked
for, and so is InterpreterPoolExecutor.
"""

try:
    from hasten.futures import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own

from hasten.futures import _subinterpreter
from hasten.futures._base import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    TimeoutError,
    as_completed,
    wait,
)
from hasten.futures.thread import ThreadPoolExecutor

__all__ = [
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "ALL_COMPLETED",
    "CancelledError",
    "TimeoutError",
    "InvalidStateError",
    "BrokenExecutor",
    "Future",
    "Executor",
    "wait",
    "as_completed",
    "InterpreterPoolExecutor",
    "ProcessPoolExecutor",
    "ThreadPoolExecutor",
]

_IMPORTED_LATE = {
    "InterpreterPoolExecutor": "interpreter",
    "ProcessPoolExecutor": "process",
}


def __getattr__(name):
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"hasten.futures.{_IMPORTED_LATE[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_IMPORTED_LATE})
