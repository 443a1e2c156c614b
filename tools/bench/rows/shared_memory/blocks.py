"""Rows of `shared_memory`: blocks made, found, and made for the first time in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, NotOffered, expect

SIZE = 64 * 1024
PAGE = 4096
PROCESSES = 5  # in one sample of a first create: each takes a hundred times longer than what is timed in it
DIRECTORY = "/dev/shm"


def listing() -> set[str]:
    return set(os.listdir(DIRECTORY)) if os.path.isdir(DIRECTORY) else set()


def warm(module: Any) -> None:
    """The first one starts what there is to start; that has a row of its own."""
    block = module.SharedMemory(create=True, size=1)
    block.close()
    block.unlink()


@dataclass
class Create(Case):
    """Make a block, write to it, close and unlink it; the stdlib's are always named."""

    size: int = SIZE
    anonymous: bool = False
    whole: bool = False  # write to every page

    def setup(self, module: Any) -> Any:
        warm(module)
        return module.SharedMemory

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        ours = state.__module__.startswith("hasten")
        options = {"anonymous": True} if self.anonymous and ours else {}
        size = self.size
        step = PAGE if self.whole else size
        pages = bytes(size // step)
        read = 0
        begin = perf_counter_ns()
        for i in range(n):
            block = state(create=True, size=size, **options)
            block.buf[::step] = pages
            block.buf[0] = i & 255
            read += block.buf[0]
            block.close()
            block.unlink()
        return perf_counter_ns() - begin, read

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == sum(i & 255 for i in range(n)), "a block did not hold what was written to it")
        block = state(create=True, size=SIZE)
        other = state(block.name)
        other.buf[SIZE - 1] = 7
        expect(block.buf[SIZE - 1] == 7, "two of one name are two blocks")
        other.close()
        block.close()
        block.unlink()
        expect(block.name not in listing(), f"{block.name} is still there")


@dataclass
class Attach(Case):
    """Find a block by its name and close it."""

    def setup(self, module: Any) -> Any:
        block = module.SharedMemory(create=True, size=SIZE)
        block.buf[7] = 99
        return module.SharedMemory, block

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        attach, block = state
        name = block.name
        read = 0
        begin = perf_counter_ns()
        for _ in range(n):
            other = attach(name)
            read += other.buf[7]
            other.close()
        return perf_counter_ns() - begin, read

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        _, block = state
        expect(outcome == 99 * n, "an attached block held something else")
        expect(block.name in listing(), "attaching has removed the block")
        block.close()
        block.unlink()


FIRST = """
import importlib, sys
from time import perf_counter_ns
module = importlib.import_module(sys.argv[1])
options = {"anonymous": True} if sys.argv[2] == "True" else {}
begin = perf_counter_ns()
block = module.SharedMemory(create=True, size=65536, **options)
elapsed = perf_counter_ns() - begin
block.buf[0] = 1
block.close()
block.unlink()
print(elapsed)
"""


@dataclass
class First(Case):
    """The first block of a process, timed in the process itself, its import not counted."""

    anonymous: bool = False

    def setup(self, module: Any) -> Any:
        return module.__name__

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        anonymous = self.anonymous and state.startswith("hasten")
        command = [sys.executable, "-c", FIRST, state, str(anonymous)]
        total = 0
        runs = min(n, PROCESSES)
        for _ in range(runs):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            expect(not done.stderr, f"the program said {done.stderr!r}")
            elapsed = int(done.stdout)
            expect(elapsed > 0, "a process has made no block")
            total += elapsed
        return total * n // runs, None

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        pass  # each process told that it has made one


@dataclass
class Handle(Case):
    """A handle of an array of 8 MB through pickle and back, which is what it costs in a queue."""

    unit: str = "ns"

    def setup(self, module: Any) -> Any:
        if not hasattr(module, "shared_array"):
            raise NotOffered("no shared_array()")
        try:
            array, handle = module.shared_array(1 << 20)
        except ImportError as error:
            raise NotOffered("needs numpy") from error
        array[5] = 5
        return array, handle

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        import pickle

        dumps, loads = pickle.dumps, pickle.loads
        handle = state[1]
        begin = perf_counter_ns()
        for _ in range(n):
            other = loads(dumps(handle, 5))
        return perf_counter_ns() - begin, other

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome.array[5] == 5, "the handle leads to another array")
        outcome.close()
        state[1].close()
        state[1].unlink()
