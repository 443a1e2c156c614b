"""The order of events, cancelling, and the list of what is pending: plain numbers and difficult ones."""

import random
import sched as stdlib
import threading
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.sched

NAN = float("nan")
LARGE = 2**53
# times that are all different, in order
NUMBERS = [
    float("-inf"),
    -(10**400),
    -1e308,
    -LARGE - 1,
    -LARGE,
    Decimal("-2.5"),
    -1,
    0,
    5e-324,
    Fraction(1, 3),
    1 / 3 + 1e-10,
    0.5,
    True,
    Fraction(3, 2),
    2,
    LARGE - 1,
    LARGE,
    LARGE + 1,
    LARGE + 2.0,
    2**63,
    2**64 + 1,
    1e300,
    10**400,
    float("inf"),
]


class Failed(Exception):
    pass


class Incomparable:
    def __lt__(self, other):
        raise Failed

    __gt__ = __lt__


@pytest.fixture
def scheduler(impl, clock):
    return impl.scheduler(clock.time, clock.sleep)


def ran(scheduler, clock):
    """Run what is pending, all of it due, and return the arguments of the actions."""
    clock.now = float("inf")
    scheduler.run()
    return [entry[1] for entry in clock.log]


@pytest.mark.ties
def test_ties_run_as_they_were_entered(scheduler, clock):
    for i in range(100):
        scheduler.enterabs(1, i % 3, clock.note, (i,))
    expected = sorted(range(100), key=lambda i: (i % 3, i))
    assert [event.argument[0] for event in scheduler.queue] == expected
    assert ran(scheduler, clock) == expected


@pytest.mark.parametrize(
    "priorities", [[1, 2, 3], [-(2**63), 0, 2**63 - 1], [-(2**70), 0.5, 2**70], [1, 1.5, 2]]
)
def test_priorities(scheduler, clock, priorities):
    for priority in random.Random(1).sample(priorities, len(priorities)):
        scheduler.enterabs(1, priority, clock.note, (priority,))
    assert [event.priority for event in scheduler.queue] == priorities
    assert ran(scheduler, clock) == priorities


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_all_kinds(scheduler, clock, seed):
    for number in random.Random(seed).sample(NUMBERS, len(NUMBERS)):
        scheduler.enterabs(number, 1, clock.note, (number,))
    assert [event.time for event in scheduler.queue] == NUMBERS
    assert ran(scheduler, clock) == NUMBERS


@pytest.mark.ties
def test_equal_numbers_of_different_kinds_are_ties(scheduler, clock):
    ones = [1, 1.0, Fraction(1), Decimal(1), True]
    for i, one in enumerate(ones):
        scheduler.enterabs(one, 1, clock.note, (i,))
        scheduler.enterabs(1, one, clock.note, (i + 10,))
    assert ran(scheduler, clock) == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14]


@pytest.mark.ties
def test_zeros_are_ties(scheduler, clock):
    for i, zero in enumerate([0.0, -0.0, 0, False]):
        scheduler.enterabs(zero, 1, clock.note, (i,))
    assert ran(scheduler, clock) == [0, 1, 2, 3]


def test_datetimes(impl):
    start, log = datetime(2026, 1, 1), []
    scheduler = impl.scheduler(lambda: start, print)
    for hours in [3, 1, 2]:
        scheduler.enter(timedelta(hours=hours), 1, log.append, (hours,))
    scheduler.enterabs(start, 1, log.append, (0,))
    assert [event.argument[0] for event in scheduler.queue] == [0, 1, 2, 3]
    assert scheduler.run(blocking=False) == timedelta(hours=1)
    assert log == [0]


@pytest.mark.skipif(not hasattr(stdlib.Event, "sequence"), reason="before 3.10 ties have no certain order")
@pytest.mark.parametrize("seed", range(20))
def test_the_disorder_of_nan_is_the_standard_librarys(seed, clock):
    """NaN is neither before nor after anything; so heapq's way through the events decides."""
    orders = []
    for module in (stdlib, hasten.sched):
        rng = random.Random(seed)
        scheduler, log = module.scheduler(lambda: 0, lambda delay: None), []
        events = [scheduler.enterabs(NAN, 1, log.append, (-1,))]
        for i in range(30):
            events.append(scheduler.enterabs(rng.choice([NAN, -1, -2, -3, -4]), 1, log.append, (i,)))
            if rng.random() < 0.3:
                scheduler.cancel(events.pop(rng.randrange(len(events))))
        orders.append([[event.sequence for event in scheduler.queue], scheduler.run(), log])
    assert orders[0] == orders[1]


