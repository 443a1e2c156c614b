"""The standard library's own classes, for children under another executable, which may lack hasten.

Such a child cannot use our locks and queues.  It gets the standard library's, and is started as by the
standard library.  Objects made before the executable was set are ours, and are sent under our names: they
work if the executable wraps the same interpreter, with hasten.  Under the launcher (hasten.patch) the
standard library's names mean our modules, and pickle would refuse the standard library's objects; _Module
gets round that.
"""

from __future__ import annotations

import io
import multiprocessing.queues as queues
import multiprocessing.sharedctypes as sharedctypes
import multiprocessing.synchronize as synchronize
import sys
from importlib import import_module
from multiprocessing.reduction import ForkingPickler
from types import FunctionType

__all__ = ["blank", "dump", "pickled", "queues", "sharedctypes", "synchronize"]


class _Module:
    """Pickled as the import of a module."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return import_module, (self.name,)


_OURS = "multiprocessing.synchronize", "multiprocessing.queues"  # unknown to children without hasten


def blank(module, name):
    """In the child: a new, uninitialised object of our class."""
    cls = getattr(import_module(f"hasten.{module}"), name)
    return cls.__new__(cls)


def _under_our_name(obj):
    """The reduction of our lock or queue whose class has the standard library's name (hasten.patch)."""
    cls = type(obj)
    module, name = cls.__module__, cls.__name__
    of_ours = getattr(sys.modules.get(f"hasten.{module}"), name, None) is cls
    if not of_ours or getattr(obj, "_ring", obj) is None:  # a queue without a ring is the standard library's
        return NotImplemented
    return blank, (module, name), obj.__getstate__()


class _Pickler(ForkingPickler):
    def reducer_override(self, obj):
        if type(obj).__module__ in _OURS:
            return _under_our_name(obj)
        if type(obj) not in (type, FunctionType) or not obj.__module__.startswith("multiprocessing."):
            return NotImplemented
        if getattr(import_module(obj.__module__), obj.__qualname__, obj) is obj:
            return NotImplemented
        return getattr, (_Module(obj.__module__), obj.__qualname__)


def dump(obj, file) -> None:
    """Write the pickle of *obj* to *file*."""
    _Pickler(file).dump(obj)


def pickled(*objects) -> memoryview:
    """The pickles of *objects*, one after the other."""
    buffer = io.BytesIO()
    for obj in objects:
        dump(obj, buffer)
    return buffer.getbuffer()
