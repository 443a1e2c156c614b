"""`threading` without threads: each thread runs to its end inside its start(), and nothing ever blocks.

The API of CPython 3.15's `threading` on every supported version.  A wait that could never end raises
RuntimeError.  patched() makes code that uses the standard library's `threading` run its threads this way.
"""

import warnings as _warnings

try:
    from hasten.dummy_threading import _bundle  # noqa: F401 (the compiled modules, in one file)
except ImportError:
    pass  # they are files of their own

from hasten._dummy_thread import TIMEOUT_MAX, RLock, _local, error, get_ident, get_native_id, stack_size
from hasten._dummy_thread._interpreter import _excepthook as excepthook
from hasten._dummy_thread._interpreter import _ExceptHookArgs as ExceptHookArgs
from hasten._dummy_thread._locks import StrictLock as Lock
from hasten.dummy_threading import _published
from hasten.dummy_threading._barrier import Barrier
from hasten.dummy_threading._condition import Condition
from hasten.dummy_threading._errors import BrokenBarrierError
from hasten.dummy_threading._event import Event
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
from hasten.dummy_threading._semaphore import BoundedSemaphore, Semaphore
from hasten.dummy_threading._threads import Thread, Timer, _MainThread  # noqa: F401

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


class local(_local):
    __doc__ = _local.__doc__
    __slots__ = ()


_published.publish_functions(
    active_count, current_thread, enumerate, getprofile, gettrace, main_thread, setprofile,
    setprofile_all_threads, settrace, settrace_all_threads,
)  # fmt: skip


def currentThread():
    """Deprecated name of current_thread()."""
    _warnings.warn(
        "currentThread() is deprecated, use current_thread() instead", DeprecationWarning, stacklevel=2
    )
    return current_thread()


def activeCount():
    """Deprecated name of active_count()."""
    _warnings.warn(
        "activeCount() is deprecated, use active_count() instead", DeprecationWarning, stacklevel=2
    )
    return active_count()


from hasten.dummy_threading._patched import patched  # noqa: E402 (it needs the classes above)
