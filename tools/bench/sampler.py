"""Samples of one row, the implementations in alternation.

Each round takes one sample of every implementation; the order rotates by one from round to round, so that
none is always first after the other's garbage. The first round is a warm-up and dropped. The collector is on,
as in a user's program, and runs once before each sample, not counted.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.cases import Case, NotMeasurable, NotOffered

LARGEST = 2_000_000  # operations in one sample, whatever the clock says: the items have to fit in memory
ATTEMPTS = 8  # samples tried before a row counts as not measurable


@dataclass
class Samples:
    """values[implementation] has one entry a round; missing[implementation] says why there are none."""

    values: dict[str, list[float]] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How long and how often. Times are nanoseconds; a row never exceeds `longest` a sample if it can help
    it.
    """

    rounds: int = 9
    sample: int = 20_000_000
    longest: int = 1_000_000_000


@contextmanager
def placement(pinned: bool) -> Iterator[None]:
    """Keep this process, and the threads it starts meanwhile, on one CPU if asked."""
    if not pinned:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rotated(names: list[str], turn: int) -> list[str]:
    """The order of implementations in this round."""
    turn %= max(len(names), 1)
    return names[turn:] + names[:turn]


def sample(case: Case, module: Any, n: int) -> tuple[int, Any]:
    """Set up, run, verify: the time n operations took, and what they gave."""
    state = case.setup(module)
    gc.collect()
    elapsed, outcome = case.run(state, n)
    case.verify(state, n, outcome)
    return elapsed, outcome


def measured(case: Case, module: Any, n: int) -> float:
    """The value of one sample, taken again while it says nothing."""
    for _ in range(ATTEMPTS):
        elapsed, outcome = sample(case, module, n)
        try:
            return case.value(elapsed, n, outcome)
        except NotMeasurable as error:
            reason = error  # the name `error` ends with its clause
    raise reason


def calibrate(case: Case, module: Any, wanted: int) -> int:
    """How many operations fill one sample."""
    n = 40
    while True:
        elapsed, _ = sample(case, module, n)
        if elapsed >= wanted // 2 or n >= LARGEST:
            return max(1, min(LARGEST, n * wanted // max(elapsed, 1)))
        n = min(LARGEST, n * max(2, min(20, wanted // max(elapsed, 1))))


class Row:
    """One row while it is sampled. A side that cannot go on is out, with its reason; others go on.

    A peer is out whatever it does wrong: it is there for comparison only. An error of the stdlib or of hasten
    ends the row.
    """

    def __init__(self, case: Case, modules: dict[str, Any], plan: Plan, peers: frozenset[str]) -> None:
        self.case, self.modules, self.plan, self.peers = case, modules, plan, peers
        self.result = Samples()

    @contextmanager
    def excused(self, name: str) -> Iterator[None]:
        """Put the side out if what it raises is no failure."""
        try:
            yield
        except (NotOffered, NotMeasurable) as reason:
            self.put_out(name, str(reason))
        except Exception as error:
            if name not in self.peers:
                raise
            self.put_out(name, f"{type(error).__name__}: {error}")

    def put_out(self, name: str, reason: str) -> None:
        self.result.missing[name] = reason
        self.result.operations.pop(name, None)
        self.result.values.pop(name, None)

    def calibrate(self) -> None:
        """Operations a sample for every side."""
        found = self.result.operations
        for name, module in self.modules.items():
            with self.excused(name):
                found[name] = calibrate(self.case, module, self.plan.sample)
        if self.case.equal_work and found:
            affordable = max(1, min(found.values()) * self.plan.longest // self.plan.sample)
            self.result.operations = dict.fromkeys(found, min(max(found.values()), affordable))
        self.result.values = {name: [] for name in found}

    def round(self, turn: int) -> None:
        """One sample of every side that is still in."""
        for name in rotated(list(self.result.operations), turn):
            with self.excused(name):
                value = measured(self.case, self.modules[name], self.result.operations[name])
                if turn:
                    self.result.values[name].append(value)


def take(case: Case, modules: dict[str, Any], plan: Plan, peers: frozenset[str] = frozenset()) -> Samples:
    """All samples of one row."""
    row = Row(case, modules, plan, peers)
    with placement(case.pinned):
        row.calibrate()
        for turn in range(min(plan.rounds, case.most_rounds) + 1):
            row.round(turn)
    return row.result
