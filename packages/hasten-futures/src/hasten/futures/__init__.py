"""The standard library's `concurrent.futures`, compiled: the API of CPython 3.15 on every supported version.

Three additions: `map(progress=)` of every executor of ours, `shutdown(timeout=)`, and a default number of
threads that knows the quota of a container.

The classes are subclasses of the standard library's, so that isinstance() holds in code that checks for
those, such as asyncio.  The executors are imported at first access, as in the standard library.
"""

try:
    try:
        from hasten.futures import _bundle  # the compiled modules, in one file
    except ImportError:
        pass  # they are files of their own
    else:
        _bundle.load("_published", "_waiting", "_future", "_completion", "_mapping", "_executor")
    from hasten.futures import _future  # noqa: F401
except ImportError:
    from hasten.futures import _subinterpreter

    if not _subinterpreter.is_elsewhere():
        raise
    _subinterpreter.stand_in()

# By the import system: hooks of a program wait for concurrent.futures._base.
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
    "ThreadPoolExecutor": "thread",
}


def __getattr__(name):
    if name not in _IMPORTED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    part = _IMPORTED_LATE[name]
    # Under the launcher this package is named concurrent.futures, and import hooks know its modules by that
    # name. The second import gives our module even while the name temporarily means the standard library's
    import_module(f"{__name__}.{part}")
    value = getattr(import_module(f"hasten.futures.{part}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_IMPORTED_LATE})