def test_nan_is_due_at_once(scheduler, clock):
    scheduler.enterabs(5, 1, clock.note, ("later",))
    scheduler.enterabs(NAN, 1, clock.note, ("nan",))
    scheduler.cancel(scheduler.queue[0])
    assert len(scheduler.queue) == 1


def test_an_event_that_cannot_be_compared_is_not_kept(clock):
    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    scheduler.enterabs(1, 1, clock.note, ("a",))
    for time, priority in [(Incomparable(), 1), (1, Incomparable()), ("text", 1), (1, None)]:
        with pytest.raises((Failed, TypeError)):
            scheduler.enterabs(time, priority, clock.note, ("wrong",))
    scheduler.enterabs(0, 1, clock.note, ("b",))
    assert ran(scheduler, clock) == ["b", "a"]


def test_a_lone_event_need_not_be_comparable(scheduler, clock):
    scheduler.enterabs(0, None, clock.note, ("a",))
    assert ran(scheduler, clock) == ["a"]


def test_comparisons_that_change_the_list(clock):
    """heapq notices and raises; the event is not kept then, and all others are."""

    class Meddling(int):
        def __lt__(self, other):
            if len(entered) < 5:
                entered.append(None)
                scheduler.enterabs(100, 1, clock.note, ("meddled",))
            return int(self) < other

    entered, kept = [], []
    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    for i in range(20, 0, -1):
        try:
            scheduler.enterabs(Meddling(i), 1, clock.note, (i,))
            kept.append(i)
        except RuntimeError:
            pass
    assert len(kept) >= 15 and len(entered) == 5
    found = ran(scheduler, clock)
    assert [i for i in found if i != "meddled"] == kept[::-1]


def test_other_threads_during_a_comparison(spawn, clock):
    """A comparison waits for a thread that waits to enter an event, on a list that is locked: no deadlock
    as long as the comparison does not wait for that thread's enter() itself."""

    class Slow(int):
        def __lt__(self, other):
            comparing.set()
            return int(self) < other

    comparing = threading.Event()
    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    scheduler.enterabs(Slow(2), 1, clock.note, (2,))

    def enter():
        assert comparing.wait(30)
        for i in range(3, 100):
            scheduler.enterabs(i, 1, clock.note, (i,))

    task = spawn(enter)
    scheduler.enterabs(Slow(1), 1, clock.note, (1,))
    task.result()
    assert ran(scheduler, clock) == list(range(1, 100))


def test_plain_again_when_the_difficult_ones_are_gone(scheduler, clock):
    for turn in range(3):
        scheduler.enterabs(Fraction(turn), 1, clock.note, (turn,))
        scheduler.run()
        events = [scheduler.enterabs(turn, 1, clock.note, (turn,)) for _ in range(3)]
        scheduler.cancel(events[1])
        scheduler.run()
    assert [entry[1] for entry in clock.log] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


# ---- cancelling ----


@pytest.fixture(params=["plain", "difficult"])
def filled(request, impl, clock):
    """A scheduler with ten events, the times 1 to 10, and these events."""
    scheduler = impl.scheduler(clock.time, clock.sleep)
    kind = int if request.param == "plain" else Fraction
    return scheduler, [scheduler.enterabs(kind(i), 1, clock.note, (i,)) for i in range(1, 11)]


def test_cancel(filled, clock):
    scheduler, events = filled
    for i in [0, 9, 4, 5]:
        scheduler.cancel(events[i])
    assert [event.argument[0] for event in scheduler.queue] == [2, 3, 4, 7, 8, 9]
    assert ran(scheduler, clock) == [2, 3, 4, 7, 8, 9]


def test_cancel_all(filled):
    scheduler, events = filled
    for event in events:
        assert not scheduler.empty()
        assert scheduler.cancel(event) is None
    assert scheduler.empty() and scheduler.queue == [] and scheduler.run() is None


def test_cancel_twice_or_after_it_ran(filled, clock):
    scheduler, events = filled
    scheduler.cancel(events[5])
    clock.now = 3
    scheduler.run(blocking=False)
    for event in [events[5], events[0], events[2]]:
        with pytest.raises(ValueError):
            scheduler.cancel(event)
    assert len(scheduler.queue) == 6


@pytest.mark.ties
def test_cancel_an_equal_event(filled):
    scheduler, events = filled
    for event in [tuple(events[3]), type(events[4])(*events[4]), events[5]._replace()]:
        scheduler.cancel(event)
    assert [event.argument[0] for event in scheduler.queue] == [1, 2, 3, 7, 8, 9, 10]


