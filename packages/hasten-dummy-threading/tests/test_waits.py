"""Waits: those that end at once, those that run out, and those that would never end."""

import math
import os
import signal
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hasten.dummy_threading as dummy


def held(lock):
    lock.acquire()
    return lock


def locked_condition(lock=None):
    return held(dummy.Condition(lock))


def in_thread(function):
    """What the function returns in a thread; what it raises is raised here."""
    outcome = []
    with dummy.patched(reraise=True):
        dummy.Thread(target=lambda: outcome.append(function())).start()
    return outcome[0]


ENDLESS = {
    "Lock.acquire": lambda: held(dummy.Lock()).acquire(),
    "with Lock": lambda: held(dummy.Lock()).__enter__(),
    "RLock.acquire": lambda: in_thread(HELD.acquire),
    "with RLock": lambda: in_thread(HELD.__enter__),
    "Condition.acquire": lambda: in_thread(dummy.Condition(HELD).acquire),
    "Condition.wait": lambda: locked_condition().wait(),
    "Condition.wait_for": lambda: locked_condition().wait_for(lambda: False),
    "Event.wait": lambda: dummy.Event().wait(),
    "Semaphore.acquire": lambda: dummy.Semaphore(0).acquire(),
    "with Semaphore": lambda: dummy.Semaphore(0).__enter__(),
    "BoundedSemaphore.acquire": lambda: held(dummy.BoundedSemaphore(1)).acquire(),
    "Barrier.wait": lambda: dummy.Barrier(2).wait(),
    "Thread.join": lambda: in_thread(dummy.main_thread().join),
}
HELD = held(dummy.RLock())


@pytest.mark.parametrize("name", ENDLESS)
def test_a_wait_without_end_is_an_error(name):
    with pytest.raises(RuntimeError) as caught:
        ENDLESS[name]()
    text = str(caught.value)
    call = "acquire" if name.startswith("with") else name.partition(".")[2].partition("_")[0]
    assert text.startswith(f"{call}() would wait for ever: ")
    assert "each runs to its end inside start()" in text
    assert text.rpartition("; ")[2].strip(), "it says what to do"


RUNS_OUT = {
    "Lock.acquire": lambda seconds: held(dummy.Lock()).acquire(timeout=seconds),
    "RLock.acquire": lambda seconds: dummy_thread_result(lambda: HELD.acquire(True, seconds)),
    "Condition.wait": lambda seconds: locked_condition().wait(seconds),
    "Condition.wait_for": lambda seconds: locked_condition().wait_for(lambda: False, seconds),
    "Event.wait": lambda seconds: dummy.Event().wait(seconds),
    "Semaphore.acquire": lambda seconds: dummy.Semaphore(0).acquire(timeout=seconds),
}


def dummy_thread_result(function):
    outcome = []
    dummy.Thread(target=lambda: outcome.append(function())).start()
    return outcome[0]


@pytest.mark.parametrize("name", RUNS_OUT)
def test_a_timeout_passes(name, sleeps):
    wait = RUNS_OUT[name]
    assert wait(2) is False and wait(Fraction(1, 2)) is False and wait(Decimal("0.25")) is False
    assert sleeps == [2, 0.5, 0.25]
    assert wait(0) is False and sleeps == [2, 0.5, 0.25]


@pytest.mark.parametrize("name", RUNS_OUT)
@pytest.mark.parametrize(
    ("timeout", "error"),
    [(math.nan, ValueError), ("1", TypeError), (math.inf, OverflowError), (1e300, OverflowError)],
)
def test_bad_timeouts(name, timeout, error, capsys):
    if name == "RLock.acquire":
        with pytest.raises(error):
            dummy.RLock().acquire(True, timeout)
    else:
        with pytest.raises(error):
            RUNS_OUT[name](timeout)


def test_a_timeout_really_passes():
    before = time.monotonic()
    assert dummy.Event().wait(0.02) is False
    assert time.monotonic() - before >= 0.02


MEANWHILE = {
    "Lock.acquire": lambda: (lambda lock: (lock.release, lock.acquire))(held(dummy.Lock())),
    "Event.wait": lambda: (lambda event: (event.set, event.wait))(dummy.Event()),
    "Semaphore.acquire": lambda: (lambda sem: (sem.release, lambda timeout: sem.acquire(timeout=timeout)))(
        dummy.Semaphore(0)
    ),
    "Condition.wait": lambda: (lambda cond: (cond.notify, cond.wait))(locked_condition()),
}


@pytest.mark.parametrize("name", ["Lock.acquire", "Event.wait", "Semaphore.acquire"])
def test_a_signal_handler_ends_a_wait(name, monkeypatch):
    change, wait = MEANWHILE[name]()
    if name == "Lock.acquire":
        lock_wait, wait = wait, lambda timeout: lock_wait(timeout=timeout)
    before = signal.signal(signal.SIGUSR1, lambda *args: change())
    monkeypatch.setattr(time, "sleep", lambda seconds: os.kill(os.getpid(), signal.SIGUSR1))
    try:
        assert wait(5) is True
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_notifies(monkeypatch):
    condition, states = locked_condition(), []

    def handler(*args):
        with condition:
            states.append(repr(condition))
            condition.notify()
            condition.notify(5)  # more than there are

    before = signal.signal(signal.SIGUSR1, handler)
    monkeypatch.setattr(time, "sleep", lambda seconds: os.kill(os.getpid(), signal.SIGUSR1))
    try:
        assert condition.wait(5) is True
        assert condition.wait_for(lambda: len(states) > 1, 5) is True
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert all(state.endswith(", 1)>") for state in states) and repr(condition).endswith(", 0)>")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert condition.wait(5) is False  # a notify of before does not count


