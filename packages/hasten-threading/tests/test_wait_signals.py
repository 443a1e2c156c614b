"""Signals during a wait of the main thread: what ends it, what does not, and what is not lost."""

import random
import signal
import time

import pytest
from support.signalling import MAIN, SENDERS, Interrupt, interrupt

import hasten.threading as ours

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")


class Locked:
    """A lock of the user's own for a condition."""

    def __init__(self):
        self.inner = ours.Lock()
        self.acquire, self.release, self.locked = self.inner.acquire, self.inner.release, self.inner.locked

    def __enter__(self):
        self.acquire()

    def __exit__(self, *error):
        self.release()


def condition(lock):
    cond = ours.Condition(lock)

    def wait(timeout):
        with cond:
            try:
                return cond.wait(timeout)
            finally:
                assert cond._is_owned()

    def notify():
        with cond:
            cond.notify()

    return wait, notify, lambda: len(cond._waiters)


def wait_for():
    cond, state = ours.Condition(), []

    def wait(timeout):
        with cond:
            return cond.wait_for(lambda: state, timeout) == [1]

    def notify():
        with cond:
            state.append(1)
            cond.notify()

    return wait, notify, lambda: len(cond._waiters)


def event():
    event = ours.Event()
    return event.wait, event.set, None


def semaphore(cls):
    sem = cls(1)
    sem.acquire()
    return lambda timeout: sem.acquire(timeout=timeout), sem.release, None


def barrier():
    barrier = ours.Barrier(2)

    def wait(timeout):
        try:
            return barrier.wait(timeout) in (0, 1)
        except ours.BrokenBarrierError:
            barrier.reset()
            return False

    return wait, lambda: barrier.wait(10), lambda: barrier.n_waiting


KINDS = {
    "condition": lambda: condition(None),
    "condition of a Lock": lambda: condition(ours.Lock()),
    "condition of a user's lock": lambda: condition(Locked()),
    "wait_for": wait_for,
    "event": event,
    "semaphore": lambda: semaphore(ours.Semaphore),
    "bounded semaphore": lambda: semaphore(ours.BoundedSemaphore),
    "barrier": barrier,
}


@pytest.fixture(params=KINDS)
def kind(request):
    """Three functions: wait with a timeout, end a wait, and (or None) count who waits."""
    return KINDS[request.param]()


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("sender", SENDERS)
def test_a_handler_that_raises_ends_the_wait(kind, timeout, sender, on_signal, when_main_sleeps, spawn):
    wait, notify, count = kind
    on_signal(interrupt)
    task = when_main_sleeps(SENDERS[sender])
    with pytest.raises(Interrupt):
        wait(timeout)
    task.result()
    assert count is None or count() == 0
    waiter = spawn(wait, 30).settle()
    notify()
    assert waiter.result() is True


def test_handlers_that_return_do_not_end_the_wait(kind, on_signal, spawn):
    wait = kind[0]
    handled, over = [], ours.Event()
    on_signal(lambda: handled.append(1))

    def send():
        while not over.wait(0.01):
            signal.pthread_kill(MAIN, signal.SIGUSR1)

    sender = spawn(send)
    try:
        during = 0
        while not during:  # the sender may be slow
            before, start = len(handled), time.monotonic()
            assert wait(0.3) is False
            elapsed, during = time.monotonic() - start, len(handled) - before
            assert elapsed >= 0.29  # the whole timeout; how much more is the machine's business
    finally:
        over.set()
    sender.result()


def test_a_notification_during_the_handler_is_not_lost(kind, on_signal, when_main_sleeps, spawn):
    wait, notify, _ = kind
    if kind[0].__qualname__.startswith("barrier"):
        notifiers = []

        def handler():
            notifiers.append(spawn(notify).settle())
    else:

        def handler():
            spawn(notify).result()

    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    assert wait(60) is True
    task.result()


@pytest.mark.parametrize("name", [name for name in KINDS if "semaphore" in name or "condition" in name])
def test_who_was_chosen_and_leaves_passes_it_on(name, on_signal, when_main_sleeps, spawn, until):
    """The main thread is notified inside a handler that then raises: somebody else gets it."""
    wait, notify, _ = KINDS[name]()
    others = []

    def handler():
        others.append(spawn(wait, 30).settle())  # behind the main thread
        notify_done.append(spawn(notify).settle())
        raise Interrupt

    notify_done = []
    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt):
        wait(60)
    task.result()
    assert others[0].result() is True
    notify_done[0].result()


def test_events_reach_all_whatever_their_handlers_do(on_signal, when_main_sleeps, spawn):
    event = ours.Event()
    others = [spawn(event.wait, 30).settle() for _ in range(3)]

    def handler():
        event.set()
        event.clear()
        raise Interrupt

    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt):
        event.wait(60)
    task.result()
    assert [other.result() for other in others] == [True] * 3


