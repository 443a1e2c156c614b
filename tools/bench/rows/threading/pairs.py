"""Rows of `threading` in which threads wait for each other: round trips of two, and contention of several."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Callable

from bench.cases import Case, expect
from bench.racing import race


class Ball:
    """What two threads pass to and fro. Each hit must find a number of its own parity."""

    def __init__(self) -> None:
        self.hits = self.faults = 0

    def hit(self, player: int) -> None:
        self.faults += self.hits % 2 != player
        self.hits += 1


def condition_trips(source: Any) -> Callable[[Ball, int, int], None]:
    condition = source.Condition()

    def play(ball: Ball, player: int, n: int) -> None:
        for _ in repeat(None, n):
            with condition:
                while ball.hits % 2 != player:
                    condition.wait()
                ball.hit(player)
                condition.notify()

    return play


def event_trips(source: Any) -> Callable[[Ball, int, int], None]:
    turns = source.Event(), source.Event()
    turns[0].set()

    def play(ball: Ball, player: int, n: int) -> None:
        mine, other = turns[player], turns[1 - player]
        for _ in repeat(None, n):
            mine.wait()
            mine.clear()
            ball.hit(player)
            other.set()

    return play


def semaphore_trips(source: Any) -> Callable[[Ball, int, int], None]:
    turns = source.Semaphore(1), source.Semaphore(0)

    def play(ball: Ball, player: int, n: int) -> None:
        mine, other = turns[player], turns[1 - player]
        for _ in repeat(None, n):
            mine.acquire()
            ball.hit(player)
            other.release()

    return play


def barrier_trips(source: Any) -> Callable[[Ball, int, int], None]:
    """Two meetings make a round trip, so that both players have had a turn."""
    barrier = source.Barrier(2)

    def play(ball: Ball, player: int, n: int) -> None:
        for _ in repeat(None, n):
            if player == 0:
                ball.hit(0)
            barrier.wait()
            if player == 1:
                ball.hit(1)
            barrier.wait()

    return play


@dataclass
class RoundTrips(Case):
    """Two threads take turns; an operation is a turn of each."""

    equal_work: bool = True
    trips: Callable[[Any], Callable[[Ball, int, int], None]] = condition_trips

    def setup(self, module: Any) -> Any:
        return self.trips(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        ball = Ball()
        outcome = race([lambda: state(ball, 0, n), lambda: state(ball, 1, n)])
        return outcome.elapsed, ball

    def verify(self, state: Any, n: int, outcome: Ball) -> None:
        expect(outcome.faults == 0, f"{outcome.faults} times a thread went on out of turn")
        expect(outcome.hits == 2 * n, f"{outcome.hits} turns were taken, not {2 * n}")


@dataclass
class Contended(Case):
    """Several threads that want one lock all the time; an operation is one passage of one thread."""

    equal_work: bool = True
    primitive: str = "Lock"
    crowd: int = 2

    def setup(self, module: Any) -> Any:
        return getattr(module, self.primitive)()

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        lock, total = state, [0]
        share = max(1, n // self.crowd)

        def pass_through() -> None:
            for _ in repeat(None, share):
                with lock:
                    total[0] += 1

        outcome = race([pass_through] * self.crowd)
        return outcome.elapsed, total[0]

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / outcome

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        wanted = max(1, n // self.crowd) * self.crowd
        expect(outcome == wanted, f"{outcome} of {wanted} additions arrived: two threads were inside at once")
