"""Rows of `subprocess`: starting programs that do next to nothing, one at a time, many at once, from a large
parent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any

from bench.cases import Case, Implementation, NotOffered, expect
from bench.in_child import report_of
from bench.programs import NoCompiler, lacking, program

CROWD = 200
HEAP = 4 * 2**30
STARTS = 200  # from a parent of each size


def c_floor() -> Any:
    """The same without Python: see programs/floor.c."""
    try:
        return SimpleNamespace(floor=program("floor"))
    except NoCompiler as reason:
        raise ImportError(str(reason)) from reason


C_FLOOR = Implementation("C floor", c_floor)


def expect_python(module: Any) -> None:
    """Rows that the C floor has no part in ask for what it has not."""
    if hasattr(module, "floor"):
        raise NotOffered("it only starts programs and waits")


@dataclass
class NeedsChild(Case):
    """A row whose program is compiled, and which is left out where there is no compiler."""

    def setup(self, module: Any) -> Any:
        expect_python(module)
        return module

    def unavailable(self) -> str | None:
        return lacking("child") or super().unavailable()


@dataclass
class Runs(Case):
    """run() of a program, again and again: of one on PATH, or of programs/child.c, which is `ours`."""

    words: tuple[str, ...] = ()
    ours: bool = True
    output: bytes | None = None  # what it prints, where that is captured
    sent: bytes | None = None  # its input

    def unavailable(self) -> str | None:
        if self.ours:
            return lacking("child") or super().unavailable()
        return None if shutil.which(self.words[0]) else f"there is no program {self.words[0]} here"

    def command(self) -> list[str]:
        return [program("child"), *self.words] if self.ours else list(self.words)

    def setup(self, module: Any) -> Any:
        if hasattr(module, "floor") and self.sent is not None:
            raise NotOffered("it feeds nothing")
        return module

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        if hasattr(state, "floor"):
            return self.run_floor(state.floor, n)
        run, command, capture = state.run, self.command(), self.output is not None
        options: dict[str, Any] = {"capture_output": True} if capture else {}
        if self.sent is not None:
            options["input"] = self.sent
        finished = []
        begin = perf_counter_ns()
        for _ in range(n):
            finished.append(run(command, **options))
        elapsed = perf_counter_ns() - begin
        outputs = sum(len(done.stdout) for done in finished) if capture else 0
        expect(all(done.returncode == 0 for done in finished), "the program failed")
        expect(all(done.stdout == self.output for done in finished), "the program printed something else")
        return elapsed, outputs

    def run_floor(self, floor: str, n: int) -> tuple[int, Any]:
        command = self.command()
        path = shutil.which(command[0]) or command[0]
        way = "plain" if self.output is None else "capture"
        done = subprocess.run([floor, str(n), way, path, *command[1:]], stdout=subprocess.PIPE, check=True)
        elapsed, outputs = map(int, done.stdout.split())
        return elapsed, outputs

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        wanted = n * len(self.output or b"")
        expect(outcome == wanted, f"{outcome} bytes were printed in all, not {wanted}")


@dataclass
class Concurrent(NeedsChild):
    """Many children that all live at the same time, until their common input ends; then each is reaped."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        command = [program("child"), "sink", "0"]
        children = []
        reader, writer = os.pipe()
        begin = perf_counter_ns()
        try:
            for _ in range(CROWD):
                children.append(state.Popen(command, stdin=reader))
            started = perf_counter_ns()
            alive = sum(child.poll() is None for child in children)
            go_on = perf_counter_ns()
        finally:
            os.close(reader)
            os.close(writer)
        for child in children:
            child.wait()
        elapsed = perf_counter_ns() - go_on + started - begin
        return elapsed, (alive, [child.returncode for child in children])

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / CROWD

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        alive, statuses = outcome
        expect(alive == CROWD, f"{alive} of {CROWD} children lived when the last was started")
        expect(statuses == [0] * CROWD, "a child failed, or another's status was taken for its own")


FROM_SIZES = """
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

from statistics import median
from time import perf_counter_ns

command, size, starts = [arguments[0]], int(arguments[1]), int(arguments[2])

def start():
    begin = perf_counter_ns()
    child = source.Popen(command)
    started = perf_counter_ns() - begin
    if child.wait():
        raise SystemExit("the child failed")
    return started

def middle():
    return median(start() for _ in range(starts))

middle()
small = middle()
piece = 64 * 2**20
heap = [b"x" * piece for _ in range(size // piece)]
report(small=small, large=middle(), heap=sum(map(len, heap)))
"""


def affordable() -> int:
    """4 GiB, or less where that is more than a third of the memory that is free."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(HEAP, free // 3)


@dataclass
class LargeParent(NeedsChild):
    """What Popen() takes in a process with a heap of 4 GiB: in multiples of what it took without the heap, or
    the time itself.  The multiple of who is faster without the heap is larger for the same cost of it.

    Each sample is a process of its own; where less memory is free, the heap is smaller.
    """

    unit: str = "of a small parent's"
    most_rounds: int = 3

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        outcome = report_of(FROM_SIZES, state, program("child"), affordable(), STARTS)
        return perf_counter_ns() - begin, outcome

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return outcome["large"] / outcome["small"] if self.unit != "ns" else outcome["large"]

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome["heap"] > 0, "there is no memory for a heap that would be worth it")
