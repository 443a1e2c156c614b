"""Barrier: one body over the standard library's and ours; what kills would hang there, over ours alone."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.synchronize as stdlib
import os
import signal
import threading
import time
from typing import Any

import pytest
from support.shared_state import LONG, Maker, ended, forked, killed, sleeps
from support.tasks import until

KEPT = multiprocessing.RawValue("i")  # the heap keeps a descriptor from now on
PASSED, BROKEN, FAILED = 100, 101, 102


def party(barrier: Any, timeout: float | None = LONG, times: int = 1) -> int:
    """The pid of a child that comes; how that ends is its exit status."""

    def come() -> None:
        try:
            for _ in range(times):
                barrier.wait(timeout)
            os._exit(PASSED)
        except threading.BrokenBarrierError:
            os._exit(BROKEN)
        except ZeroDivisionError:
            os._exit(FAILED)

    return forked(come)


def outcome(pid: int) -> int:
    return os.WEXITSTATUS(ended(pid, 20))


def test_all_come(impl: Maker) -> None:
    barrier = impl.Barrier(3)
    for _ in range(3):
        pids = [party(barrier), party(barrier)]
        assert barrier.wait(LONG) in range(3)
        assert [outcome(pid) for pid in pids] == [PASSED] * 2
        until(lambda: barrier.n_waiting == 0)


def test_again_and_again(impl: Maker) -> None:
    barrier = impl.Barrier(3)
    pids = [party(barrier, LONG, 200) for _ in range(3)]
    assert [outcome(pid) for pid in pids] == [PASSED] * 3


def test_indexes(impl: Maker) -> None:
    barrier = impl.Barrier(4)
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(barrier.wait(LONG))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert sorted(seen) == [0, 1, 2, 3]


def test_one_party(impl: Maker) -> None:
    barrier = impl.Barrier(1)
    assert [barrier.wait() for _ in range(3)] == [0, 0, 0]


def test_what_it_says_of_itself(impl: Maker) -> None:
    barrier = impl.Barrier(2)
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (2, 0, False)
    pid = party(barrier)
    until(lambda: barrier.n_waiting == 1)
    barrier.wait(LONG)
    assert outcome(pid) == PASSED
    barrier.abort()
    assert barrier.broken and barrier.n_waiting == 0
    assert isinstance(barrier, stdlib.Barrier) and isinstance(barrier, threading.Barrier)


def test_the_action_runs_once(impl: Maker) -> None:
    calls = impl.context.RawValue("i", 0)

    def action() -> None:
        calls.value += 1

    barrier = impl.Barrier(2, action)
    for number in range(3):
        pid = party(barrier)
        barrier.wait(LONG)
        assert calls.value == number + 1
        assert outcome(pid) == PASSED


def test_an_action_that_fails_breaks_it(impl: Maker) -> None:
    barrier = impl.Barrier(2, lambda: 1 // 0)
    pids = [party(barrier), party(barrier)]
    assert sorted(outcome(pid) for pid in pids) == [BROKEN, FAILED]
    assert barrier.broken


def test_abort(impl: Maker) -> None:
    barrier = impl.Barrier(3)
    pids = [party(barrier), party(barrier)]
    until(lambda: barrier.n_waiting == 2)
    barrier.abort()
    assert [outcome(pid) for pid in pids] == [BROKEN] * 2
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(LONG)
    barrier.reset()
    pids = [party(barrier), party(barrier)]
    barrier.wait(LONG)
    assert [outcome(pid) for pid in pids] == [PASSED] * 2


def test_reset(impl: Maker) -> None:
    barrier = impl.Barrier(3)
    pids = [party(barrier), party(barrier)]
    until(lambda: barrier.n_waiting == 2)
    barrier.reset()
    assert [outcome(pid) for pid in pids] == [BROKEN] * 2
    assert not barrier.broken
    pids = [party(barrier), party(barrier)]
    barrier.wait(LONG)
    assert [outcome(pid) for pid in pids] == [PASSED] * 2


@pytest.mark.parametrize("timeout", [0, 0.1])
def test_timeout(impl: Maker, timeout: float) -> None:
    barrier = impl.Barrier(3)
    pid = party(barrier)
    until(lambda: barrier.n_waiting == 1)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(timeout)
    assert outcome(pid) == BROKEN
    assert barrier.broken


def test_its_own_timeout(impl: Maker) -> None:
    barrier = impl.Barrier(2, timeout=0.05)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()


def test_a_timeout_does_not_end_an_action(ours: Maker) -> None:
    barrier = ours.Barrier(2, lambda: time.sleep(0.4))
    pids = [party(barrier, 0.1), party(barrier, 0.1)]
    assert [outcome(pid) for pid in pids] == [PASSED] * 2


def test_reset_during_the_action(ours: Maker) -> None:
    barrier = ours.Barrier(1, lambda: barrier.reset())
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(LONG)
    assert not barrier.broken and barrier.n_waiting == 0


@pytest.mark.parametrize("parties", [0, -1, 1 << 24])
def test_how_many_there_may_be(ours: Maker, parties: int) -> None:
    with pytest.raises(ValueError, match="parties must be"):
        ours.Barrier(parties)


def test_a_bad_timeout(ours: Maker) -> None:
    barrier = ours.Barrier(2)
    with pytest.raises(ValueError, match="NaN"):
        barrier.wait(math.nan)
    assert barrier.n_waiting == 0


def test_a_killed_party_has_come(ours: Maker) -> None:
    barrier = ours.Barrier(3)
    dead = party(barrier)
    until(lambda: barrier.n_waiting == 1)
    killed(dead)
    pid = party(barrier)
    barrier.wait(LONG)
    assert outcome(pid) == PASSED


def test_who_waits_for_one_that_was_killed_before_it_came(ours: Maker) -> None:
    barrier = ours.Barrier(3)
    pids = [party(barrier, None), party(barrier, 0.3)]
    assert [outcome(pid) for pid in pids] == [BROKEN] * 2
    barrier.reset()
    pids = [party(barrier, None), party(barrier, None)]
    until(lambda: barrier.n_waiting == 2)
    barrier.abort()
    assert [outcome(pid) for pid in pids] == [BROKEN] * 2


def test_killed_in_the_action(ours: Maker) -> None:
    """The others find the barrier broken, without a timeout; so does who comes meanwhile."""
    barrier = ours.Barrier(2, lambda: os.kill(os.getpid(), signal.SIGKILL))
    pids = [party(barrier, None), party(barrier, None)]
    late = party(barrier, None)
    statuses = [ended(pid, 10) for pid in (*pids, late)]
    assert sorted(status for status in statuses if status == signal.SIGKILL) == [signal.SIGKILL]
    assert [os.WEXITSTATUS(status) for status in statuses if status != signal.SIGKILL] == [BROKEN] * 2


def test_killed_in_the_action_again_and_again(ours: Maker) -> None:
    """Whoever else was about to be the last one is not taken for the one who was."""
    barrier = ours.Barrier(2, lambda: os.kill(os.getpid(), signal.SIGKILL))
    for _ in range(25):
        statuses = [ended(pid, 10) for pid in [party(barrier, None) for _ in range(4)]]
        assert sorted(statuses) == [signal.SIGKILL, *[BROKEN << 8] * 3]
        barrier.reset()


def test_an_interrupted_party_has_not_come(ours: Maker) -> None:
    barrier = ours.Barrier(2)
    parent = os.getpid()

    def interrupt() -> None:
        while not sleeps(parent):
            pass
        os.kill(parent, signal.SIGUSR1)

    def handler(*_: Any) -> None:
        raise KeyError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        pid = forked(interrupt)
        with pytest.raises(KeyError):
            barrier.wait(LONG)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended(pid) == 0
    assert (barrier.n_waiting, barrier.broken) == (0, False)


def test_many_kills(ours: Maker) -> None:
    barrier = ours.Barrier(3)

    def work() -> None:
        while True:
            try:
                barrier.wait(0.05)
            except threading.BrokenBarrierError:
                barrier.reset()

    pids = [forked(work) for _ in range(3)]
    for number in range(80):
        time.sleep(0.001)
        killed(pids[number % 3])
        pids[number % 3] = forked(work)
    for pid in pids:
        killed(pid)
    barrier.reset()
    others = [party(barrier), party(barrier)]
    barrier.wait(LONG)
    assert [outcome(pid) for pid in others] == [PASSED] * 2
