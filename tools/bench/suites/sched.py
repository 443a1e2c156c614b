"""Rows of `sched`: events entered and run, cancelled among many, and the default clock and sleep."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from time import perf_counter_ns
from typing import Any

from stress.sched_soak import soak

from bench.cases import Case, Suite, expect, module

CHUNK = 10  # cancels between two fillings


@lru_cache(maxsize=4)
def delays(depth: int) -> list[float]:
    """Different delays in an order that is no order, the same in every run; all of them due."""
    return [-(number + 1.0) for number in random.Random(depth).sample(range(depth), depth)]


@lru_cache(maxsize=4)
def arguments(depth: int) -> list[tuple[float]]:
    return [(delay,) for delay in delays(depth)]


class Clock:
    """Simulated time, as programs have it that simulate something."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, delay: float) -> None:
        self.now += delay


@dataclass
class EnterRun(Case):
    """Events are entered in random order, then run. Clock, delay and action are functions in C, so that the
    row shows the scheduler and not them.
    """

    depth: int = 100

    def setup(self, module: Any) -> Any:
        return module.scheduler(repeat(0.0).__next__, abs)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        scheduler, when, what = state, delays(self.depth), arguments(self.depth)
        orders: list[list[float]] = []
        begin = perf_counter_ns()
        for _ in range(max(1, n // self.depth)):
            order: list[float] = []
            note = order.append
            for delay, argument in zip(when, what):
                scheduler.enter(delay, 1, note, argument)
            scheduler.run()
            orders.append(order)
        return perf_counter_ns() - begin, orders

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / (len(outcome) * self.depth)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expected = sorted(delays(self.depth))
        expect(all(order == expected for order in outcome), "events ran in another order, or others did")
        expect(state.empty(), "events are left in the scheduler")


@dataclass
class Simulation(EnterRun):
    """The same with a clock in Python that run() moves forward."""

    def setup(self, module: Any) -> Any:
        clock = Clock()
        clock.now = -2.0 * self.depth
        scheduler = module.scheduler(clock.time, clock.sleep)
        enterabs = scheduler.enterabs
        scheduler.enter = lambda delay, *rest: enterabs(clock.now + 2.0 * self.depth + delay, *rest)
        return scheduler


@dataclass
class DefaultClock(EnterRun):
    """time.monotonic and time.sleep. The standard library sleeps for no time after each event, which costs
    what the kernel's timer slack is (50 us and more); hasten does so once a millisecond.
    """

    def setup(self, module: Any) -> Any:
        return module.scheduler()


@dataclass
class Cancel(Case):
    """An event picked at random is cancelled while so many are pending. Entering others in their place is not
    timed.
    """

    depth: int = 1000

    def setup(self, module: Any) -> Any:
        scheduler = module.scheduler(repeat(0.0).__next__, abs)
        rng = random.Random(self.depth)
        events = [scheduler.enter(rng.random(), 1, abs, (1,)) for _ in range(self.depth)]
        return scheduler, events, rng

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        scheduler, events, rng = state
        cancel, elapsed, done = scheduler.cancel, 0, 0
        while done < n:
            places = rng.sample(range(self.depth), min(CHUNK, n - done))
            victims = [events[place] for place in places]
            begin = perf_counter_ns()
            for event in victims:
                cancel(event)
            elapsed += perf_counter_ns() - begin
            for place in places:
                events[place] = scheduler.enter(rng.random(), 1, abs, (1,))
            done += len(victims)
        return elapsed, victims

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        scheduler, events, _ = state
        pending = scheduler.queue
        wanted = sorted(events, key=lambda event: event[:3])
        expect(pending == wanted, "other events are pending than were not cancelled")
        for event in outcome:
            try:
                scheduler.cancel(event)
            except ValueError:
                continue
            expect(False, "an event could be cancelled twice")


SUITE = Suite(
    name="sched",
    implementations=(module("stdlib", "sched"), module("hasten", "hasten.sched")),
    cases=(
        EnterRun("enter + run, 100 events"),
        EnterRun("enter + run, 10k events", depth=10_000),
        EnterRun("enter + run, 100k events", depth=100_000),
        Simulation("simulated time in Python, 10k events", depth=10_000),
        Cancel("cancel, 1k pending"),
        Cancel("cancel, 10k pending", depth=10_000),
        Cancel("cancel, 100k pending", depth=100_000),
        DefaultClock("default clock and sleep, 1000 due", depth=1000),
    ),
    soak=soak,
)
