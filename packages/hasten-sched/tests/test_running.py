"""run(): what it calls with what, in which order, and what it leaves behind when something raises."""

import time
from fractions import Fraction

import pytest

import hasten.sched


class Failed(Exception):
    pass


def fail(*_):
    raise Failed


@pytest.fixture
def scheduler(impl, clock):
    return impl.scheduler(clock.time, clock.sleep)


def test_runs_at_the_given_times(scheduler, clock):
    for at in [5, 1, 4, 2, 3]:
        scheduler.enterabs(at, 1, clock.note, (at,))
    assert scheduler.run() is None
    assert clock.log == [(at, at) for at in range(1, 6)]
    assert clock.slept == [1, 0] * 5
    assert scheduler.empty()


def test_enter_counts_from_now(scheduler, clock):
    clock.now = 100
    event = scheduler.enter(2.5, 1, clock.note)
    assert event.time == 102.5
    scheduler.run()
    assert clock.log == [(102.5,)]


def test_delays_keep_their_type(scheduler, clock):
    scheduler.enterabs(2, 1, clock.note)
    scheduler.enterabs(3.5, 1, clock.note)
    scheduler.enterabs(Fraction(9, 2), 1, clock.note)
    scheduler.run()
    assert [(type(delay), delay) for delay in clock.slept] == [
        (int, 2),
        (int, 0),
        (float, 1.5),
        (int, 0),
        (float, 1.0),
        (int, 0),
    ]


def test_empty_queue_asks_for_no_time(impl):
    assert impl.scheduler(fail, fail).run() is None
    assert impl.scheduler(fail, fail).run(blocking=False) is None


def test_a_delay_too_short_is_followed_by_another(impl, clock):
    def sleep(delay):
        clock.sleep(min(delay, 1))

    scheduler = impl.scheduler(clock.time, sleep)
    scheduler.enter(3, 1, clock.note)
    scheduler.run()
    assert clock.slept == [1, 1, 1, 0] and clock.log == [(3,)]


def test_without_blocking(scheduler, clock):
    for at in [0, 0, 3, 7.5]:
        scheduler.enterabs(at, 1, clock.note)
    assert scheduler.run(blocking=False) == 3
    assert clock.log == [(0,), (0,)] and clock.slept == [0, 0]
    clock.now = 3
    assert scheduler.run(False) == 4.5
    clock.now = 8
    assert scheduler.run(0) is None
    assert len(clock.log) == 4


def test_actions_may_enter_events(scheduler, clock):
    def again(left):
        clock.note(left)
        if left:
            scheduler.enter(1, 1, again, (left - 1,))
            scheduler.enterabs(clock.now, 0, clock.note, ("at once",))

    scheduler.enter(1, 1, again, (2,))
    scheduler.run()
    assert clock.log == [(1, 2), (1, "at once"), (2, 1), (2, "at once"), (3, 0)]


def test_actions_may_cancel_events(scheduler, clock):
    late = scheduler.enter(2, 1, clock.note, ("late",))
    scheduler.enter(1, 1, scheduler.cancel, (late,))
    scheduler.enter(3, 1, clock.note, ("last",))
    scheduler.run()
    assert clock.log == [(3, "last")]


def test_actions_may_run_the_scheduler(scheduler, clock):
    scheduler.enter(1, 1, scheduler.run)
    scheduler.enter(2, 1, clock.note)
    scheduler.run()
    assert clock.log == [(2,)]


def test_the_delayfunc_may_enter_and_cancel(impl, clock):
    def sleep(delay):
        if clock.now == 0:
            scheduler.cancel(first)
            scheduler.enterabs(1, 1, clock.note, ("earlier",))
            clock.now = 1
        else:
            clock.sleep(delay)

    scheduler = impl.scheduler(clock.time, sleep)
    first = scheduler.enter(5, 1, clock.note, ("cancelled",))
    scheduler.run()
    assert clock.log == [(1, "earlier")]


def test_the_timefunc_may_enter_events(clock):
    def tell():
        if not entered:
            entered.append(scheduler.enterabs(0, 1, clock.note, ("from timefunc",)))
        return clock.now

    entered = []
    scheduler = hasten.sched.scheduler(tell, clock.sleep)
    scheduler.enterabs(1, 1, clock.note, ("other",))
    scheduler.run()
    assert clock.log == [(0, "from timefunc"), (1, "other")]


# ---- arguments ----


@pytest.mark.ties
def test_positional_and_keyword_arguments(scheduler, clock):
    for arguments in [(), ((1, 2),), (("a",), {"k": 1}), ((), {"k": 2})]:
        scheduler.enterabs(0, 1, clock.note, *arguments)
    scheduler.run()
    assert clock.log == [(0,), (0, 1, 2), (0, "a", ("k", 1)), (0, ("k", 2))]


@pytest.mark.parametrize("kind", [list, str, range, iter, dict.fromkeys, set])
def test_any_iterable_is_spread(scheduler, kind, clock):
    given = 2 if kind is range else "ab"
    scheduler.enterabs(0, 1, clock.note, kind(given))
    scheduler.run()
    assert clock.log == [(0, *kind(given))]


def test_arguments_are_read_when_the_event_is_due(scheduler, clock):
    argument, kwargs = [1], {"k": 1}
    scheduler.enter(1, 1, clock.note, argument, kwargs)
    argument.append(2)
    kwargs["k"] = 2
    scheduler.run()
    assert clock.log == [(1, 1, 2, ("k", 2))]


def test_an_action_cannot_change_the_kwargs_it_was_given(scheduler):
    def change(**options):
        options["more"] = 1

    kwargs = {"k": 1}
    scheduler.enterabs(0, 1, change, (), kwargs)
    scheduler.run()
    assert kwargs == {"k": 1}


