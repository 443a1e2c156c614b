"""Several threads on one scheduler: every event runs once or is cancelled once, and nobody is starved."""

import random
import sys
import threading
import time
from fractions import Fraction

import pytest

import hasten.sched

KINDS = {"plain": int, "difficult": Fraction, "mixed": lambda i: Fraction(i) if i % 50 == 0 else i}


@pytest.fixture
def often():
    """Switch threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("kind", KINDS)
def test_entered_in_many_threads_run_in_one(impl, kind, spawn, often):
    scheduler, ran = impl.scheduler(lambda: 10**6, lambda _: None), []

    def enter(first):
        for i in range(first, 2000, 4):
            scheduler.enterabs(KINDS[kind](i), 1, ran.append, (i,))

    tasks = [spawn(enter, first) for first in range(4)]
    for task in tasks:
        task.result()
    scheduler.run()
    assert ran == list(range(2000))


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_runs_once_or_is_cancelled(kind, spawn, often):
    """Two threads enter, two cancel what they get hold of, two run; others list the queue."""
    count = 3000 if kind == "plain" else 200  # in the list, a cancel takes as long as it does in the stdlib
    scheduler, ran, cancelled = hasten.sched.scheduler(lambda: 50, lambda _: None), [], []
    handed, done = [], threading.Event()

    def enter(seed):
        rng = random.Random(seed)
        for i in range(count):
            event = scheduler.enterabs(
                KINDS[kind](rng.randrange(100)), rng.randrange(3), ran.append, ((seed, i),)
            )
            if rng.random() < 0.5:
                handed.append(event)

    def cancel():
        while not done.is_set() or handed:
            try:
                event = handed.pop()
            except IndexError:
                time.sleep(0)
                continue
            try:
                scheduler.cancel(event)
                cancelled.append(event.argument[0])
            except ValueError:
                pass  # it ran before

    def run():
        while not done.is_set():
            scheduler.run(blocking=False)

    def look():
        while not done.is_set():
            listed = scheduler.queue
            assert listed == sorted(listed, key=lambda event: event[:3])
            scheduler.empty()

    others = [spawn(function) for function in [cancel, cancel, run, run, look]]
    for task in [spawn(enter, 1), spawn(enter, 2)]:
        task.result()
    done.set()
    for task in others:
        task.result()
    scheduler.timefunc = lambda: 100
    scheduler.run()
    assert scheduler.empty() and scheduler.queue == []
    expected = {(seed, i) for seed in (1, 2) for i in range(count)}
    assert len(ran) + len(cancelled) == len(expected) and {*ran, *cancelled} == expected
    assert cancelled


def test_sequence_numbers_are_unique(spawn, often):
    scheduler = hasten.sched.scheduler()
    tasks = [spawn(lambda: [scheduler.enterabs(1, 1, print).sequence for _ in range(3000)]) for _ in range(4)]
    numbers = [task.result() for task in tasks]
    assert all(found == sorted(found) for found in numbers)
    assert sorted(number for found in numbers for number in found) == list(range(12_000))


def test_kwargs_stay_with_their_events_in_many_threads(spawn, often):
    """What one thread puts into the dict of its event never reaches another event."""
    scheduler, wrong = hasten.sched.scheduler(lambda: 2, lambda _: None), []

    def check(mine, **options):
        if options.get("number", mine) != mine:
            wrong.append((mine, options))

    def enter(first):
        rng = random.Random(first)
        for number in range(first, 20_000, 4):
            event = scheduler.enterabs(1, 1, check, (number,))
            if rng.random() < 0.3:
                event.kwargs["number"] = number
                assert scheduler.enterabs(1, 1, check, (-1,)).kwargs == {}

    def run():
        while not done.is_set():
            scheduler.run(blocking=False)

    done = threading.Event()
    runner = spawn(run)
    for task in [spawn(enter, first) for first in range(4)]:
        task.result()
    done.set()
    runner.result()
    scheduler.run()
    assert wrong == [] and scheduler.empty()


def test_sleeping_runners_and_a_thread_that_enters_and_cancels(spawn):
    """No wake-up is lost: a runner that sleeps too long would make the test hang."""
    scheduler, ran = hasten.sched.scheduler(), []
    last = scheduler.enter(3600, 1, print)
    runners = [spawn(scheduler.run) for _ in range(2)]
    for i in range(2000):
        decoy = scheduler.enter(1800, 1, ran.append, ("decoy",))
        scheduler.enter(0, 1, ran.append, (i,))
        scheduler.cancel(decoy)
        if i % 20 == 0:
            end = time.monotonic() + 30
            while len(ran) <= i:
                assert time.monotonic() < end, "the event was not run"
                time.sleep(0)
    scheduler.cancel(last)
    for runner in runners:
        runner.result()
    assert sorted(ran) == list(range(2000))


def test_others_run_while_events_are_due(impl, spawn):
    """Actions that never leave C do not keep other threads out."""
    scheduler, progress = impl.scheduler(), []
    enough = threading.Event()

    def count():
        while len(progress) < 100:
            progress.append(None)
            time.sleep(0)
        enough.set()

    def more():
        if not enough.is_set():
            scheduler.enter(0, 1, more)
            scheduler.enter(0, 1, int)

    more()
    counter = spawn(count)
    scheduler.run()
    counter.result()
    assert len(progress) == 100


def test_the_delayfunc_is_called_after_every_action(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    for _ in range(100):
        scheduler.enterabs(0, 1, int)
    scheduler.run()
    assert clock.slept == [0] * 100
