"""Condition: one body over the standard library's and ours; what kills would hang there, over ours alone."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.synchronize as stdlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.shared_state import LONG, Maker, ended, forked, killed, sleeps
from support.tasks import until

from hasten.multiprocessing import synchronize

KEPT = multiprocessing.RawValue("i")  # the heap keeps a descriptor from now on


@pytest.fixture(params=["Lock", "RLock"])
def condition(impl: Maker, request: pytest.FixtureRequest) -> Any:
    return impl.Condition(getattr(impl, request.param)())


def waiter(condition: Any, timeout: float = LONG) -> int:
    """The pid of a child that has begun to wait; its status is 3 if it was notified, else 4."""

    def wait() -> None:
        with condition:
            notified = condition.wait(timeout)
        os._exit(3 if notified else 4)

    before = condition._sleeping_count.get_value()
    pid = forked(wait)
    until(lambda: condition._sleeping_count.get_value() > before)
    return pid


def outcomes(pids: list[int]) -> list[int]:
    return [os.WEXITSTATUS(ended(pid, 10)) for pid in pids]


def test_notified(condition: Any) -> None:
    pids = [waiter(condition) for _ in range(3)]
    with condition:
        condition.notify()
    with condition:
        condition.notify(2)
    assert outcomes(pids) == [3, 3, 3]


def test_notify_all(condition: Any) -> None:
    pids = [waiter(condition) for _ in range(4)]
    with condition:
        condition.notify_all()
    assert outcomes(pids) == [3] * 4


def test_not_more_than_asked_for(condition: Any) -> None:
    pids = [waiter(condition, 0.6) for _ in range(4)]
    with condition:
        condition.notify(2)
    assert sorted(outcomes(pids)) == [3, 3, 4, 4]


def test_nobody_to_notify(condition: Any) -> None:
    with condition:
        condition.notify()
        condition.notify_all()
        condition.notify(0)
        assert condition.wait(0.02) is False


@pytest.mark.parametrize("timeout", [0, -1, 0.05])
def test_timeout(condition: Any, timeout: float) -> None:
    begin = time.monotonic()
    with condition:
        assert condition.wait(timeout) is False
        assert condition._lock._semlock._is_mine()
    assert time.monotonic() - begin >= timeout


def test_wait_for(condition: Any) -> None:
    calls: list[int] = []

    def third_time() -> list[int]:
        calls.append(1)
        return calls if len(calls) == 3 else []

    def notify_often() -> None:
        for _ in range(100):
            with condition:
                condition.notify()
            time.sleep(0.01)

    pid = forked(notify_often)
    with condition:
        assert condition.wait_for(third_time, LONG) is calls
        assert condition.wait_for(lambda: 0, 0.05) == 0
        assert condition.wait_for(lambda: 0, -1) == 0
        assert condition.wait_for(lambda: 7, -1) == 7
    killed(pid)


def test_the_lock_has_to_be_held(condition: Any) -> None:
    with pytest.raises(AssertionError, match=r"must acquire\(\) condition before using wait\(\)"):
        condition.wait()
    for notify in (condition.notify, condition.notify_all):
        with pytest.raises(AssertionError, match="lock is not owned"):
            notify()


def test_a_recursive_lock_is_given_back_as_often_as_taken(impl: Maker) -> None:
    condition = impl.Condition()

    def child() -> None:
        with condition:
            condition.notify()

    with condition, condition, condition:
        pid = forked(child)
        assert condition.wait(LONG) is True
        assert condition._lock._semlock._count() == 3
    assert ended(pid) == 0
    assert condition._lock._semlock._count() == 0


def test_a_semaphore_as_lock(impl: Maker) -> None:
    condition = impl.Condition(impl.Semaphore(1))

    def child() -> None:
        with condition:
            condition.notify()

    with condition:
        pid = forked(child)
        assert condition.wait(LONG) is True
    assert ended(pid) == 0


def test_a_lock_of_the_other_module() -> None:
    for module, other in ((stdlib, synchronize), (synchronize, stdlib)):
        condition = Maker(module).Condition(Maker(other).RLock())
        pid = waiter(condition)
        with condition:
            condition.notify()
        assert outcomes([pid]) == [3]


def test_repr(impl: Maker) -> None:
    condition = impl.Condition()
    assert repr(condition) == "<Condition(<RLock(None, 0)>, 0)>"
    pid = waiter(condition, 0.2)
    assert repr(condition).endswith(", 1)>")
    assert outcomes([pid]) == [4]
    if impl.module is synchronize:
        assert repr(condition) == "<Condition(<RLock(None, 0)>, 0)>"


def test_what_it_is(impl: Maker) -> None:
    condition = impl.Condition()
    assert isinstance(condition, stdlib.Condition)
    assert condition.acquire == condition._lock.acquire and condition.release == condition._lock.release
    for name in ("_sleeping_count", "_woken_count", "_wait_semaphore"):
        assert getattr(condition, name).get_value() == 0


def test_a_bad_timeout(ours: Maker) -> None:
    condition = ours.Condition()
    with condition:
        with pytest.raises(ValueError, match="NaN"):
            condition.wait(math.nan)
        with pytest.raises(TypeError):
            condition.wait("1")
        assert condition._lock._semlock._count() == 1
    assert condition._sleeping_count.get_value() == 0


def test_threads(condition: Any) -> None:
    seen: list[bool] = []

    def wait() -> None:
        with condition:
            seen.append(condition.wait(LONG))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: condition._sleeping_count.get_value() == 3)
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(LONG)
    assert seen == [True] * 3


def test_who_comes_later_takes_no_notification_of_who_waits(ours: Maker) -> None:
    """The one it is for is stopped; the next one is fast, and goes on only when it is notified itself."""
    condition = ours.Condition(ours.Lock())
    first = waiter(condition)
    os.kill(first, signal.SIGSTOP)
    with condition:
        condition.notify()
    assert outcomes([waiter(condition, 0.2)]) == [4]
    os.kill(first, signal.SIGCONT)
    assert outcomes([first]) == [3]


def test_a_stopped_one_is_notified_all_the_same(ours: Maker) -> None:
    """Even if so much has happened since that its notification was taken away."""
    condition = ours.Condition(ours.Lock())
    first = waiter(condition)
    os.kill(first, signal.SIGSTOP)
    with condition:
        condition.notify()
    time.sleep(2.1)  # what is older than two seconds is taken for a killed waiter's
    second = waiter(condition)
    with condition:
        condition.notify()
    assert outcomes([second]) == [3]
    os.kill(first, signal.SIGCONT)
    assert outcomes([first]) == [3]


@pytest.mark.parametrize("notify", ["notify", "notify_all"])
def test_killed_waiters_block_nobody(ours: Maker, notify: str) -> None:
    condition = ours.Condition(ours.Lock())
    dead = [waiter(condition) for _ in range(3)]
    alive = waiter(condition)
    for pid in dead:
        killed(pid)
    begin = time.monotonic()
    for _ in range(4):
        with condition:
            getattr(condition, notify)()
    assert outcomes([alive]) == [3]
    assert time.monotonic() - begin < 2
    again = waiter(condition)
    with condition:
        condition.notify()
    assert outcomes([again]) == [3]


def test_killed_after_the_notification(ours: Maker) -> None:
    """What it has not taken keeps the next one neither asleep nor awake."""
    condition = ours.Condition(ours.Lock())
    first = waiter(condition)
    os.kill(first, signal.SIGSTOP)
    with condition:
        condition.notify()
    killed(first)
    assert outcomes([waiter(condition, 0.1)]) == [4]
    second = waiter(condition)
    with condition:
        condition.notify()
    assert outcomes([second]) == [3]


@pytest.mark.timeout(30)  # a thousand times 20 ms would be too long
def test_killed_after_the_notification_does_not_slow_the_next_ones(ours: Maker) -> None:
    condition, turn = ours.Condition(ours.Lock()), multiprocessing.RawValue("i", 0)
    dead = [waiter(condition) for _ in range(2)]
    for pid in dead:
        os.kill(pid, signal.SIGSTOP)
    with condition:
        condition.notify_all()
    for pid in dead:
        killed(pid)

    def play(player: int) -> None:
        for _ in range(1000):
            with condition:
                assert condition.wait_for(lambda: turn.value == player, LONG)
                turn.value = 1 - player
                condition.notify()

    assert [ended(pid) for pid in [forked(play, 0), forked(play, 1)]] == [0, 0]


def test_the_notifier_is_killed_before_it_gives_the_lock_back(ours: Maker) -> None:
    condition = ours.Condition(ours.Lock())
    pid = waiter(condition)
    reader, writer = os.pipe()

    def notify_and_hold() -> None:
        condition.acquire()
        condition.notify()
        os.write(writer, b".")
        time.sleep(LONG)

    notifier = forked(notify_and_hold)
    os.read(reader, 1)
    killed(notifier)
    assert outcomes([pid]) == [3]
    os.close(reader)
    os.close(writer)


def play(condition: Any, turns: Any, me: int) -> None:
    while True:
        with condition:
            condition.wait(0.002)
            turns[me] += 1
            condition.notify(1 + me)


def test_many_kills(ours: Maker) -> None:
    """Waiters and notifiers at whatever moment it is; those who are left go on."""
    condition = ours.Condition()
    turns = ours.context.RawArray("Q", 4)
    pids = [forked(play, condition, turns, me) for me in range(4)]
    try:
        for number in range(100):
            time.sleep(0.001)
            me = number % 4
            killed(pids[me])
            pids[me] = forked(play, condition, turns, me)
        before = list(turns)
        until(lambda: all(now > then for now, then in zip(turns, before)), 10)
    finally:
        for pid in pids:
            killed(pid)
    pid = waiter(condition)
    with condition:
        condition.notify_all()
    assert outcomes([pid]) == [3]


def test_a_handler_that_raises_ends_the_wait_with_the_lock_held(impl: Maker) -> None:
    condition = impl.Condition()
    parent = os.getpid()

    def interrupt() -> None:
        while not sleeps(parent):
            pass
        os.kill(parent, signal.SIGUSR1)

    def handler(*_: Any) -> None:
        raise KeyError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with condition:
            pid = forked(interrupt)
            with pytest.raises(KeyError):
                condition.wait(LONG)
            assert condition._lock._semlock._is_mine()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended(pid) == 0
    if impl.module is synchronize:
        assert condition._sleeping_count.get_value() == 0


def test_the_first_handler_that_raises_waits_for_the_lock_and_the_second_does_not(ours: Maker) -> None:
    condition = ours.Condition(ours.Lock())
    parent = os.getpid()
    raised: list[Callable[[], None]] = []

    def handler(*_: Any) -> None:
        raised.append(handler)
        raise KeyError(len(raised))

    reader, writer = os.pipe()

    def take_and_interrupt() -> None:
        condition.acquire()
        while not sleeps(parent):
            pass
        os.kill(parent, signal.SIGUSR1)
        os.read(reader, 1)  # the handler has written
        while not sleeps(parent):
            pass
        os.kill(parent, signal.SIGUSR1)
        time.sleep(LONG)

    before = signal.signal(signal.SIGUSR1, lambda *_: (os.write(writer, b"."), handler()))
    try:
        with pytest.raises(KeyError, match="2"):
            condition.acquire()
            pid = forked(take_and_interrupt)
            condition.wait(LONG)
    finally:
        signal.signal(signal.SIGUSR1, before)
        os.close(reader)
        os.close(writer)
    assert not condition._lock._semlock._is_mine()
    killed(pid)


def test_a_subclass_that_overrides_notify_is_asked_by_notify_all(impl: Maker) -> None:
    asked: list[int] = []

    class Counting(impl.module.Condition):  # type: ignore[name-defined]
        def notify(self, n: int = 1) -> None:
            asked.append(n)
            super().notify(n)

    condition = Counting(ctx=multiprocessing.get_context("fork"))
    pids = [waiter(condition) for _ in range(2)]
    with condition:
        condition.notify_all()
        condition.notify()
    assert outcomes(pids) == [3, 3]
    assert asked == [sys.maxsize, 1]