@pytest.mark.parametrize("argument, kwargs", [(3, {}), ((), 3), ((), [1]), ((), {1: 2}), ((), None)])
def test_wrong_arguments_fail_when_called_with_the_interpreters_words(clock, argument, kwargs):
    with pytest.raises(TypeError) as expected:
        clock.note(*argument, **kwargs)
    scheduler = hasten.sched.scheduler(clock.time, clock.sleep)
    scheduler.enterabs(0, 1, clock.note, argument, kwargs)
    with pytest.raises(TypeError) as caught:
        scheduler.run()
    assert str(caught.value) == str(expected.value)
    assert scheduler.empty()


# ---- failures ----


def test_a_failing_action_is_done_with_and_the_rest_stays(scheduler, clock):
    scheduler.enterabs(0, 1, clock.note, ("before",))
    scheduler.enterabs(0, 2, fail)
    scheduler.enterabs(0, 3, clock.note, ("after",))
    with pytest.raises(Failed):
        scheduler.run()
    assert clock.log == [(0, "before")] and clock.slept == [0]
    assert [event.argument for event in scheduler.queue] == [("after",)]
    scheduler.run()
    assert clock.log == [(0, "before"), (0, "after")]


def test_a_failing_delayfunc_leaves_the_event(impl, clock):
    scheduler = impl.scheduler(clock.time, fail)
    scheduler.enterabs(1, 1, clock.note)
    with pytest.raises(Failed):
        scheduler.run()
    assert len(scheduler.queue) == 1
    clock.now = 1
    with pytest.raises(Failed):  # by delayfunc(0), after the action
        scheduler.run()
    assert clock.log == [(1,)] and scheduler.empty()


def test_a_failing_timefunc_leaves_the_event(impl, clock):
    scheduler = impl.scheduler(fail, clock.sleep)
    with pytest.raises(Failed):
        scheduler.enter(1, 1, clock.note)
    assert scheduler.empty()
    scheduler.enterabs(1, 1, clock.note)
    with pytest.raises(Failed):
        scheduler.run()
    assert len(scheduler.queue) == 1


@pytest.mark.parametrize("now", ["text", None, [1]])
def test_a_time_that_cannot_be_compared_with_now(impl, now):
    scheduler = impl.scheduler(lambda: now, fail)
    scheduler.enterabs(1, 1, print)
    with pytest.raises(TypeError):
        scheduler.run()
    assert len(scheduler.queue) == 1


def test_the_traceback_of_an_action_names_its_function(scheduler):
    scheduler.enterabs(0, 1, fail)
    with pytest.raises(Failed) as caught:
        scheduler.run()
    assert caught.traceback[-1].name == "fail"


def test_an_action_that_is_not_callable(scheduler, clock):
    scheduler.enterabs(0, 1, "text")
    scheduler.enterabs(0, 2, clock.note)
    with pytest.raises(TypeError, match="'str' object is not callable"):
        scheduler.run()
    scheduler.run()
    assert clock.log == [(0,)]


# ---- other clocks ----


def test_timedelta_clock(impl):
    from datetime import datetime, timedelta

    class Calendar:
        now, log = datetime(2026, 1, 1), []

        def sleep(self, delay):
            if delay:
                self.now += delay

        def tell(self):
            return self.now

    calendar = Calendar()
    scheduler = impl.scheduler(calendar.tell, calendar.sleep)
    for days in [3, 1, 2]:
        scheduler.enter(timedelta(days=days), 1, calendar.log.append, (days,))
    assert scheduler.run(blocking=False) == timedelta(days=1)
    scheduler.run()
    assert calendar.log == [1, 2, 3] and calendar.now == datetime(2026, 1, 4)


def test_times_are_floats_but_the_clock_is_exact(impl):
    now = [Fraction(1, 3)]
    scheduler = impl.scheduler(lambda: now[0], lambda delay: now.__setitem__(0, now[0] + Fraction(delay)))
    ran = []
    scheduler.enterabs(1 / 3, 1, ran.append, ("below a third",))
    scheduler.enterabs(0.34, 1, ran.append, ("above",))
    assert scheduler.run(blocking=False) > 0
    assert ran == ["below a third"]
    scheduler.run()
    assert ran == ["below a third", "above"]


def test_a_time_that_the_clock_cannot_reach(impl):
    """What is missing to it is 0.0 as a float; it is never due, and the delayfunc hears of every try."""
    slept = []

    def sleep(delay):
        slept.append(delay)
        if len(slept) == 5:
            raise Failed

    scheduler = impl.scheduler(lambda: 2.0**53, sleep)
    event = scheduler.enterabs(2**53 + 1, 1, fail)
    with pytest.raises(Failed):
        scheduler.run()
    assert slept == [0.0] * 5
    assert all(isinstance(delay, float) for delay in slept)
    assert scheduler.queue == [event]


def test_a_time_that_is_no_number_of_seconds_and_time_sleep(impl):
    from datetime import datetime, timedelta

    scheduler = impl.scheduler(lambda: datetime(2026, 1, 1), time.sleep)
    scheduler.enter(timedelta(days=1), 1, print)
    with pytest.raises(TypeError):
        scheduler.run()
    assert len(scheduler.queue) == 1


def test_nan_is_no_time_to_sleep():
    class Odd(float):
        def __sub__(self, other):
            return float("nan")

    scheduler = hasten.sched.scheduler(lambda: 0.0, time.sleep)
    scheduler.enterabs(Odd(1), 1, print)
    with pytest.raises(ValueError, match="NaN"):
        scheduler.run()
