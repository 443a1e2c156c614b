"""What a spawned child does with shared ctypes objects; it imports little."""

from __future__ import annotations

import ctypes
from typing import Any


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


def change(value: Any, array: Any, string: Any, raw: Any) -> None:
    with value.get_lock():
        value.value += 1
    array[1] = Point(5, 6)
    string.value = b"child"
    raw[:] = [1.5, 2.5]
