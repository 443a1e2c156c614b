"""Ours and the standard library's scheduler driven in step: every result, order and error is the same.

HASTEN_SCHED_STEPS=20000 in the environment makes it that many steps, and tells how many there were.
"""

import os
import sched
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import hasten.sched

STEPS = int(os.environ.get("HASTEN_SCHED_STEPS", "1500"))
PER_EXAMPLE = 100
HAS_SEQUENCE = hasattr(sched.Event, "sequence")
NAN = float("nan")
START = datetime(2026, 1, 1)

# Few values, so that there are ties
PLAIN = st.one_of(st.integers(-3, 12), st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 7.25, 1e300]))
EXOTIC = st.one_of(
    st.sampled_from([Fraction(1, 3), Fraction(1), Fraction(3, 2), True, False, 2**53 + 1, 2**60, 10**400]),
    st.sampled_from([Decimal(1), Decimal("1.5"), Decimal("2.25"), float("inf"), float("-inf")]),
)
DATES = st.integers(-2, 9).map(lambda hours: START + timedelta(hours=hours))
PRIORITIES = st.one_of(st.integers(0, 3), st.sampled_from([-(2**63), 2**63 - 1]))
ODD_PRIORITIES = st.sampled_from([1.0, 1.5, True, 2**63, -(2**70), Fraction(1, 2)])


class Failed(Exception):
    pass


class Side:
    """One of the two schedulers, with a clock and a record of all that happened.

    A time may be out of the clock's reach: what is missing from 2.0**53 to 2**53 + 1 is 0.0 as a float, and
    run() would sleep that long for ever.  sleep() fails when that happens.
    """

    def __init__(self, module, now):
        self.now, self.log, self.events = now, [], []
        self.idle = 0  # sleeps since the clock or an action last moved anything
        self.scheduler = module.scheduler(self.tell, self.sleep)

    def tell(self):
        return self.now

    def sleep(self, delay):
        self.log.append(("sleep", delay, type(delay)))
        before = self.now
        if delay:
            self.now += delay
        self.idle = self.idle + 1 if self.now == before else 0
        if self.idle > 3:
            raise Failed("the clock stands still")

    def action(self, number, then=None, **options):
        self.log.append(("ran", number, options))
        self.idle = 0
        if then == "fail":
            raise Failed(number)
        if then == "enter":
            priority = 1 if HAS_SEQUENCE else 10**9 + 10**6 + number  # unique, as unique() makes it
            self.events.append(self.scheduler.enterabs(self.now, priority, self.action, (number + 1000,)))
        if then == "cancel" and self.events:
            self.cancel(self.events.pop(number % len(self.events)))

    def cancel(self, event):
        try:
            self.scheduler.cancel(event)
            self.log.append("cancelled")
        except ValueError:
            self.log.append("not in queue")


def shape(event):
    """What can be compared between the two sides: all but the action."""
    return event.time, type(event.time), event.priority, event.argument, event.kwargs


