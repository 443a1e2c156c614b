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


def operations(case: Case, modules: dict[str, Any], plan: Plan, missing: dict[str, str]) -> dict[str, int]:
    """Operations a sample for every implementation that offers the row; the others go to `missing`."""
    found = {}
    for name, module in modules.items():
        try:
            found[name] = calibrate(case, module, plan.sample)
        except NotOffered as reason:
            missing[name] = str(reason)
    if case.equal_work and found:
        most = min(max(found.values()), max(1, min(found.values()) * plan.longest // plan.sample))
        found = dict.fromkeys(found, most)
    return found


def take(case: Case, modules: dict[str, Any], plan: Plan) -> Samples:
    """All samples of one row."""
    result = Samples()
    with placement(case.pinned):
        result.operations = operations(case, modules, plan, result.missing)
        names = list(result.operations)
        result.values = {name: [] for name in names}
        for turn in range(plan.rounds + 1):
            for name in rotated(names, turn):
                if name in result.missing:
                    continue
                try:
                    value = measured(case, modules[name], result.operations[name])
                except NotMeasurable as reason:
                    result.missing[name] = str(reason)
                    result.values[name].clear()
                    continue
                if turn:
                    result.values[name].append(value)
    return result
