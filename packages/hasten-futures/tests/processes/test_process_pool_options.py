"""ProcessPoolExecutor.options() and Future.cancel(kill=True): calls that are ended while they run."""

from __future__ import annotations

import concurrent.futures.process
import os
import signal
import time
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import kill
from support.tasks import LONG, until

pytestmark = pytest.mark.ours
POLICIES = ["break", "fail-task", "retry"]


def test_a_call_that_takes_too_long(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    late = pool.options(timeout=0.2).submit(targets.nap, 60)
    others = [pool.submit(targets.nap, 0.001, n) for n in range(50)]
    with pytest.raises(concurrent.futures.TimeoutError, match="longer than 0.2 seconds"):
        late.result(LONG)
    assert [future.result(LONG) for future in others] == list(range(50))
    assert [pool.submit(targets.square, n).result(LONG) for n in range(10)] == [n * n for n in range(10)]


@pytest.mark.parametrize("policy", POLICIES)
def test_one_that_does_not_hear(new_pool: Any, policy: str, tmp_path: Any) -> None:
    """Each ends in time, whatever it ignores and however many wait behind it; it is not made again."""
    pool = new_pool(size=1, on_crash=policy, initializer=targets.deaf_start)
    view = pool.options(timeout=0.05)
    late = [view.submit(targets.nap, 60) for _ in range(4)]
    last = view.submit(targets.square, 3)
    assert all(isinstance(future.exception(LONG), concurrent.futures.TimeoutError) for future in late)
    assert last.result(LONG) == 9


def test_the_time_counts_from_the_beginning(new_pool: Any) -> None:
    pool = new_pool(size=1)
    blocker = pool.submit(targets.nap, 0.4)
    quick = pool.options(timeout=0.2).submit(targets.square, 3)
    assert quick.result(LONG) == 9 and blocker.done()


def test_calls_in_time(new_pool: Any) -> None:
    pool = new_pool()
    view = pool.options(timeout=LONG)
    assert [view.submit(targets.add, n, y=1).result(LONG) for n in range(20)] == list(range(1, 21))
    pool.shutdown()
    with pytest.raises(RuntimeError):
        view.submit(targets.square, 1)


def test_late_at_shutdown(new_pool: Any) -> None:
    pool = new_pool(size=1)
    late = pool.options(timeout=0.1).submit(targets.nap, 60)
    waits = pool.submit(targets.square, 3)
    pool.shutdown()
    assert isinstance(late.exception(0), concurrent.futures.TimeoutError) and waits.result(0) == 9


@pytest.mark.parametrize("policy", POLICIES)
def test_retries_of_one_call(new_pool: Any, policy: str, tmp_path: Any) -> None:
    pool = new_pool(on_crash=policy, max_retries=0)
    others = [pool.submit(targets.nap, 0.001, n) for n in range(50)]
    assert pool.options(retries=2).submit(targets.die_until, str(tmp_path), 2).result(LONG) == 2
    error = pool.options(retries=1).submit(targets.kill_self).exception(LONG)
    assert isinstance(error, concurrent.futures.process.BrokenProcessPool)
    assert [future.result(LONG) for future in others] == list(range(50))
    assert pool.submit(targets.square, 3).result(LONG) == 9


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"patience": 3}, TypeError),
    ],
)
def test_no_such_options(new_pool: Any, options: Any, error: Any) -> None:
    with pytest.raises(error):
        new_pool().options(**options)


# ---- cancel(kill=True) ----


@pytest.mark.parametrize("policy", POLICIES)
def test_a_running_call_is_ended(new_pool: Any, policy: str, impl: Any) -> None:
    pool = new_pool(on_crash=policy, initializer=targets.deaf_start)
    doomed = pool.submit(targets.nap, 60)
    others = [pool.submit(targets.nap, 0.001, n) for n in range(50)]
    until(doomed.running)
    assert not doomed.cancel()
    assert doomed.cancel(kill=True) and doomed.cancelled()
    assert impl.wait([doomed], LONG).done == {doomed}
    assert [future.result(LONG) for future in others] == list(range(50))
    assert [pool.submit(targets.square, n).result(LONG) for n in range(10)] == [n * n for n in range(10)]


def test_what_need_not_be_killed(new_pool: Any) -> None:
    pool = new_pool(size=1)
    pid = pool.submit(targets.pid).result(LONG)
    done = pool.submit(targets.square, 3)
    assert done.result(LONG) == 9
    assert not done.cancel(kill=True)
    blocker = pool.submit(targets.nap, 0.2)
    waits = pool.submit(targets.square, 3)
    assert waits.cancel(kill=True)
    assert blocker.result(LONG) is None and pool.submit(targets.pid).result(LONG) == pid


def test_kills_race_with_ends(new_pool: Any) -> None:
    """Each call either has its result or is cancelled, and no other one is lost."""
    pool = new_pool(size=2)
    for _ in range(15):
        futures = [pool.submit(targets.square, n) for n in range(12)]
        killed = futures[5].cancel(kill=True)
        assert futures[5].cancelled() == killed
        rest = [future for future in futures if not future.cancelled()]
        assert [future.result(LONG) for future in rest] == [n * n for n in range(12) if n != 5 or not killed]


def test_futures_of_threads_cannot_be_killed(impl: Any) -> None:
    with impl.ThreadPoolExecutor(1) as pool:
        future = pool.submit(time.sleep, 0.05)
        until(lambda: future.running() or future.done())
        assert not future.cancel(kill=True)
        assert impl.Future().cancel(kill=True)


def test_a_stopped_worker_that_dies_otherwise(new_pool: Any) -> None:
    pool = new_pool(size=1, on_crash="fail-task")
    future = pool.submit(targets.nap, 60)
    until(future.running)
    process = next(iter(pool._processes.values()))
    os.kill(process.pid, signal.SIGSTOP)
    kill(process)
    assert isinstance(future.exception(LONG), concurrent.futures.process.BrokenProcessPool)
    assert not future.cancel(kill=True)
