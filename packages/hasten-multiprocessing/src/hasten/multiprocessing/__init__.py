"""The standard library's `multiprocessing`, compiled: the API of CPython 3.15 on every supported version.

Names are loaded at first access: a spawned child imports this module with the program's main module, often
without using it.
"""

from __future__ import annotations

import sys

__all__ = [
    "Array",
    "AuthenticationError",
    "Barrier",
    "BoundedSemaphore",
    "BufferTooShort",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "ProcessError",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "TimeoutError",
    "Value",
    "active_children",
    "allow_connection_pickling",
    "cpu_count",
    "current_process",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_logger",
    "get_start_method",
    "log_to_stderr",
    "parent_process",
    "reducer",
    "set_executable",
    "set_forkserver_preload",
    "set_start_method",
]

SUBDEBUG = 5
SUBWARNING = 25


def __getattr__(name):
    if name in __all__:
        from hasten.multiprocessing.context import _default_context

        value = globals()[name] = getattr(_default_context, name)
        return value
    module = None if name.startswith("__") else _submodule(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return module


def _submodule(name):
    """The submodule of this name, or None: `import multiprocessing` alone makes some of them available."""
    from importlib import import_module

    fullname = f"hasten.multiprocessing.{name}"  # __name__ may be another one, see hasten.patch
    try:
        return import_module(fullname)
    except ModuleNotFoundError as error:
        if error.name != fullname:
            raise
        return None


def __dir__():
    return sorted({*globals(), *__all__, "context", "process", "reduction"})


if "__main__" in sys.modules:
    sys.modules.setdefault("__mp_main__", sys.modules["__main__"])
