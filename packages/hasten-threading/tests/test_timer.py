"""Timer: calls after an interval, cancelled ones, many at a time, and what goes wrong."""

import signal
import threading
import time
from decimal import Decimal
from fractions import Fraction

import psutil
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

import hasten.threading

FAR = 3600.0


def os_threads():
    return psutil.Process().num_threads()


def test_the_function_gets_its_arguments(impl):
    seen = []

    def function(*args, **kwargs):
        seen.append((args, kwargs))

    for timer in (
        impl.Timer(0.01, function),
        impl.Timer(0.01, function, [1, 2]),
        impl.Timer(0.01, function, (3,), {"a": 4}),
        impl.Timer(interval=0.01, function=function, args=None, kwargs={"b": 5}),
    ):
        timer.start()
        timer.join()
    assert seen == [((), {}), ((1, 2), {}), ((3,), {"a": 4}), ((), {"b": 5})]


def test_it_is_a_thread_of_its_own(impl):
    seen = []
    timer = impl.Timer(
        0.01, lambda: seen.append((impl.current_thread(), impl.get_ident(), impl.get_native_id()))
    )
    assert isinstance(timer, (impl.Thread, impl.Timer))
    assert isinstance(timer, threading.Timer)
    timer.start()
    timer.join()
    assert seen == [(timer, timer.ident, timer.native_id)]
    assert timer.ident != impl.get_ident()


def test_it_does_not_call_early(impl):
    seen = []
    timer = impl.Timer(0.05, lambda: seen.append(time.monotonic()))
    before = time.monotonic()
    timer.start()
    timer.join()
    assert seen[0] - before >= 0.05


def test_life_of_a_timer(impl, until):
    gate, entered = impl.Event(), impl.Event()

    def function():
        entered.set()
        gate.wait()

    timer = impl.Timer(0.05, function)
    assert not timer.is_alive()
    assert not timer.finished.is_set()
    timer.start()
    assert timer.is_alive()
    assert timer in impl.enumerate()
    assert timer in threading.enumerate()
    entered.wait()
    assert timer.is_alive()
    assert not timer.finished.is_set()
    gate.set()
    timer.join()
    assert not timer.is_alive()
    assert timer.finished.is_set()
    assert timer not in impl.enumerate()


def test_attributes(impl):
    def function():
        raise AssertionError("never called")

    timer = impl.Timer(FAR, function, [1], {"k": 2})
    assert (timer.interval, timer.function, timer.args, timer.kwargs) == (FAR, function, [1], {"k": 2})
    assert isinstance(timer.finished, (impl.Event, threading.Event))
    assert not timer.finished.is_set()
    defaults = impl.Timer(FAR, function)
    assert (defaults.args, defaults.kwargs) == ([], {})
    assert impl.Timer(FAR, function).args is not defaults.args


def changed_while_it_waits(make, change):
    """A timer of make(interval), started and changed before it was due; what change(timer) returned.

    Where that took longer than the interval, it is done again with a longer one.
    """
    interval = 0.05
    while True:
        timer = make(interval)
        before = time.monotonic()
        timer.start()
        kept = change(timer)
        in_time = time.monotonic() - before < interval
        timer.join()
        if in_time:
            return timer, kept
        interval *= 2


def test_function_and_arguments_may_be_changed_while_it_waits(impl):
    def change(timer):
        seen = []
        timer.args, timer.function = ["changed"], seen.append
        return seen

    assert changed_while_it_waits(lambda interval: impl.Timer(interval, str), change)[1] == ["changed"]


def test_cancel(impl):
    seen = []
    timer = impl.Timer(FAR, seen.append, [1])
    timer.start()
    assert timer.cancel() is None
    timer.join()
    assert not timer.is_alive()
    assert timer.finished.is_set()
    timer.cancel()
    assert seen == []


def test_setting_finished_cancels(impl):
    timer = impl.Timer(FAR, print)
    timer.start()
    timer.finished.set()
    timer.join()
    assert not timer.is_alive()


def test_cancel_before_start(impl):
    seen = []
    timer = impl.Timer(FAR, seen.append, [1])
    timer.cancel()
    timer.start()
    timer.join()
    assert seen == []
    assert not timer.is_alive()


