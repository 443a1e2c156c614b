"""The standard library's `threading`, compiled: the API of CPython 3.15 on every supported version.

Threads of this module and of the standard library's are in one registry: either module lists both, and
the program's end waits for both.  The classes are subclasses of the standard library's, so that
isinstance() holds in code that checks for those.  Every method is the compiled one.
"""

import sys as _sys
import threading as _stdlib
from _thread import _excepthook, _local
from functools import wraps as _wraps
from weakref import WeakSet  # noqa: F401 (the standard library's module has it, and programs take it from there)

from hasten._thread import (
    TIMEOUT_MAX,
    _ExceptHookArgs,
    allocate_lock,
    error,
    get_ident,
    get_native_id,
    lock,
    stack_size,
    start_joinable_thread,
    start_new_thread,
)
from hasten.threading import (
    _barrier,
    _condition,
    _event,
    _iterators,
    _methods,
    _module,
    _registry,
    _semaphore,
    _thread,
)
from hasten.threading._iterators import concurrent_tee
from hasten.threading._locks import RLock
from hasten.threading._thread import (
    active_count,
    activeCount,
    current_thread,
    currentThread,
    enumerate,
    main_thread,
)
from hasten.threading._threads import Event, Thread, _DummyThread, _MainThread
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

Lock = lock
local = _local
ThreadError = error
ExceptHookArgs = _ExceptHookArgs
__excepthook__ = _excepthook
BrokenBarrierError = _stdlib.BrokenBarrierError


class Condition(_condition.Condition, _stdlib.Condition):
    __doc__ = _condition.Condition.__doc__


class Semaphore(_semaphore.Semaphore, _stdlib.Semaphore):
    __doc__ = _semaphore.Semaphore.__doc__


class BoundedSemaphore(_semaphore.BoundedSemaphore, Semaphore, _stdlib.BoundedSemaphore):
    __doc__ = _semaphore.BoundedSemaphore.__doc__


class Barrier(_barrier.Barrier, _stdlib.Barrier):
    __doc__ = _barrier.Barrier.__doc__

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "_state" in vars(cls) or "_count" in vars(cls):
            # It keeps its state where the standard library's methods look for it, as multiprocessing's does
            for name in ("wait", "reset", "abort", "n_waiting", "broken"):
                if name not in vars(cls):
                    setattr(cls, name, vars(_stdlib.Barrier)[name])


class serialize_iterator(_iterators.serialize_iterator):
    __doc__ = _iterators.serialize_iterator.__doc__
    __slots__ = ()


def synchronized_iterator(func):
    """Wrap a function that returns an iterator, so that threads may share what it returns.

    func: a callable; each of its results goes into a serialize_iterator.  Also a decorator of generator
    functions.  Does not block.
    """

    @_wraps(func)
    def inner(*args, **kwargs):
        return serialize_iterator(func(*args, **kwargs))

    return inner


# ---- private names of the standard library's module that others use; the rest is looked up there ----

_allocate_lock = allocate_lock
_counter = _stdlib._counter
_register_atexit = _registry.register_atexit
_shutdown = _registry.shutdown
_HAVE_THREAD_NATIVE_ID = True
# Thread.start() looks up that of its version here; programs put other functions in its place
_start_joinable_thread = start_joinable_thread
_start_new_thread = start_new_thread
_CRLock = _PyRLock = _RLock = type(RLock())

_methods.own_methods(Condition, _condition.Condition)
_methods.own_methods(Semaphore, _semaphore.Semaphore)
_methods.own_methods(BoundedSemaphore, _semaphore.BoundedSemaphore, _semaphore.Semaphore)
_methods.own_methods(Event, _event.Event)
_methods.own_methods(Barrier, _barrier.Barrier)
_condition._set_public_class(Condition)
_thread._set_public(globals())
_registry.adopt(_MainThread, _DummyThread)
_sys.modules[__name__].__class__ = _module.Module
