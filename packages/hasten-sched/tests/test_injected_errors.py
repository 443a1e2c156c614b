"""An error at any line of Python code, or from a signal handler at any moment, leaves a scheduler that works.

The lines are those of actions, clocks and comparisons.  An event whose action was not called is still there.
"""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from support.injection import WAYS, Injected, at_each_line, at_random_moments

import hasten.sched as ours


class Late(int):
    """A time that compares in Python: such events are kept in a list."""

    def __lt__(self, other: Any) -> bool:
        return int(self) < int(other)

    def __gt__(self, other: Any) -> bool:
        return int(self) > int(other)

    def __add__(self, other: int) -> Late:
        return Late(int(self) + other)


class Program:
    """Enters three events and runs them; each is run once, or is left in the queue."""

    def __init__(self, kind: type[int]) -> None:
        self.kind = kind
        self.ran: list[int] = []
        self.called = 0
        self.scheduler = ours.scheduler(self.clock, self.sleep)

    def clock(self) -> int:
        return self.kind(100)

    def sleep(self, delay: float) -> None:
        assert delay == 0

    def work(self, number: int) -> None:
        self.ran.append(number)

    def act(self) -> None:
        self.ran.clear()
        for number in range(3):
            self.scheduler.enter(0, number, self.work, (number,))
        self.scheduler.run()

    def check(self) -> None:
        left = [event.argument[0] for event in self.scheduler.queue]
        assert not set(left) & set(self.ran), (left, self.ran)
        self.scheduler.run()
        assert self.scheduler.empty() and not self.scheduler.queue
        self.act()
        assert self.ran == [0, 1, 2]


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("kind", [int, Late])
def test_a_line(kind: type[int], way: str) -> None:
    program = Program(kind)
    places = []
    for place in at_each_line(program.act, Injected, [__file__], way):
        places.append(place)
        program.check()
    assert len(places) > 10


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")
@pytest.mark.parametrize("kind", [int, Late])
def test_a_signal_handler_raises(kind: type[int]) -> None:
    program = Program(kind)

    def act() -> None:
        for _ in range(200):  # long enough for the timer
            program.act()

    hit = 0
    for raised in at_random_moments(act, Injected, seed=3, times=40, seconds=1):
        hit += raised
        program.check()
    assert hit


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")
def test_a_signal_handler_raises_while_run_sleeps(spawn: Any) -> None:
    """Another thread that sleeps in run() is woken by an earlier event all the same."""
    scheduler = ours.scheduler()
    ran: list[str] = []
    late = scheduler.enter(3600, 1, ran.append, ("late",))
    other = spawn(scheduler.run)

    def act() -> None:
        scheduler.enterabs(time.monotonic() + 0.002, 1, ran.append, ("early",))
        while len(ran) == 0:
            scheduler.run(blocking=False)
        ran.clear()

    hit = 0
    for raised in at_random_moments(act, Injected, seed=4, times=40, seconds=1):
        hit += raised
    scheduler.cancel(late)
    other.result()
    assert hit
