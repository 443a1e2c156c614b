"""Signals that come in while a process waits: the handler runs, and the wait goes on, or what it raises
ends the wait."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.shared_state import LONG, Maker, ended, forked, sleeps

from hasten.multiprocessing import synchronize

maker = Maker(synchronize)


def waits() -> list[tuple[str, Callable[[float | None], Any]]]:
    lock, rlock, semaphore = maker.Lock(), maker.RLock(), maker.Semaphore(0)
    condition, event, barrier = maker.Condition(maker.Lock()), maker.Event(), maker.Barrier(2)
    for held in (lock, rlock):
        thread = threading.Thread(target=held.acquire)
        thread.start()
        thread.join()

    def wait_for_condition(timeout: float | None) -> Any:
        with condition:
            return condition.wait(timeout)

    def meet(timeout: float | None) -> Any:
        try:
            return barrier.wait(timeout)
        except threading.BrokenBarrierError:
            barrier.reset()
            return False

    return [
        ("lock", lambda timeout: lock.acquire(True, timeout)),
        ("rlock", lambda timeout: rlock.acquire(True, timeout)),
        ("semaphore", lambda timeout: semaphore.acquire(True, timeout)),
        ("condition", wait_for_condition),
        ("event", event.wait),
        ("barrier", meet),
    ]


@pytest.fixture(params=range(6), ids=[name for name, _ in waits()])
def wait(request: pytest.FixtureRequest) -> Callable[[float | None], Any]:
    return waits()[request.param][1]


@pytest.fixture
def handled() -> Iterator[list[Any]]:
    """What was handled; the first element, if there is one, is called."""
    seen: list[Any] = []

    def handler(*_: Any) -> None:
        seen.append("handled")
        if callable(seen[0]):
            seen[0]()

    before = signal.signal(signal.SIGUSR1, handler)
    yield seen
    signal.signal(signal.SIGUSR1, before)


def signal_when_asleep(times: int = 1, number: int = signal.SIGUSR1) -> int:
    parent = os.getpid()

    def send() -> None:
        for _ in range(times):
            while not sleeps(parent):
                pass
            os.kill(parent, number)

    return forked(send)


def test_the_wait_goes_on(wait: Callable[[float | None], Any], handled: list[Any]) -> None:
    pid = signal_when_asleep(2)
    begin = time.monotonic()
    while not wait(0.3):
        if len(handled) == 2:
            break
    assert time.monotonic() - begin >= 0.3
    assert ended(pid) == 0
    assert handled == ["handled"] * 2


def test_what_the_handler_raises_ends_it(wait: Callable[[float | None], Any], handled: list[Any]) -> None:
    def fail() -> None:
        raise KeyError("by the handler")

    handled.append(fail)
    pid = signal_when_asleep()
    with pytest.raises(KeyError, match="by the handler"):
        wait(LONG)
    assert ended(pid) == 0
    assert not wait(0.01)


def test_ctrl_c(wait: Callable[[float | None], Any]) -> None:
    pid = signal_when_asleep(1, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        wait(None)
    assert ended(pid) == 0


def test_release_in_a_handler() -> None:
    """Also of a semaphore that the interrupted code is just releasing, taking or waiting for."""
    semaphore = maker.Semaphore(0)
    calls: list[int] = []

    def handler(*_: Any) -> None:
        calls.append(1)
        semaphore.release()

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    taken = given = 0
    try:
        while len(calls) < 300:
            semaphore.release()
            given += 1
            taken += semaphore.acquire(timeout=1)
            taken += semaphore.acquire(timeout=0.001)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert semaphore.get_value() == given + len(calls) - taken


def test_a_fork_in_a_handler_in_a_wait(handled: list[Any]) -> None:
    """The child is in the wait as its parent is, and takes the lock as itself."""
    lock = maker.Lock()
    lock.acquire()
    reader, writer = os.pipe()
    pids: list[int] = []
    me = os.getpid()

    def fork() -> None:
        pids.append(os.fork())
        if pids[0]:
            os.write(writer, b".")

    def give() -> None:
        os.read(reader, 1)
        lock.release()

    handled.append(fork)
    thread = threading.Thread(target=give)
    thread.start()  # before there are signals: a child would wait for it for ever
    sender = signal_when_asleep()
    lock.acquire()
    if os.getpid() != me:
        os._exit(0 if lock._semlock._is_mine() else 1)
    assert lock._semlock._is_mine()
    lock.release()
    thread.join()
    assert ended(pids[0], 10) == 0
    assert ended(sender) == 0
    os.close(reader)
    os.close(writer)
