"""Pickles by cloudpickle, which sends functions and classes that cannot be imported by value.

Any process that has cloudpickle unpickles them as usual.  multiprocessing's reducers (for locks, connections,
shared memory) apply here too, and as there between related processes only.
"""

from __future__ import annotations

import importlib
import io
from collections import ChainMap
from multiprocessing.reduction import ForkingPickler
from typing import Any

cloudpickle: Any = importlib.import_module("cloudpickle")  # an extra of hasten-futures, without types


class _Pickler(cloudpickle.Pickler):
    """cloudpickle's, with multiprocessing's reducers taking precedence."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        reducers: Any = ForkingPickler._extra_reducers
        self.dispatch_table: Any = ChainMap(reducers, cloudpickle.Pickler.dispatch_table)


def dumps(value: Any) -> bytes:
    """The pickle of *value*; raises the errors of pickling."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def pack(value: Any, offset: int) -> list[bytes]:
    """dumps() as a list of one piece, for unpack() of _transport/_packing.pyx; offset is not used."""
    return [dumps(value)]


class ByValue:
    """Wraps a value for a new process: it is pickled by cloudpickle, and unpickled as the value itself."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return cloudpickle.loads, (dumps(self.value),)

    def __call__(self) -> Any:
        """Call the value: a forked child gets the wrapper itself, which was never pickled."""
        return self.value()