def test_cancel_events_taken_from_the_queue(filled):
    scheduler, events = filled
    del events
    for event in scheduler.queue[::2]:
        scheduler.cancel(event)
    assert [event.argument[0] for event in scheduler.queue] == [2, 4, 6, 8, 10]


@pytest.mark.ties
def test_cancel_with_fields_that_are_equal_and_not_identical(filled):
    scheduler, events = filled
    event = events[3]
    scheduler.cancel(
        event._replace(
            time=float(event.time), sequence=float(event.sequence), argument=tuple(range(4, 5)), kwargs={}
        )
    )
    scheduler.cancel(events[4]._replace(time=float(events[4].time), priority=1.0))
    assert [event.argument[0] for event in scheduler.queue] == [1, 2, 3, 6, 7, 8, 9, 10]


@pytest.mark.ties
@pytest.mark.parametrize("change", [
    {"time": 99}, {"priority": 2}, {"sequence": 77}, {"sequence": 2**70}, {"sequence": -1},
    {"sequence": None}, {"action": print}, {"argument": ()}, {"kwargs": {"k": 1}},
])  # fmt: skip
def test_cancel_an_event_that_differs(filled, change):
    scheduler, events = filled
    with pytest.raises(ValueError):
        scheduler.cancel(events[3]._replace(**change))
    assert len(scheduler.queue) == 10


@pytest.mark.parametrize("thing", [None, 5, "event", (), (1, 2, 3), object(), [1] * 6])
def test_cancel_what_is_no_event(filled, thing):
    scheduler, _ = filled
    if isinstance(scheduler, hasten.sched.scheduler) or hasattr(stdlib.Event, "sequence"):
        with pytest.raises((ValueError, AttributeError)):
            scheduler.cancel(thing)
    assert len(scheduler.queue) == 10


def test_cancel_what_says_that_it_is_equal(filled):
    class Any:
        def __eq__(self, other):
            return other.argument == (7,) if hasattr(other, "argument") else NotImplemented

        __hash__ = None

    if not hasattr(filled[1][0], "sequence"):
        pytest.skip("events have a comparison of their own before 3.10")
    scheduler, _ = filled
    scheduler.cancel(Any())
    assert [event.argument[0] for event in scheduler.queue] == [1, 2, 3, 4, 5, 6, 8, 9, 10]


def test_the_error_of_cancel_names_the_event(clock):
    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    event = hasten.sched.scheduler(clock.time, clock.sleep).enterabs(123, 1, clock.note)
    with pytest.raises(ValueError, match=r"not in queue: Event\(time=.*has run or was cancelled"):
        scheduler.cancel(event)


def test_cancel_from_a_failing_comparison(clock):
    class Odd:
        def __eq__(self, other):
            raise Failed

        __hash__ = None

    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    event = scheduler.enterabs(1, 1, print, (Odd(),))
    with pytest.raises(Failed):
        scheduler.cancel(event._replace(argument=(Odd(),)))
    scheduler.cancel(event)
    assert scheduler.empty()


def test_half_of_many_cancelled(scheduler, clock):
    rng = random.Random(5)
    events = [scheduler.enterabs(rng.random(), 1, clock.note, (i,)) for i in range(2000)]
    gone = set(rng.sample(range(2000), 1500))
    for i in sorted(gone, key=lambda _: rng.random()):
        scheduler.cancel(events[i])
    expected = sorted(set(range(2000)) - gone, key=lambda i: events[i].time)
    assert [event.argument[0] for event in scheduler.queue] == expected
    assert ran(scheduler, clock) == expected


def test_old_events_stay_behind_while_many_pass(scheduler, clock):
    """Sequence numbers far apart, at distances that are powers of two."""
    for turn in range(64):
        scheduler.enterabs(10**6 + turn, 1, clock.note, (turn,))
        for _ in range(255):
            scheduler.enterabs(0, 1, int)
        scheduler.run(blocking=False)
    assert ran(scheduler, clock) == list(range(64))


# ---- the list of events ----


def test_queue_is_a_new_list(filled):
    scheduler, events = filled
    listed = scheduler.queue
    assert listed == events and type(listed) is list
    listed.clear()
    assert scheduler.queue == events


def test_queue_cannot_be_set(scheduler):
    with pytest.raises(AttributeError):
        scheduler.queue = []


def test_empty(scheduler):
    assert scheduler.empty() is True
    event = scheduler.enter(1, 1, print)
    assert scheduler.empty() is False
    scheduler.cancel(event)
    assert scheduler.empty() is True