class InStep(RuleBasedStateMachine):
    steps = 0

    @initialize(dates=st.integers(0, 9).map(lambda n: n == 0))
    def make(self, dates):
        self.dates, self.number = dates, 0
        self.sides = [Side(module, START if dates else 0) for module in (sched, hasten.sched)]

    def both(self, call):
        InStep.steps += 1
        outcomes = []
        for side in self.sides:
            try:
                outcomes.append(call(side))
            except (Failed, TypeError, OverflowError, ArithmeticError) as error:
                outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1]
        assert self.sides[0].log == self.sides[1].log

    def unique(self, priority):
        """Without sequence numbers (3.9) ties have no certain order."""
        return priority if HAS_SEQUENCE else priority * 10**9 + self.number

    def enter_at(self, time, priority, then, options):
        self.number += 1
        priority, number = self.unique(priority), self.number

        def call(side):
            arguments = (dict(options),) if options is not None else ()
            event = side.scheduler.enterabs(time, priority, side.action, (number, then), *arguments)
            side.events.append(event)
            return shape(event), event.sequence if HAS_SEQUENCE else None

        self.both(call)

    then = st.sampled_from([None, None, None, "enter", "cancel", "fail"])
    options = st.one_of(st.none(), st.none(), st.just({}), st.just({"k": 1}))

    @precondition(lambda self: not self.dates)
    @rule(time=PLAIN, priority=PRIORITIES, then=then, options=options)
    def enterabs(self, time, priority, then, options):
        self.enter_at(time, priority, then, options)

    @precondition(lambda self: not self.dates)
    @rule(delay=st.integers(0, 5), then=then)
    def enter(self, delay, then):
        self.number += 1
        number, priority = self.number, self.unique(1)

        def call(side):
            event = side.scheduler.enter(delay, priority, side.action, (number, then))
            side.events.append(event)
            return shape(event)

        self.both(call)

    @precondition(lambda self: not self.dates)
    @rule(time=EXOTIC, priority=PRIORITIES)
    def enter_exotic_time(self, time, priority):
        self.enter_at(time, priority, None, None)

    @precondition(lambda self: not self.dates)
    @rule(time=PLAIN, priority=ODD_PRIORITIES)
    def enter_exotic_priority(self, time, priority):
        self.enter_at(time, priority, None, None)

    @precondition(lambda self: self.dates)
    @rule(time=DATES, priority=PRIORITIES, then=then)
    def enter_date(self, time, priority, then):
        self.enter_at(time, priority, then, None)

    @precondition(lambda self: not self.dates)
    @rule(
        times=st.lists(st.sampled_from([NAN, NAN, 0, 1, 2.5, -1]), min_size=1, max_size=8),
        cancels=st.integers(0, 3),
    )
    def nan_in_new_schedulers(self, times, cancels):
        """NaN has no place in an order: only the same steps from the start lead to the same disorder."""
        orders = []
        for module in (sched, hasten.sched):
            ran = []
            scheduler = module.scheduler(lambda: 1, lambda _: None)
            events = [scheduler.enterabs(NAN, 1, ran.append, (-1,))]
            for i, time in enumerate(times):
                events.append(
                    scheduler.enterabs(time, self.unique(1) + i * (not HAS_SEQUENCE), ran.append, (i,))
                )
            for event in events[1 : 1 + cancels]:
                scheduler.cancel(event)
            ran.append([event.argument for event in scheduler.queue])
            ran.append(scheduler.run(blocking=False))
            orders.append(ran)
        InStep.steps += 1
        assert orders[0] == orders[1]

    def chosen(self, which):
        return which % max(1, len(self.sides[0].events))

    @precondition(lambda self: self.sides[0].events)
    @rule(which=st.integers(0, 1000), keep=st.booleans())
    def cancel(self, which, keep):
        i = self.chosen(which)
        self.both(lambda side: side.cancel(side.events[i] if keep else side.events.pop(i)))

    @precondition(lambda self: self.sides[0].events)
    @rule(which=st.integers(0, 1000))
    def cancel_an_equal_one(self, which):
        i = self.chosen(which)
        self.both(lambda side: side.cancel(side.events[i]._replace()))

    @precondition(lambda self: self.sides[0].events and not self.dates)
    @rule(which=st.integers(0, 1000), change=st.sampled_from([
        {"priority": 77}, {"time": 1e9}, {"sequence": -1}, {"sequence": 10**30}, {"argument": ()},
        {"kwargs": {"z": 1}},
    ]))  # fmt: skip
    def cancel_a_different_one(self, which, change):
        if not HAS_SEQUENCE:
            change = {"priority": 77}  # of the rest, 3.9 looks at the time alone
        i = self.chosen(which)
        self.both(lambda side: side.cancel(side.events[i]._replace(**change)))

    @precondition(lambda self: self.sides[0].events)
    @rule(which=st.integers(0, 1000))
    def put_into_kwargs(self, which):
        i = self.chosen(which)
        self.both(lambda side: side.events[i].kwargs.__setitem__("late", which))

    @rule()
    def forget_the_events(self):
        self.both(lambda side: side.events.clear())

    @rule(which=st.integers(0, 1000))
    def cancel_from_the_queue(self, which):
        def call(side):
            listed = side.scheduler.queue
            if listed:
                side.cancel(listed[which % len(listed)])

        self.both(call)

    @rule(which=st.integers(0, 1000))
    def put_into_kwargs_from_the_queue(self, which):
        def call(side):
            listed = side.scheduler.queue
            if listed:
                listed[which % len(listed)].kwargs["shown"] = which

        self.both(call)

    @rule(steps=st.integers(0, 4))
    def pass_time(self, steps):
        for side in self.sides:
            if not isinstance(side.now, float) or side.now < 1e15:
                side.now += timedelta(hours=steps) if self.dates else steps

    @rule()
    def run_what_is_due(self):
        self.both(lambda side: side.scheduler.run(blocking=False))

    @precondition(lambda self: self.number % 3 == 0)  # so that queues grow in between
    @rule()
    def run_all(self):
        self.both(lambda side: side.scheduler.run())

    @invariant()
    def same_queue(self):
        if not hasattr(self, "sides"):
            return
        theirs, mine = ([shape(event) for event in side.scheduler.queue] for side in self.sides)
        assert theirs == mine
        empty = [side.scheduler.empty() for side in self.sides]
        assert empty == [not theirs] * 2
        if HAS_SEQUENCE:
            assert [e.sequence for e in self.sides[0].scheduler.queue] == [
                e.sequence for e in self.sides[1].scheduler.queue
            ]


@pytest.mark.timeout(3600)
def test_in_step_with_the_standard_library(capsys):
    InStep.steps = 0
    InStep.TestCase.settings = settings(
        max_examples=max(1, STEPS // PER_EXAMPLE),
        stateful_step_count=PER_EXAMPLE,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    turns = 0
    while InStep.steps < STEPS:
        InStep.TestCase("runTest").debug()
        turns += 1
        assert turns < 20, f"only {InStep.steps} steps"
    if "HASTEN_SCHED_STEPS" in os.environ:
        with capsys.disabled():
            print(f"\n{InStep.steps} steps in step with the standard library")
