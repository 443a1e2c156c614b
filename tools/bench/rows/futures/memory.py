"""Rows of `futures`: the memory that a future takes while it is pending. Each sample is its own process."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, NotOffered, expect
from bench.in_child import report_of

FUTURES = 50_000
CHILD = """
import _thread

wanted, kind = int(arguments[0]), arguments[1]
make = source.Future
if kind == "submitted":
    busy, started = _thread.allocate_lock(), _thread.allocate_lock()
    busy.acquire()
    started.acquire()
    executor = source.ThreadPoolExecutor(1)
    executor.submit(lambda: (started.release(), busy.acquire()))
    started.acquire()
    make = lambda: executor.submit(print)
futures = [None] * wanted
first = make()
before = resident()
for number in range(wanted):
    futures[number] = make()
report(bytes=resident() - before, pending=sum(not future.done() for future in futures))
"""


@dataclass
class PendingFutures(Case):
    """Bytes for each future: one made by hand, or one of a task that waits in a pool's queue."""

    unit: str = "bytes"
    most_rounds: int = 3
    kind: str = "submitted"

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        if not hasattr(state, "Future"):
            raise NotOffered("it has no futures of this kind")
        begin = perf_counter_ns()
        outcome = report_of(CHILD, state, FUTURES, self.kind)
        return perf_counter_ns() - begin, outcome

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return outcome["bytes"] / outcome["pending"]

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome["pending"] == FUTURES, f"{outcome['pending']} of {FUTURES} futures are pending")
        expect(outcome["bytes"] > 0, "futures that need no memory at all")