def test_a_handler_uses_what_is_waited_for(on_signal, when_main_sleeps):
    event, sem = ours.Event(), ours.Semaphore(0)
    for use, wait in [(event.set, event.wait), (sem.release, sem.acquire)]:
        on_signal(use)
        task = when_main_sleeps(SENDERS["pthread_kill"])
        assert wait(timeout=60) is True
        task.result()


def test_a_signal_just_before_the_sleep_is_not_slept_over():
    """Timers go off about when the thread falls asleep; only their handler ends the wait."""
    event, sem, delays = ours.Event(), ours.Semaphore(0), random.Random(5)
    uses = []
    before = signal.signal(signal.SIGALRM, lambda *_: uses[-1]())
    try:
        for use, wait in [(event.set, event.wait), (sem.release, sem.acquire)] * 200:
            event.clear()
            uses.append(use)
            signal.setitimer(signal.ITIMER_REAL, delays.uniform(1e-6, 6e-5))
            assert wait(timeout=20) is True
    finally:
        signal.signal(signal.SIGALRM, before)


def test_an_interrupt_does_not_break_the_barrier(on_signal, when_main_sleeps, spawn, until):
    barrier = ours.Barrier(4)
    early = spawn(barrier.wait)
    until(lambda: barrier.n_waiting == 1)
    late = []

    def handler():
        late.append(spawn(barrier.wait))
        until(lambda: barrier.n_waiting == 3)
        raise Interrupt

    on_signal(handler)
    task = when_main_sleeps(SENDERS["pthread_kill"])
    with pytest.raises(Interrupt):
        barrier.wait()
    task.result()
    assert barrier.n_waiting == 2 and not barrier.broken
    late.append(spawn(barrier.wait))
    until(lambda: barrier.n_waiting == 3)
    assert barrier.wait() == 3
    assert [early.result(), *(task.result() for task in late)] == [0, 1, 2]


def test_interrupted_while_the_action_runs(on_signal, when_main_sleeps, spawn):
    begun, end = ours.Event(), ours.Event()

    def action():
        begun.set()
        assert end.wait(30)

    barrier = ours.Barrier(2, action)
    on_signal(interrupt)
    actors = []

    def act():
        actors.append(spawn(barrier.wait))
        assert begun.wait(30)
        SENDERS["pthread_kill"]()

    task = when_main_sleeps(act)
    with pytest.raises(Interrupt):
        barrier.wait()
    task.result()
    assert barrier.n_waiting == 1
    end.set()
    assert actors[0].result() == 1
    assert (barrier.n_waiting, barrier.broken) == (0, False)


KEYBOARD = """
import os, signal, sys, time
import hasten.threading as threading

cond, lock, rlock = threading.Condition(), threading.Lock(), threading.RLock()
lock.acquire()
def hold():
    rlock.acquire()
    held.set()
    never.wait()
held, never = threading.Event(), threading.Event()
threading.Thread(target=hold, daemon=True).start()
held.wait()

def waiting(timeout):
    with cond: cond.wait(timeout)

def stuck():
    while True:
        yield 1
        lock.acquire()
shared = threading.serialize_iterator(stuck())
next(shared)

calls = dict(
    wait=lambda: waiting(None), wait_timeout=lambda: waiting(60),
    wait_for=lambda: [cond.acquire(), cond.wait_for(lambda: False)],
    event=never.wait, event_timeout=lambda: never.wait(60),
    semaphore=threading.Semaphore(0).acquire, semaphore_with=threading.Semaphore(0).__enter__,
    bounded=lambda: [s := threading.BoundedSemaphore(1), s.acquire(), s.acquire(timeout=60)],
    barrier=threading.Barrier(2).wait, barrier_timeout=lambda: threading.Barrier(2).wait(60),
    lock=lock.acquire, rlock=rlock.acquire, condition_enter=threading.Condition(rlock).__enter__,
    iterator=lambda: next(shared),
)
main = threading.get_native_id()

def asleep():
    with open(f"/proc/self/task/{main}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"

def interrupt():
    global sent
    seen = 0
    while seen < 20:
        seen = seen + 1 if asleep() else 0
        time.sleep(0.0005)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
for name, call in calls.items():
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        call()
    except KeyboardInterrupt:
        print(name, (time.perf_counter() - sent) * 1e3)
    thread.join()
"""


def test_keyboard_interrupt_in_every_blocking_call(python, record_property):
    """The times, in milliseconds, are recorded as properties of the test."""
    lines = [line.split() for line in python(KEYBOARD).splitlines()]
    assert [name for name, _ in lines] == [
        "wait",
        "wait_timeout",
        "wait_for",
        "event",
        "event_timeout",
        "semaphore",
        "semaphore_with",
        "bounded",
        "barrier",
        "barrier_timeout",
        "lock",
        "rlock",
        "condition_enter",
        "iterator",
    ]
    for name, milliseconds in lines:
        record_property(name, float(milliseconds))