def test_cancel_from_its_own_function(impl):
    timer = impl.Timer(0.001, lambda: timer.cancel())
    timer.start()
    timer.join()
    assert timer.finished.is_set()


def test_a_finished_event_of_users(impl):
    """Replaced before the start, and while it waits: the one that is there at the end counts."""
    seen = []
    timer = impl.Timer(FAR, seen.append, [1])
    timer.finished = impl.Event()
    timer.start()
    timer.cancel()
    timer.join()

    def change(timer):
        first, timer.finished = timer.finished, impl.Event()
        return first

    def make(interval):
        seen.clear()
        return impl.Timer(interval, seen.append, [2])

    assert seen == []
    timer, first = changed_while_it_waits(make, change)
    assert seen == [2]
    assert timer.finished.is_set()
    assert not first.is_set()
    for other in (object(), None, 5):
        timer = impl.Timer(FAR, seen.append, [3])
        finished = timer.finished
        timer.start()
        timer.finished = other
        finished.set()
        if impl is hasten.threading:
            timer.join()
        else:
            timer.finished = finished
            timer.join()
    assert seen == [2]


def test_start_twice(impl):
    timer = impl.Timer(FAR, print)
    timer.start()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        timer.start()
    timer.cancel()
    timer.join()
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        timer.start()


def test_join_before_start(impl):
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        impl.Timer(FAR, print).join()


@pytest.mark.parametrize("timeout", [0, -1, 0.001])
def test_join_while_it_waits(impl, timeout):
    timer = impl.Timer(FAR, print)
    timer.start()
    assert timer.join(timeout) is None
    assert timer.is_alive()
    timer.cancel()
    timer.join()


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError)])
def test_join_with_a_bad_timeout(timeout, error):
    timer = hasten.threading.Timer(FAR, print)
    timer.start()
    with pytest.raises(error):
        timer.join(timeout)
    timer.cancel()
    timer.join()


def test_many_join_one(impl, spawn):
    timer = impl.Timer(FAR, print)
    timer.start()
    tasks = [spawn(timer.join).settle() for _ in range(5)] + [
        spawn(timer.join, 60).settle() for _ in range(5)
    ]
    timer.cancel()
    assert [task.result() for task in tasks] == [None] * 10


