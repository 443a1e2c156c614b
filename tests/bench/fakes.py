"""A suite whose times are made up, so that every number in a report is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from bench.cases import Case, Implementation, NotMeasurable, NotOffered, Suite, expect

SLOW, FAST = 1000, 100  # nanoseconds an operation that the sides claim to take


def side(name: str, cost: int, result: str = "ok") -> Implementation:
    return Implementation(name, lambda: SimpleNamespace(name=name, cost=cost, result=result))


@dataclass
class Claimed(Case):
    """Does nothing, and claims what its side says it costs. Keeps a log of who ran, and how much."""

    log: list[tuple[str, int]] = field(default_factory=list)
    peers: bool = True
    measurable: bool = True

    def setup(self, module: Any) -> Any:
        if module.name == "peer" and not self.peers:
            raise NotOffered("the peer has no such thing")
        return module

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        self.log.append((state.name, n))
        return state.cost * n, state.result

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == "ok", f"got {outcome!r}")

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        if not self.measurable:
            raise NotMeasurable("the threads never met")
        return elapsed / n


@dataclass
class Hanging(Claimed):
    """Never ends."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        import threading

        threading.Event().wait()
        return 0, state.result


def growing(module: Any, operations: int, note: Any) -> int:
    """Keeps half a kilobyte an operation."""
    kept = module.__dict__.setdefault("kept", [])
    for _ in range(100):
        kept.extend(bytes(512) + bytes([turn % 256]) for turn in range(operations // 100))
        note()
    return operations


def peaceful(module: Any) -> Any:
    """A game whose rounds are a thousand operations each."""
    return {"calm": lambda dice: 1000}


def losing(module: Any) -> Any:
    """A game that never comes out right."""

    def game(dice: Any) -> int:
        expect(False, "a total is off by one")
        return 0

    return {"calm": lambda dice: 1000, "lossy": game}


def suite(**options: Any) -> Suite:
    """Two sides and a peer; options: result (of hasten), cases, soak, stress."""
    return Suite(
        name="fake",
        implementations=(
            side("stdlib", SLOW),
            side("hasten", FAST, options.get("result", "ok")),
            side("peer", 500),
        ),
        cases=options.get("cases", (Claimed("first"), Claimed("second", peers=False))),
        soak=options.get("soak"),
        stress=options.get("stress"),
    )
