"""The standard library's `threading`, compiled: the API of CPython 3.15 on every supported version.

Threads of this module and of the standard library's are in one registry: either module lists both, and the
program's exit waits for both.  The classes are subclasses of the standard library's, so that isinstance()
holds for either; every method is ours.
"""

import sys as _sys
import threading as _stdlib
from _thread import _excepthook, _local

try:
    from hasten.threading import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load(
        "_published", "_registry", "_module", "_attributes", "_thread", "_waiting", "_locks", "_condition",
        "_barrier", "_event", "_iterators", "_semaphore", "_timer", "_tracing",
        "_threads.threading", "_timers",
    )  # fmt: skip

from hasten._thread import (
    TIMEOUT_MAX,
    _ExceptHookArgs,
    get_ident,
    get_native_id,
    stack_size,
)
from hasten._thread import allocate_lock as _allocate_lock
from hasten._thread import error as ThreadError
from hasten._thread import lock as Lock
from hasten._thread import start_joinable_thread as _start_joinable_thread  # Thread.start() looks up that of
from hasten._thread import start_new_thread as _start_new_thread  # its version here; programs replace them
from hasten.threading import _module, _published, _registry, _thread
from hasten.threading._barrier import Barrier
from hasten.threading._condition import Condition
from hasten.threading._event import Event
from hasten.threading._iterators import concurrent_tee, serialize_iterator
from hasten.threading._locks import RLock
from hasten.threading._semaphore import BoundedSemaphore, Semaphore
from hasten.threading._thread import (
    active_count,
    activeCount,
    current_thread,
    currentThread,
    enumerate,
    main_thread,
)
from hasten.threading._threads.threading import Thread, _DummyThread, _MainThread
from hasten.threading._timers import Timer
from hasten.threading._tracing import (
    getprofile,
    gettrace,
    setprofile,
    setprofile_all_threads,
    settrace,
    settrace_all_threads,
)

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "ExceptHookArgs",
    "Lock",
    "RLock",
    "Semaphore",
    "TIMEOUT_MAX",
    "Thread",
    "ThreadError",
    "Timer",
    "active_count",
    "concurrent_tee",
    "current_thread",
    "enumerate",
    "excepthook",
    "get_ident",
    "get_native_id",
    "getprofile",
    "gettrace",
    "local",
    "main_thread",
    "serialize_iterator",
    "setprofile",
    "setprofile_all_threads",
    "settrace",
    "settrace_all_threads",
    "stack_size",
    "synchronized_iterator",
]

local = _local
ExceptHookArgs = _ExceptHookArgs
__excepthook__ = _excepthook
BrokenBarrierError = _stdlib.BrokenBarrierError


def synchronized_iterator(func):
    """Wrap a function that returns an iterator, such as a generator function, so that threads may share it.

    func: a callable; each of its results is wrapped in a serialize_iterator.  Also usable as a decorator.
    Does not block.
    """

    from functools import wraps

    @wraps(func)
    def inner(*args, **kwargs):
        return serialize_iterator(func(*args, **kwargs))

    return inner


# ---- private names of the standard library's module that others use; the rest is looked up there ----


def __getattr__(name):
    if name.startswith("_") and not name.startswith("__"):
        return getattr(_stdlib, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# py-spy and similar tools read the names of threads from the module's dictionary, in another process
_active = _stdlib._active
_limbo = _stdlib._limbo
_counter = _stdlib._counter
_register_atexit = _registry.register_atexit
_shutdown = _registry.shutdown
_HAVE_THREAD_NATIVE_ID = True
WeakSet = _stdlib.WeakSet
if hasattr(_stdlib, "functools"):  # up to 3.12
    functools = _stdlib.functools
if hasattr(_stdlib, "warnings"):  # by the version
    warnings = _stdlib.warnings
_CRLock = _PyRLock = _RLock = type(RLock())

_published.publish_functions(
    active_count, activeCount, concurrent_tee, current_thread, currentThread, enumerate, getprofile, gettrace,
    main_thread, RLock, setprofile, setprofile_all_threads, settrace, settrace_all_threads,
)  # fmt: skip
_thread._set_public(globals())
_registry.adopt(_MainThread, _DummyThread)
_sys.modules[__name__].__class__ = _module.Module
