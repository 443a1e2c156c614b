"""run() that sleeps in time.sleep: what wakes it, what it does then, and signals."""

import os
import signal
import threading
import time
from fractions import Fraction

import pytest

import hasten.sched

MAIN = threading.main_thread().ident
FAR = 3600.0
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="sees in /proc who sleeps")


class Interrupt(Exception):
    pass


@pytest.fixture(params=["float", "difficult"])
def scheduler(request):
    """One whose events are in C, and one whose events are in a list."""
    made = hasten.sched.scheduler()
    made.far = FAR
    if request.param == "difficult":
        made.enterabs(Fraction(10**9), 1, print)  # never comes
        made.finish = lambda: made.cancel(made.queue[-1])
    else:
        made.finish = lambda: None
    return made


@pytest.fixture
def on_signal():
    """Let a function handle SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda function: signal.signal(signal.SIGUSR1, lambda *_: function())
    signal.signal(signal.SIGUSR1, before)


def interrupt():
    raise Interrupt


def test_an_earlier_event_wakes_it(scheduler, spawn):
    ran = []
    last = scheduler.enter(FAR, 1, ran.append, ("late",))

    def end():
        ran.append("early")
        scheduler.cancel(last)
        scheduler.finish()

    runner = spawn(scheduler.run)
    runner.settle()
    scheduler.enter(0, 1, end)
    runner.result()
    assert ran == ["early"]


def test_cancelling_the_last_event_ends_it(scheduler, spawn):
    event = scheduler.enter(FAR, 1, print)
    runner = spawn(scheduler.run)
    runner.settle()
    scheduler.cancel(event)
    scheduler.finish()
    runner.result()


def test_cancelling_the_next_event_makes_it_wait_for_the_one_after(scheduler, spawn):
    first, second = scheduler.enter(FAR, 1, print), scheduler.enter(2 * FAR, 1, print)
    runner = spawn(scheduler.run)
    runner.settle()
    scheduler.cancel(first)
    runner.settle()
    assert runner.is_alive()
    scheduler.cancel(second)
    scheduler.finish()
    runner.result()


def test_a_later_event_leaves_it_asleep(scheduler, spawn):
    asked = []

    def tell():
        asked.append(1)
        return time.monotonic()

    scheduler.timefunc = tell
    first = scheduler.enter(FAR, 1, print)
    runner = spawn(scheduler.run)
    runner.settle()
    before = len(asked)
    later = scheduler.enterabs(first.time + FAR, 1, print)
    scheduler.cancel(later)
    assert len(asked) == before or later.sequence == 2  # in a list, every cancel is looked at
    scheduler.cancel(first)
    scheduler.finish()
    runner.result()


def test_events_from_the_first_to_the_last(scheduler, spawn):
    """Ever earlier events, each entered while it sleeps until the one before."""
    ran = []
    events = [scheduler.enter(FAR, 1, print)]
    runner = spawn(scheduler.run)
    for i in range(1, 20):
        events.append(scheduler.enter(FAR - i, 1, print))
    runner.settle()
    for event in events[::-1]:
        scheduler.cancel(event)
        scheduler.enter(0, 1, ran.append, (event.sequence,))
    scheduler.finish()
    runner.result()
    assert len(ran) == 20


def test_several_threads_in_run(scheduler, spawn):
    ran = []
    far = scheduler.enter(FAR, 1, print)
    runners = [spawn(scheduler.run).settle() for _ in range(3)]
    for i in range(50):
        scheduler.enter(0, 1, ran.append, (i,))
    scheduler.cancel(far)
    scheduler.finish()
    for runner in runners:
        runner.result()
    assert sorted(ran) == list(range(50))


def test_a_runner_held_up_by_its_action_does_not_hold_up_the_others(spawn):
    """One thread is in a long action; the event before the one the other sleeps for is not missed."""
    scheduler, inside, go, ran = hasten.sched.scheduler(), threading.Event(), threading.Event(), []

    def block():
        inside.set()
        assert go.wait(30)

    far = scheduler.enter(FAR, 1, print)
    runners = [spawn(scheduler.run).settle() for _ in range(2)]
    scheduler.enter(0, 1, block)
    assert inside.wait(30)
    over = threading.Event()
    scheduler.enter(0, 1, over.set)
    assert over.wait(30), "nobody ran the event while one thread was in an action"
    go.set()
    scheduler.cancel(far)
    for runner in runners:
        runner.result()
    assert ran == []


def test_another_delayfunc_is_not_interrupted(spawn):
    """It is the user's: called with the time that is left, and its return waited for."""
    entered, go, slept = threading.Event(), threading.Event(), []

    def sleep(delay):
        slept.append(delay)
        if delay:
            entered.set()
            assert go.wait(30)
            now[0] = 10

    now, ran = [0], []
    scheduler = hasten.sched.scheduler(lambda: now[0], sleep)
    scheduler.enterabs(10, 1, ran.append, ("late",))
    runner = spawn(scheduler.run)
    assert entered.wait(30)
    scheduler.enterabs(5, 1, ran.append, ("early",))
    assert ran == []
    go.set()
    runner.result()
    assert ran == ["early", "late"] and slept == [10, 0, 0]


