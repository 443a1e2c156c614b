"""Event: one body over the standard library's and ours."""

from __future__ import annotations

import math
import multiprocessing.synchronize as stdlib
import os
import signal
import threading
import time
from typing import Any

import pytest
from support.shared_state import LONG, Maker, ended, forked, killed, sleeps

from hasten.multiprocessing import synchronize


@pytest.fixture(params=[stdlib, synchronize], ids=["stdlib", "hasten"])
def event(request: pytest.FixtureRequest) -> Any:
    return Maker(request.param).Event()


@pytest.fixture
def our_event() -> synchronize.Event:
    return Maker(synchronize).Event()


def waiter(event: Any, timeout: float | None = LONG) -> int:
    pid = forked(lambda: os._exit(3 if event.wait(timeout) else 4))
    while not sleeps(pid):
        pass
    return pid


def test_set_and_clear(event: Any) -> None:
    assert not event.is_set()
    assert event.wait(0) is False
    assert event.wait(0.02) is False
    event.set()
    event.set()
    assert event.is_set() and event.wait() is True and event.wait(0) is True
    event.clear()
    event.clear()
    assert not event.is_set() and event.wait(-1) is False


def test_all_who_wait_go_on(event: Any) -> None:
    pids = [waiter(event) for _ in range(3)]
    event.set()
    assert [os.WEXITSTATUS(ended(pid, 10)) for pid in pids] == [3] * 3


def test_a_child_sets_it(event: Any) -> None:
    pid = forked(event.set)
    assert event.wait(LONG) is True
    assert ended(pid) == 0


def test_threads(event: Any) -> None:
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(event.wait(LONG))) for _ in range(3)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join(LONG)
    assert seen == [True] * 3


def test_repr() -> None:
    event = Maker(synchronize).Event()
    assert repr(event) == f"<Event at {id(event):#x} unset>"
    event.set()
    assert repr(event) == f"<Event at {id(event):#x} set>"


def test_what_it_is(our_event: synchronize.Event) -> None:
    assert isinstance(our_event, stdlib.Event)
    assert our_event._flag.get_value() == 0
    our_event._flag.release()
    assert our_event.is_set() and our_event._flag.get_value() == 1
    assert our_event._flag.acquire(False) is True
    assert our_event._flag.acquire(False) is False


def test_set_and_cleared_while_somebody_waits(our_event: synchronize.Event) -> None:
    """Whoever waited then goes on, even if it looks only when the flag is gone again."""
    pid = waiter(our_event)
    os.kill(pid, signal.SIGSTOP)
    our_event.set()
    our_event.clear()
    os.kill(pid, signal.SIGCONT)
    assert os.WEXITSTATUS(ended(pid, 10)) == 3


def test_killed_waiters_block_nobody(our_event: synchronize.Event) -> None:
    for _ in range(10):
        dead = [waiter(our_event) for _ in range(2)]
        alive = waiter(our_event)
        for pid in dead:
            killed(pid)
        our_event.set()
        assert os.WEXITSTATUS(ended(alive, 10)) == 3
        our_event.clear()


def test_many_kills(our_event: synchronize.Event) -> None:
    def work() -> None:
        while True:
            our_event.set()
            our_event.wait(0.001)
            our_event.clear()
            our_event.wait(0.001)

    pids = [forked(work) for _ in range(3)]
    for number in range(80):
        time.sleep(0.0007)
        killed(pids[number % 3])
        pids[number % 3] = forked(work)
    for pid in pids:
        killed(pid)
    our_event.clear()
    pid = waiter(our_event)
    our_event.set()
    assert os.WEXITSTATUS(ended(pid, 10)) == 3


def test_set_in_a_signal_handler_that_interrupts_anything(our_event: synchronize.Event) -> None:
    """Also set(), clear() and wait() of the same event: there is no lock that the handler could wait for."""
    calls: list[int] = []

    def handler(*_: Any) -> None:
        calls.append(1)
        our_event.set()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        end = time.monotonic() + LONG
        while len(calls) < 200 and time.monotonic() < end:
            our_event.set()
            our_event.clear()
            our_event.wait(0.002)
            our_event.is_set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(calls) >= 200


def test_a_handler_sets_what_is_waited_for(our_event: synchronize.Event) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: our_event.set())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        assert our_event.wait(LONG) is True
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_bad_timeout(our_event: synchronize.Event) -> None:
    with pytest.raises(ValueError, match="NaN"):
        our_event.wait(math.nan)
    with pytest.raises(TypeError):
        our_event.wait("1")  # type: ignore[arg-type]
