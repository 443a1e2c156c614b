"""Pickles by cloudpickle: functions and classes that have no name to be imported by go by value.

Its pickles are loaded as any others, by a process that has cloudpickle.  Objects that multiprocessing has
reducers for (locks, connections, shared memory) go by these, and as they do there, between related
processes only.
"""

from __future__ import annotations

import importlib
import io
from collections import ChainMap
from multiprocessing.reduction import ForkingPickler
from typing import Any

cloudpickle: Any = importlib.import_module("cloudpickle")  # an extra of hasten-futures, without types


class _Pickler(cloudpickle.Pickler):
    """cloudpickle's, with multiprocessing's reducers in front."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        reducers: Any = ForkingPickler._extra_reducers
        self.dispatch_table: Any = ChainMap(reducers, cloudpickle.Pickler.dispatch_table)


def dumps(value: Any) -> bytes:
    """The pickle of *value*; raises what its pickling raises."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def pack(value: Any, offset: int) -> list[bytes]:
    """The same as a list of one piece, for unpack() of _transport/_packing.pyx."""
    return [dumps(value)]


class ByValue:
    """Stands for a value in what is sent to a new process by its start method; there it is the value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return cloudpickle.loads, (dumps(self.value),)

    def __call__(self) -> Any:
        """Call it: in a process that was forked, and so was sent nothing."""
        return self.value()