def test_events_wake_up_by_themselves(impl):
    ran = []
    scheduler = impl.scheduler()
    begin = time.monotonic()
    for delay in [0.03, 0.01, 0.02]:  # of one time: enter() takes that of each call
        scheduler.enterabs(begin + delay, 1, ran.append, (delay,))
    scheduler.run()
    assert ran == [0.01, 0.02, 0.03]
    assert time.monotonic() - begin >= 0.03


def test_the_wall_clock(impl):
    ran = []
    scheduler = impl.scheduler(time.time, time.sleep)
    scheduler.enterabs(time.time() + 0.01, 1, ran.append, (1,))
    scheduler.run()
    assert ran == [1]


# ---- signals ----


@pytest.mark.parametrize("sender", ["pthread_kill", "kill"])
def test_a_raising_handler_ends_run(scheduler, sender, on_signal, when_main_sleeps):
    ran = []
    event = scheduler.enter(FAR, 1, ran.append, (1,))
    on_signal(interrupt)
    send = {
        "pthread_kill": lambda: signal.pthread_kill(MAIN, signal.SIGUSR1),
        "kill": lambda: os.kill(os.getpid(), signal.SIGUSR1),
    }[sender]
    thread = when_main_sleeps(send)
    with pytest.raises(Interrupt):
        scheduler.run()
    thread.result()
    assert event in scheduler.queue and not ran
    scheduler.cancel(event)
    scheduler.finish()
    assert scheduler.run() is None


def test_control_c(when_main_sleeps):
    scheduler = hasten.sched.scheduler()
    scheduler.enter(FAR, 1, print)
    thread = when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        scheduler.run()
    thread.result()
    assert len(scheduler.queue) == 1


def test_a_handler_that_returns_lets_it_sleep_on(until, on_signal, when_main_sleeps):
    scheduler, handled = hasten.sched.scheduler(), []
    event = scheduler.enter(FAR, 1, print)
    on_signal(lambda: handled.append(1))

    def act():
        signal.pthread_kill(MAIN, signal.SIGUSR1)
        until(lambda: handled)
        when_main_sleeps(lambda: scheduler.cancel(event)).result()

    thread = when_main_sleeps(act)
    scheduler.run()
    thread.result()
    assert handled == [1]


def test_a_handler_enters_an_earlier_event(scheduler, on_signal, when_main_sleeps):
    ran = []
    far = scheduler.enter(FAR, 1, ran.append, ("late",))

    def handler():
        ran.append("handler")
        scheduler.enter(0, 1, end)

    def end():
        ran.append("early")
        scheduler.cancel(far)
        scheduler.finish()

    on_signal(handler)
    thread = when_main_sleeps(lambda: signal.pthread_kill(MAIN, signal.SIGUSR1))
    scheduler.run()
    thread.result()
    assert ran == ["handler", "early"]


def test_an_endless_run_can_be_interrupted(spawn, on_signal):
    """Events without end, all of them due."""
    scheduler = hasten.sched.scheduler(time.monotonic, time.sleep)
    started = threading.Event()

    def again():
        started.set()
        scheduler.enter(0, 1, again)

    on_signal(interrupt)
    scheduler.enter(0, 1, again)

    def send():
        assert started.wait(30)
        signal.pthread_kill(MAIN, signal.SIGUSR1)

    thread = spawn(send)
    with pytest.raises(Interrupt):
        scheduler.run()
    thread.result()