def test_the_lock_is_held_again_after_a_sleep_that_was_interrupted(monkeypatch):
    condition = locked_condition()
    condition.acquire()

    def interrupted(seconds):
        assert not condition._is_owned()
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        condition.wait(1)
    condition.release()
    condition.release()
    with pytest.raises(RuntimeError):
        condition.release()
    assert repr(condition).endswith(", 0)>")


# What a thread sees of these when nobody else is there is compared with the standard library.


def test_condition_needs_its_lock(impl):
    condition = impl.Condition()
    with pytest.raises(RuntimeError, match="cannot wait on un-acquired lock"):
        condition.wait(0)
    for call in (condition.notify, condition.notify_all):
        with pytest.raises(RuntimeError, match="cannot notify on un-acquired lock"):
            call()
    with condition:
        assert condition.notify() is None and condition.notify_all() is None
        assert condition.wait(0) is False


@pytest.mark.parametrize("make", ["Lock", "RLock"])
def test_condition_over_a_given_lock(impl, make, sleeps):
    lock = getattr(impl, make)()
    condition = impl.Condition(lock)
    with condition:
        assert lock.acquire(False) is (make == "RLock")
        assert condition.wait(0) is False and condition._is_owned()
    if make == "RLock":
        lock.release()
    assert lock.acquire(False) is True


def test_condition_over_a_lock_of_the_users(impl):
    class Own:
        def __init__(self):
            self.lock, self.calls = impl.Lock(), []

        def acquire(self, *args):
            self.calls.append("acquire")
            return self.lock.acquire(*args)

        def release(self):
            self.calls.append("release")
            self.lock.release()

        def locked(self):
            return self.lock.locked()

        def __enter__(self):
            return self.acquire()

        def __exit__(self, *exc_info):
            self.release()

    lock = Own()
    condition = impl.Condition(lock)
    with condition:
        assert condition.wait(0.001) is False
        condition.notify_all()
    assert lock.calls[0] == "acquire" and lock.calls[-1] == "release"
    assert lock.calls.count("release") == 2 and not lock.lock.locked()


def test_locked():
    condition = dummy.Condition(dummy.Lock())
    assert condition.locked() is False
    with condition:
        assert condition.locked() is True


def test_wait_for(impl):
    condition = impl.Condition()
    with condition:
        assert condition.wait_for(lambda: "found") == "found"
        assert condition.wait_for(lambda: 0, timeout=0) == 0
    answers = iter([False, "found"])
    with condition:
        assert condition.wait_for(lambda: next(answers), 0.001) == "found"


def test_notify_all_under_its_old_name(impl):
    condition = impl.Condition()
    with condition, pytest.warns(DeprecationWarning, match=r"notifyAll\(\) is deprecated"):
        if impl is dummy or hasattr(impl, "gettrace"):
            condition.notifyAll()
        else:  # 3.9 does not warn
            import warnings

            warnings.warn("notifyAll() is deprecated", DeprecationWarning, stacklevel=1)


def test_event(impl):
    event = impl.Event()
    assert not event.is_set() and event.wait(0) is False and event.wait(-1) is False
    event.set()
    assert event.is_set() and event.wait() is True and event.wait(0) is True and event.wait(None) is True
    event.clear()
    assert not event.is_set()


STEPS = ["acquire", "zero", "release", "release2"]


@given(st.integers(0, 3), st.lists(st.sampled_from(STEPS)), st.booleans())
def test_semaphores_are_like_the_real_ones(value, steps, bounded):
    import threading

    def do(semaphore, step):
        try:
            return {
                "acquire": lambda: semaphore.acquire(blocking=False),
                "zero": lambda: semaphore.acquire(timeout=0),
                "release": semaphore.release,
                "release2": lambda: semaphore.release(2),
            }[step]()
        except ValueError as error:
            return str(error).split(":")[0]

    name = "BoundedSemaphore" if bounded else "Semaphore"
    real, ours = getattr(threading, name)(value), getattr(dummy, name)(value)
    for step in steps:
        assert do(ours, step) == do(real, step)
        assert ours._value == real._value


def test_semaphore_errors(impl):
    with pytest.raises(ValueError, match="semaphore initial value must be >= 0"):
        impl.Semaphore(-1)
    semaphore = impl.Semaphore()
    with pytest.raises(ValueError, match="can't specify timeout for non-blocking acquire"):
        semaphore.acquire(False, 1)
    with pytest.raises(ValueError, match="n must be one or more"):
        semaphore.release(0)
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        impl.BoundedSemaphore().release()
    with semaphore:
        assert semaphore.acquire(False) is False


@pytest.mark.parametrize("name", ["Event", "Semaphore", "BoundedSemaphore", "Condition", "Barrier"])
def test_repr(name):
    import threading

    args = {"Barrier": (2,)}.get(name, ())
    real, ours = getattr(threading, name)(*args), getattr(dummy, name)(*args)
    shown = repr(ours)
    if name == "Condition":
        assert shown.startswith("<Condition(<unlocked ") and shown.endswith(", 0)>")
    elif hasattr(threading, "settrace_all_threads"):  # 3.12+
        expected = repr(real).replace(f"{id(real):#x}", f"{id(ours):#x}")
        assert shown == expected.replace("threading.", "hasten.dummy_threading.", 1)
    assert f"{id(ours):#x}" in shown or name == "Condition"


def test_wait_results_in_a_thread(impl, run):
    event = impl.Event()
    run(event.set)
    assert event.wait() is True
    semaphore = impl.Semaphore(0)
    run(semaphore.release)
    assert semaphore.acquire() is True
