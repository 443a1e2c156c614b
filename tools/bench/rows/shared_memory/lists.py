"""Rows of `shared_memory`: items of a ShareableList."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, expect

LENGTH = 100
VALUES: dict[str, list[Any]] = {
    "int": list(range(LENGTH)),
    "float": [i / 4 for i in range(LENGTH)],
    "str": [f"item {i:10}" for i in range(LENGTH)],
}


def drop(items: Any) -> None:
    items.shm.close()
    items.shm.unlink()


@dataclass
class Items(Case):
    """A list of a hundred items of one type."""

    of: str = "int"

    def setup(self, module: Any) -> Any:
        return module.ShareableList(VALUES[self.of])


@dataclass
class Get(Items):
    """Each item by its position."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        positions = [i % LENGTH for i in range(n)]
        value = None
        begin = perf_counter_ns()
        for i in positions:
            value = state[i]
        return perf_counter_ns() - begin, value

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        values = VALUES[self.of]
        expect(outcome == values[(n - 1) % LENGTH], f"the last item was {outcome!r}")
        expect([state[i] for i in range(LENGTH)] == values, "items changed")
        drop(state)


@dataclass
class Set(Items):
    """Each item by its position, with another value."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        values = VALUES[self.of][::-1]
        pairs = [(i % LENGTH, values[i % LENGTH]) for i in range(n)]
        begin = perf_counter_ns()
        for i, value in pairs:
            state[i] = value
        return perf_counter_ns() - begin, None

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        before = VALUES[self.of]
        expected = [before[-1 - i] if i < n else before[i] for i in range(LENGTH)]
        expect(list(state) == expected, "the items are not what was set")
        drop(state)


@dataclass
class Iterate(Items):
    """All items, by iteration."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        total = 0
        rounds = -(-n // LENGTH)
        begin = perf_counter_ns()
        for _ in range(rounds):
            for value in state:
                total += value
        return perf_counter_ns() - begin, (rounds, total)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / (outcome[0] * LENGTH)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        rounds, total = outcome
        expect(total == rounds * sum(VALUES[self.of]), f"the sum of the items was {total}")
        drop(state)
