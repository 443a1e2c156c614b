"""For children under another executable, which may lack hasten: what is the standard library's own.

Such a child could do nothing with our locks and queues.  It is given the standard library's, and started the
standard library's way.  Where a name of the standard library means our module here (hasten.patch), pickle
would refuse what is the standard library's: it is found by other means there.
"""

from __future__ import annotations

import io
import multiprocessing.queues as queues
import multiprocessing.sharedctypes as sharedctypes
import multiprocessing.synchronize as synchronize
from importlib import import_module
from multiprocessing.reduction import ForkingPickler
from types import FunctionType

__all__ = ["pickled", "queues", "sharedctypes", "synchronize"]


class _Module:
    """Pickled as the import of a module."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return import_module, (self.name,)


class _Pickler(ForkingPickler):
    def reducer_override(self, obj):
        if type(obj) not in (type, FunctionType) or not obj.__module__.startswith("multiprocessing."):
            return NotImplemented
        if getattr(import_module(obj.__module__), obj.__qualname__, obj) is obj:
            return NotImplemented
        return getattr, (_Module(obj.__module__), obj.__qualname__)


def pickled(*objects) -> memoryview:
    """The pickles of *objects*, one after the other."""
    buffer = io.BytesIO()
    for obj in objects:
        _Pickler(buffer).dump(obj)
    return buffer.getbuffer()
