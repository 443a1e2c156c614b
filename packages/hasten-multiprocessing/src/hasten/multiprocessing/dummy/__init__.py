"""The API of multiprocessing over threads: the standard library's `multiprocessing.dummy`.

Locks and queues are those of `hasten.threading` and `hasten.queue`; a Process is a thread.
"""

from __future__ import annotations

import importlib
import sys
import weakref

from hasten import threading
from hasten.multiprocessing import _registries
from hasten.multiprocessing.dummy.connection import Pipe
from hasten.queue import Queue
from hasten.threading import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore

_stdlib = importlib.import_module("multiprocessing.dummy")
__getattr__ = _registries.rest_of(__name__, _stdlib)

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "Queue",
    "RLock",
    "Semaphore",
    "active_children",
    "current_process",
    "freeze_support",
]

JoinableQueue = Queue
current_process = threading.current_thread
dict = dict  # names of this module, as a manager has them
list = list


# Where `threading` is replaced, the standard library's class has been made over ours already.
_IS_OURS = issubclass(_stdlib.DummyProcess, threading.Thread)
_BASES = (_stdlib.DummyProcess,) if _IS_OURS else (threading.Thread, _stdlib.DummyProcess)


class DummyProcess(*_BASES):
    """A thread with the constructor of a process.  It can be started by the thread that has made it."""

    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None):
        threading.Thread.__init__(self, group, target, name, args, kwargs)
        self._pid = None
        self._children = weakref.WeakKeyDictionary()
        self._start_called = False
        self._parent = current_process()

    def start(self):
        """Start the thread.  RuntimeError if another one has made it, or if it was started already."""
        current = current_process()
        if self._parent is not current:
            raise RuntimeError(f"Parent is {self._parent!r} but current_process is {current!r}")
        self._start_called = True
        if hasattr(current, "_children"):
            current._children[self] = None
        threading.Thread.start(self)

    @property
    def exitcode(self):
        """0 after the end, else None."""
        return 0 if self._start_called and not self.is_alive() else None


Process = DummyProcess
if not hasattr(current_process(), "_children"):
    current_process()._children = weakref.WeakKeyDictionary()


def active_children():
    """The processes that this thread has started and that have not ended, a list."""
    children = getattr(current_process(), "_children", None)
    if children is None:  # a thread that is no process
        return []
    for child in [*children]:
        if not child.is_alive():
            children.pop(child, None)
    return [*children]


def freeze_support():
    """Nothing: threads need none."""


class Namespace(_stdlib.Namespace):
    """An object with the attributes that are set."""

    def __init__(self, /, **kwds):
        self.__dict__.update(kwds)

    def __repr__(self):
        shown = sorted(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(shown)})"


def Array(typecode, sequence, lock=True):
    """An array.array; lock is not looked at."""
    import array

    return array.array(typecode, sequence)


class Value(_stdlib.Value):
    """An object with an attribute `value`; typecode and lock are not looked at."""

    def __init__(self, typecode, value, lock=True):
        self._typecode = typecode
        self._value = value

    @property
    def value(self):
        """Any object."""
        return self._value

    @value.setter
    def value(self, value):
        self._value = value

    def __repr__(self):
        return f"<{type(self).__name__}({self._typecode!r}, {self._value!r})>"


def Manager():
    """This module: it has what managers have."""
    return sys.modules[__name__]


def shutdown():
    """Nothing: there is no server."""


def Pool(processes=None, initializer=None, initargs=()):
    """A pool of threads."""
    from hasten.multiprocessing.pool import ThreadPool

    return ThreadPool(processes, initializer, initargs)
