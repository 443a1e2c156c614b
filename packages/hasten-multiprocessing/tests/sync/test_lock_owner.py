"""A lock whose holder is killed is the next one's.  With the standard library's these tests would hang."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

import pytest
from support.shared_state import LONG, Maker, ended, forked, holder_of, killed, sleeps
from support.tasks import Task
from support.tasks import until as until_true

from hasten.multiprocessing import synchronize


@pytest.fixture(params=["Lock", "RLock"])
def lock(request: pytest.FixtureRequest) -> synchronize.Lock:
    return getattr(Maker(synchronize), request.param)()


def test_the_next_acquire_succeeds_and_tells_once(lock: synchronize.Lock) -> None:
    killed(holder_of(lock))
    assert lock.locked()
    assert lock.acquire() is True
    assert (lock.owner_died, lock.owner_died) == (True, False)
    assert lock._semlock._is_mine() and lock._semlock._count() == 1
    lock.release()
    with lock:
        assert not lock.owner_died


@pytest.mark.parametrize("args", [(False,), (True, 0), (True, 5), (True,)])
def test_whatever_acquire_is_asked_for(lock: synchronize.Lock, args: tuple[object, ...]) -> None:
    killed(holder_of(lock))
    assert lock.acquire(*args) is True
    assert lock.owner_died


def test_a_zombie_holds_nothing(lock: synchronize.Lock) -> None:
    """Whoever would have to reap it may be the one who waits."""
    pid = holder_of(lock)
    os.kill(pid, signal.SIGKILL)
    try:
        begin = time.monotonic()
        assert lock.acquire(timeout=LONG)
        assert time.monotonic() - begin < 5
    finally:
        os.waitpid(pid, 0)


def test_who_waits_already_notices(lock: synchronize.Lock) -> None:
    holder = holder_of(lock)
    waiter = forked(lambda: os._exit(7 if lock.acquire() and lock.owner_died else 8))
    while not sleeps(waiter):
        pass
    killed(holder)
    assert os.WEXITSTATUS(ended(waiter, 5)) == 7
    assert lock.acquire(timeout=5) and lock.owner_died  # the waiter has not given it back either


def test_one_of_many_gets_it(lock: synchronize.Lock) -> None:
    def take_and_give() -> None:
        for _ in range(20):
            with lock:
                pass

    holder = holder_of(lock)
    waiters = [forked(take_and_give) for _ in range(5)]
    killed(holder)
    assert [ended(pid, 20) for pid in waiters] == [0] * 5
    assert lock.acquire(False)


def test_a_living_holder_keeps_it(lock: synchronize.Lock) -> None:
    holder = holder_of(lock)
    os.kill(holder, signal.SIGSTOP)
    try:
        assert not lock.acquire(timeout=0.3)
        assert not lock.acquire(False)
        assert not lock.owner_died
    finally:
        killed(holder)


def test_a_thread_of_this_process_that_waits(lock: synchronize.Lock) -> None:
    holder = holder_of(lock)
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(lock.acquire()))
    thread.start()
    killed(holder)
    thread.join(10)
    assert seen == [True]


def test_a_depth_is_not_inherited() -> None:
    lock = Maker(synchronize).RLock()

    def take_twice() -> None:
        lock.acquire()
        lock.acquire()

    assert ended(forked(take_twice)) == 0
    with lock:
        assert lock.owner_died and lock._semlock._count() == 1
    assert not lock.locked()


def test_who_was_woken_and_killed_keeps_nobody_asleep(lock: synchronize.Lock) -> None:
    def take_and_give() -> None:
        with lock:
            pass

    for _ in range(20):
        with lock:
            first, second = forked(take_and_give), forked(take_and_give)
        killed(first)
        assert ended(second, 10) == 0
    assert lock.acquire(timeout=5)


def test_many_kills(lock: synchronize.Lock) -> None:
    """Holders, waiters and those who are just taking or giving back, at whatever moment it is."""

    def work() -> None:
        while True:
            with lock:
                pass

    pids = [forked(work) for _ in range(3)]
    try:
        for number in range(80):
            time.sleep(0.0007)
            killed(pids[number % 3])
            pids[number % 3] = forked(work)
    finally:
        for pid in pids:
            killed(pid)
    assert lock.acquire(timeout=5)
    lock.release()
    assert not lock.locked()


WAITED = 1 << 31  # in the word of a lock: somebody may sleep on it


def test_who_has_slept_marks_the_lock_though_he_might_spin(lock: synchronize.Lock) -> None:
    """Or those who slept with him would sleep on, for up to half a second, when he gives it back."""
    address = lock._semlock.handle
    word = ctypes.c_uint64.from_address(address)
    until = ctypes.c_int64.from_address(address + 24)  # the fields of hs_spin
    seen = ctypes.c_uint64.from_address(address + 32)
    budget = ctypes.c_int32.from_address(address + 40)
    lock.acquire()
    task = Task(lambda: (lock.acquire(), word.value, lock.release()))
    task.start()
    until_true(lambda: word.value & WAITED)  # he sleeps: nobody spins for a thread of his own process
    seen.value, budget.value = (1 << 64) - 1, 2 * 10**9
    word.value = (word.value ^ (1 << 60)) - WAITED  # that of a process of elsewhere
    until_true(lambda: until.value or word.value & WAITED)
    word.value = 0
    taken = task.result()[1]
    assert taken & WAITED
