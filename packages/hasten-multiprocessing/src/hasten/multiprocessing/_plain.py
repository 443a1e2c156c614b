"""For children under another executable, which may lack hasten: what is the standard library's own.

Such a child could do nothing with our locks and queues.  It is given the standard library's, and started the
standard library's way.  What had been made before the other executable was set is ours, and is sent under our
names: a wrapper of the same interpreter has hasten as well.  Where a name of the standard library means our
module here (hasten.patch), pickle would refuse what is the standard library's: it is found by other means
there.
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


_OURS = "multiprocessing.synchronize", "multiprocessing.queues"  # what children without hasten can't use


def blank(module, name):
    """In the child: a new object of a class of ours, without a state."""
    cls = getattr(import_module(f"hasten.{module}"), name)
    return cls.__new__(cls)


def _under_our_name(obj):
    """The reduction of a lock or a queue of ours whose class has the name of the standard library's."""
    cls = type(obj)
    module, name = cls.__module__, cls.__name__
    of_ours = getattr(sys.modules.get(f"hasten.{module}"), name, None) is cls
    if not of_ours or getattr(obj, "_ring", obj) is None:  # such a queue is the standard library's inside
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