def test_ctrl_c_ends_a_join(impl, when_main_sleeps):
    timer = impl.Timer(FAR, print)
    timer.start()
    when_main_sleeps(lambda: signal.pthread_kill(impl.main_thread().ident, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.join()
    timer.cancel()
    timer.join()


def test_name_daemon_and_repr(impl):
    timer = impl.Timer(FAR, print)
    timer.name = "tick"
    timer.daemon = True
    timer.start()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        timer.daemon = False
    assert repr(timer).startswith("<Timer(tick, started daemon")
    timer.cancel()
    timer.join()
    assert repr(timer).startswith("<Timer(tick, stopped daemon")


# ---- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0, -1, -0.001, False, Fraction(1, 100), Decimal("0.01"), -(10**400)])
def test_any_real_interval(interval):
    seen = []
    timer = hasten.threading.Timer(interval, seen.append, [1])
    timer.start()
    timer.join()
    assert seen == [1]


@pytest.mark.parametrize(
    "interval", [10**10, 10**400, float("inf"), 1e300, Decimal("1e500"), Fraction(10**400)]
)
def test_an_interval_that_never_ends(interval):
    timer = hasten.threading.Timer(interval, print)
    timer.start()
    timer.join(0.001)
    assert timer.is_alive()
    timer.cancel()
    timer.join()


@pytest.mark.parametrize("interval, error", [(float("nan"), ValueError), ("1", TypeError), ([], TypeError)])
def test_a_bad_interval_is_told_in_the_thread(interval, error, monkeypatch):
    impl = hasten.threading
    told = []
    monkeypatch.setattr(impl, "excepthook", lambda args: told.append((args.exc_type, args.thread)))
    timer = impl.Timer(interval, print)
    timer.start()
    timer.join()
    assert not timer.is_alive()
    assert told == [(error, timer)]


def test_the_hook_is_told_of_a_failing_function(impl, monkeypatch):
    told = []
    monkeypatch.setattr(impl, "excepthook", lambda args: told.append((args.exc_type, args.thread)))
    timer = impl.Timer(0.001, lambda: 1 // 0)
    timer.start()
    timer.join()
    assert told == [(ZeroDivisionError, timer)]
    assert not timer.is_alive()
    assert not timer.finished.is_set()


# ---- many ----------------------------------------------------------------------------------------


def test_one_thread_waits_for_all():
    before = os_threads()
    timers = [hasten.threading.Timer(FAR + n % 7, print) for n in range(2000)]
    for timer in timers:
        timer.start()
    assert os_threads() <= before + 1
    assert hasten.threading.active_count() >= 2000
    for timer in timers:
        timer.cancel()
    for timer in timers:
        timer.join()
    assert not set(timers) & set(hasten.threading.enumerate())


def test_they_are_called_in_order():
    seen = []
    timers = [hasten.threading.Timer(0.05 + 0.05 * (n % 3), seen.append, [n % 3]) for n in range(9)]
    for timer in timers:
        timer.start()
    for timer in timers:
        timer.join()
    assert sorted(seen) == [0] * 3 + [1] * 3 + [2] * 3


def test_an_earlier_timer_overtakes(impl):
    late = impl.Timer(FAR, print)
    late.start()
    seen = []
    early = impl.Timer(0.01, seen.append, [1])
    early.start()
    early.join()
    assert seen == [1]
    late.cancel()
    late.join()


def test_a_function_that_blocks_holds_up_nobody(impl):
    gate, entered = impl.Event(), impl.Event()

    def block():
        entered.set()
        gate.wait()

    first = impl.Timer(0.001, block)
    first.start()
    entered.wait()
    second = impl.Timer(0.001, gate.set)
    second.start()
    first.join()
    second.join()


def test_a_function_that_starts_the_next_timer(impl):
    """A periodic timer, as programs write it."""
    done, count = impl.Event(), []

    def tick():
        count.append(impl.current_thread())
        if len(count) == 20:
            done.set()
        else:
            impl.Timer(0.001, tick).start()

    impl.Timer(0.001, tick).start()
    done.wait()
    for timer in count:
        timer.join()
    assert len(set(count)) == 20


def test_cancelled_at_the_very_moment_it_is_due(spawn):
    """Called or cancelled: it ends, and the function is called at most once."""
    for turn in range(200):
        calls = []
        timer = hasten.threading.Timer(0.0005 * (turn % 3), calls.append, [1])
        timer.start()
        task = spawn(timer.cancel)
        timer.join(30)
        assert not timer.is_alive()
        assert timer.finished.is_set()
        assert calls in ([], [1])
        task.result()


def test_start_and_cancel_race(spawn):
    for _ in range(200):
        timer = hasten.threading.Timer(FAR, print)
        task = spawn(timer.cancel)
        timer.start()
        timer.join(30)
        assert not timer.is_alive()
        task.result()


# ---- subclasses ----------------------------------------------------------------------------------


def test_a_run_of_its_own(impl):
    """The usual way to a periodic timer."""
    seen = []

    class Periodic(impl.Timer):
        def run(self):
            while not self.finished.wait(self.interval):
                self.function(*self.args, **self.kwargs)

    timer = Periodic(0.001, lambda: seen.append(1) or len(seen) < 5 or timer.cancel())
    timer.start()
    timer.join()
    assert len(seen) == 5


def test_a_run_that_calls_the_inherited_one(impl):
    seen = []

    class Told(impl.Timer):
        def run(self):
            seen.append("before")
            super().run()
            seen.append("after")

    timer = Told(0.001, seen.append, ["called"])
    timer.start()
    timer.join()
    assert seen == ["before", "called", "after"]


def test_a_subclass_without_run(impl):
    class Named(impl.Timer):
        def __init__(self, *args):
            super().__init__(*args)
            self.name = "named"

        def cancel(self):
            super().cancel()
            self.cancelled = True

    timer = Named(FAR, print)
    timer.start()
    timer.cancel()
    timer.join()
    assert timer.cancelled
    assert timer.name == "named"


def test_run_called_directly(impl):
    seen = []
    timer = impl.Timer(0.001, seen.append, [1])
    timer.run()
    assert seen == [1]
    assert timer.finished.is_set()


def test_a_second_start_at_any_moment(impl):
    """Also while the timer's thread is about to begin."""
    for _ in range(300):
        timer = impl.Timer(0.0002, int)
        timer.start()
        while timer.is_alive():
            with pytest.raises(RuntimeError, match="once"):
                timer.start()
        timer.join()


# ---- any order of starts and cancels -------------------------------------------------------------


class Timers(RuleBasedStateMachine):
    """Timers that are due at once or never, started and cancelled in any order."""

    timers = Bundle("timers")

    def __init__(self):
        super().__init__()
        self.calls = {}
        self.state = {}

    @rule(target=timers, interval=st.sampled_from([-1, 0, 0.0001, 0.001, 0.002, 50, 60, 3600, float("inf")]))
    def make(self, interval):
        timer = hasten.threading.Timer(interval, lambda: self.call(timer))
        self.calls[timer] = 0
        self.state[timer] = "new"
        return timer

    def call(self, timer):
        assert hasten.threading.current_thread() is timer
        self.calls[timer] += 1

    @rule(timer=timers)
    def start(self, timer):
        if self.state[timer] == "new":
            timer.start()
            self.state[timer] = "started"
        elif self.state[timer] == "cancelled before":
            timer.start()
            self.state[timer] = "cancelled"
        else:
            with pytest.raises(RuntimeError):
                timer.start()

    @rule(timer=timers)
    def cancel(self, timer):
        timer.cancel()
        known = {"new": "cancelled before", "cancelled before": "cancelled before"}
        self.state[timer] = known.get(self.state[timer], "cancelled")

    @rule(timer=timers)
    def join(self, timer):
        state = self.state[timer]
        if state in ("new", "cancelled before"):
            with pytest.raises(RuntimeError):
                timer.join()
        elif state == "cancelled" or timer.interval < 1:
            timer.join(30)
            assert not timer.is_alive()
            assert timer.finished.is_set()
            assert self.calls[timer] == 1 or state == "cancelled"
        else:
            timer.join(0)
            assert timer.is_alive()

    @invariant()
    def listed(self):
        running = set(hasten.threading.enumerate())
        for timer, state in self.state.items():
            if state == "started" and timer.interval > 1:
                assert timer in running
            if state in ("new", "cancelled before"):
                assert timer not in running
            assert self.calls[timer] <= 1

    def teardown(self):
        for timer, state in self.state.items():
            timer.cancel()
            if state in ("started", "cancelled"):
                timer.join(30)
                assert not timer.is_alive()
            if timer.interval > 1 or state == "cancelled before":
                assert self.calls[timer] == 0
        assert not set(self.state) & set(hasten.threading.enumerate())


TestTimers = Timers.TestCase
TestTimers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


# ---- what goes wrong in the thread that waits for all timers -----------------------------------------------

NO_START = """
import io, sys
from hasten import threading

def fail(args):
    raise {error}

told = []
threading.excepthook = fail
sys.unraisablehook = {unraisablehook}
sys.stderr = io.StringIO()
first = threading.Timer(3600, print)  # so that there is a service, which starts the others' threads
first.start()
threading.stack_size(1 << 46)  # more than the system gives to a thread
second = threading.Timer(0.01, print)
second.start()
second.join()
threading.stack_size(0)
third = threading.Timer(0.01, print, ["third"])
third.start()
third.join()
first.cancel()
print(second.is_alive(), third.is_alive(), [type(args.exc_value).__name__ for args in told], flush=True)
threading.Timer(0.01, print, ["at the end"]).start()
"""


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt"])
@pytest.mark.parametrize("unraisablehook", ["told.append", "fail"])
def test_a_start_that_fails_and_a_hook_that_fails(python, error, unraisablehook):
    """The other timers fire all the same, and nothing ends the program."""
    printed = python(NO_START.format(error=error, unraisablehook=unraisablehook)).splitlines()
    reported = [error] if unraisablehook == "told.append" else []
    assert printed == ["third", f"False False {reported}", "at the end"]
