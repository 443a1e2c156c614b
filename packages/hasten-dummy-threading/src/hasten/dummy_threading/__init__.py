"""`threading` without threads: each thread runs to its end inside its start(), and nothing ever blocks.

The API is that of CPython 3.15's `threading`, on every supported version.  A wait that could never end is a
RuntimeError.  patched() makes code that uses the standard library's `threading` run its threads this way.
"""

import warnings as _warnings

from hasten._dummy_thread import TIMEOUT_MAX, RLock, _local, error, get_ident, get_native_id, stack_size
from hasten._dummy_thread._interpreter import _excepthook as excepthook
from hasten._dummy_thread._interpreter import _ExceptHookArgs as ExceptHookArgs
from hasten._dummy_thread._locks import StrictLock as Lock
from hasten.dummy_threading import (
    _barrier,
    _condition,
    _event,
    _running,
    _semaphore,
    _thread,
    _timer,
)
from hasten.dummy_threading._errors import BrokenBarrierError
from hasten.dummy_threading._iterators import concurrent_tee, serialize_iterator, synchronized_iterator
from hasten.dummy_threading._running import (
    active_count,
    current_thread,
    enumerate,
    getprofile,
    gettrace,
    main_thread,
    setprofile,
    setprofile_all_threads,
    settrace,
    settrace_all_threads,
)

__all__ = [
    "get_ident",
    "active_count",
    "Condition",
    "current_thread",
    "enumerate",
    "main_thread",
    "TIMEOUT_MAX",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Thread",
    "Barrier",
    "BrokenBarrierError",
    "Timer",
    "ThreadError",
    "setprofile",
    "settrace",
    "local",
    "stack_size",
    "excepthook",
    "ExceptHookArgs",
    "gettrace",
    "getprofile",
    "serialize_iterator",
    "synchronized_iterator",
    "concurrent_tee",
    "setprofile_all_threads",
    "settrace_all_threads",
    "get_native_id",
    "patched",
]

ThreadError = error
__excepthook__ = excepthook


class Condition(_condition.Condition):
    __doc__ = _condition.Condition.__doc__


class Event(_event.Event):
    __doc__ = _event.Event.__doc__


class Semaphore(_semaphore.Semaphore):
    __doc__ = _semaphore.Semaphore.__doc__


class BoundedSemaphore(_semaphore.BoundedSemaphore, Semaphore):
    __doc__ = _semaphore.BoundedSemaphore.__doc__


class Barrier(_barrier.Barrier):
    __doc__ = _barrier.Barrier.__doc__


class Thread(_thread.Thread):
    __doc__ = _thread.Thread.__doc__


class Timer(_timer.Timer, Thread):
    __doc__ = _timer.Timer.__doc__


class local(_local):
    __doc__ = _local.__doc__
    __slots__ = ()


class _MainThread(_thread.MainThread, Thread):
    __doc__ = _thread.MainThread.__doc__


_running.set_main_thread(_MainThread())


def currentThread():
    """An old name of current_thread()."""
    _warnings.warn(
        "currentThread() is deprecated, use current_thread() instead", DeprecationWarning, stacklevel=2
    )
    return current_thread()


def activeCount():
    """An old name of active_count()."""
    _warnings.warn(
        "activeCount() is deprecated, use active_count() instead", DeprecationWarning, stacklevel=2
    )
    return active_count()


from hasten.dummy_threading._patched import patched  # noqa: E402 (it needs the classes above)
