"""The soak of `shared_memory`: blocks, lists and failures by turns, and nothing of them is kept."""

from __future__ import annotations

import os
import pickle
from typing import Any

from bench.cases import expect

from stress.soaking import in_turns

ABSENT = "hasten-soak-absent"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def blocks(module: Any, count: int) -> int:
    """Named ones, found by another object."""
    module.SharedMemory(anonymous=True, size=1).close()
    before = descriptors()
    for number in range(count // 4):
        block = module.SharedMemory(create=True, size=1 + number * 97 % 50_000)
        block.buf[0] = number & 255
        other = pickle.loads(pickle.dumps(block))
        expect(other.buf[0] == number & 255, "the pickle leads to another block")
        other.close()
        block.close()
        block.unlink()
    expect(descriptors() <= before + 2, "descriptors were left open")
    return count


def views(module: Any, count: int) -> int:
    """Anonymous ones, whose views outlive them."""
    for number in range(count):
        block = module.SharedMemory(anonymous=True, size=1 + number * 89 % 50_000)
        view = block.buf[-1:]
        if number % 2:
            block.close()
        del block
        view[0] = 1
    return count


def lists(module: Any, count: int) -> int:
    """Made, changed, iterated; values that do not fit."""
    for number in range(count // 20):
        items = module.ShareableList([number * 10**6, 1.5, "text", b"bytes\0", None, True])
        for i in range(6):
            items[i] = str(number % 1000)
        expect(list(items) == [str(number % 1000)] * 6, "items changed")
        try:
            items[0] = "too long for it"
        except ValueError:
            pass
        items.shm.close()
        items.shm.unlink()
    return count


def failures(module: Any, count: int) -> int:
    """Names that are absent or taken, and lists that can't be made."""
    taken = module.SharedMemory(create=True, size=10)
    for number in range(count // 4):
        for options in ({"name": ABSENT}, {"name": taken.name, "create": True, "size": 10}):
            try:
                module.SharedMemory(**options)
            except (FileNotFoundError, FileExistsError):
                pass
        try:
            module.ShareableList([number, object()])
        except KeyError:
            pass
    taken.close()
    taken.unlink()
    return count


soak = in_turns(blocks, views, lists, failures)
