"""ProcessPoolExecutor with idle_timeout, min_workers and max_worker_memory: workers go, and others come."""

from __future__ import annotations

import gc
import multiprocessing
import random
import sys
import threading
import time
from typing import Any

import psutil
import pytest
from support import pool_targets as targets
from support.process_pools import kill, until_gone
from support.tasks import LONG, until

pytestmark = pytest.mark.ours
POLICIES = ["break", "fail-task", "retry"]
SOON = 0.05  # seconds


def pids_after_use(pool: Any, count: int) -> list[int]:
    """The processes of a pool that has made calls in all of them."""
    naps = [pool.submit(targets.nap, 0.05, n) for n in range(count)]
    pids = list(pool._processes)
    assert [future.result(LONG) for future in naps] == list(range(count))
    return pids


def wait_until_empty(pool: Any) -> None:
    until(lambda: not pool._processes)


@pytest.mark.parametrize("least", [0, 1])
def test_idle_workers_go_and_others_come(new_pool: Any, method: str, least: int) -> None:
    pool = new_pool(method, 3, idle_timeout=SOON, min_workers=least)
    before = pids_after_use(pool, 3)
    until(lambda: len(pool._processes) == least)
    until_gone([pid for pid in before if pid not in pool._processes])
    assert [future.result(LONG) for future in [pool.submit(targets.square, n) for n in range(30)]] == [
        n * n for n in range(30)
    ]
    assert pids_after_use(pool, 3) and not pool._broken
    until(lambda: len(pool._processes) == least)


def test_as_many_stay_as_are_wanted(new_pool: Any) -> None:
    pool = new_pool(size=4, idle_timeout=SOON, min_workers=2)
    pids_after_use(pool, 4)
    until(lambda: len(pool._processes) == 2)
    kept = set(pool._processes)
    time.sleep(3 * SOON)  # what must not happen would happen now
    assert set(pool._processes) == kept


def test_all_stay_without_a_time(new_pool: Any) -> None:
    pool = new_pool(size=2)
    kept = set(pids_after_use(pool, 2))
    time.sleep(2 * SOON)
    assert set(pool._processes) == kept


def test_busy_workers_stay(new_pool: Any) -> None:
    """With this policy one that goes in the middle of a call breaks the pool."""
    pool = new_pool(size=2, idle_timeout=SOON, on_crash="break")
    assert pool.submit(targets.pid_and_nap, 8 * SOON).result(LONG) > 0 and not pool._broken


@pytest.mark.parametrize("policy", POLICIES)
def test_calls_that_come_as_workers_go(new_pool: Any, policy: str) -> None:
    """None is lost, whenever it comes."""
    pool, dice = new_pool(size=2, idle_timeout=0.002, on_crash=policy), random.Random(3)
    seen = set()
    for n in range(150):
        time.sleep(dice.random() * 0.008)
        seen.add(pool.submit(targets.pid).result(LONG))
        assert pool.submit(targets.square, n).result(LONG) == n * n
    assert len(seen) > 9 and not pool._broken


def test_several_submit_as_workers_go(new_pool: Any) -> None:
    pool = new_pool("forkserver", 2, idle_timeout=0.002)
    results: list[Any] = []

    def body(seed: int) -> None:
        dice = random.Random(seed)
        for n in range(25):
            time.sleep(dice.random() * 0.006)
            results.append(pool.submit(targets.square, n).result(LONG) - n * n)

    threads = [threading.Thread(target=body, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert results == [0] * 75


def test_a_pool_that_is_dropped_without_workers(impl: Any, method: str) -> None:
    pool = impl.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method), idle_timeout=0.002)
    pool.submit(targets.square, 1).result(LONG)
    wait_until_empty(pool)
    thread = pool._executor_manager_thread
    future = pool.submit(targets.square, 3)
    del pool
    gc.collect()
    assert future.result(LONG) == 9
    thread.join(LONG)
    assert not thread.is_alive()


def test_shutdown_without_workers(new_pool: Any) -> None:
    pool = new_pool(idle_timeout=0.002)
    pids_after_use(pool, 2)
    until(lambda: not pool._processes)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(targets.square, 1)


@pytest.mark.parametrize("policy", ["fail-task", "retry"])
def test_workers_that_are_killed_as_they_go(new_pool: Any, policy: str) -> None:
    pool = new_pool(size=2, idle_timeout=0.002, on_crash=policy)
    for n in range(60):
        assert pool.submit(targets.square, n).result(LONG) == n * n
        for process in list(pool._processes.values())[: n % 3]:
            kill(process)


# ---- memory ----


def more_than_here(mebibytes: int) -> int:
    """Bytes that a forked worker does not have at first: it begins with what this process has."""
    return int(psutil.Process().memory_info().rss) + (mebibytes << 20)


def test_a_worker_that_grew_is_replaced(new_pool: Any, method: str) -> None:
    most = more_than_here(100)
    pool = new_pool(method, 1, max_worker_memory=most)
    first = pool.submit(targets.pid).result(LONG)
    assert pool.submit(targets.pid).result(LONG) == first
    grown = pool.submit(targets.keep_memory, most)
    after = [pool.submit(targets.pid) for _ in range(3)]
    assert grown.result(LONG) == first
    others = {future.result(LONG) for future in after}
    assert len(others) == 1 and first not in others
    until_gone([first])
    assert not pool._broken


@pytest.mark.skipif("t" in sys.abiflags, reason="the allocator gives memory back when it pleases")
def test_memory_that_is_given_back_does_not_count(new_pool: Any) -> None:
    most = more_than_here(100)
    pool = new_pool(size=1, max_worker_memory=most)
    first = pool.submit(targets.pid).result(LONG)
    assert pool.submit(targets.use_memory, most).result(LONG) == first
    assert pool.submit(targets.pid).result(LONG) == first


@pytest.mark.parametrize("policy", POLICIES)
def test_workers_that_are_always_too_large(new_pool: Any, policy: str) -> None:
    pool = new_pool(size=2, max_worker_memory=1, on_crash=policy)
    assert list(pool.map(targets.square, range(12))) == [n * n for n in range(12)]
    assert len({pool.submit(targets.pid).result(LONG) for _ in range(4)}) == 4


# ---- arguments ----


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"idle_timeout": 0}, ValueError),
        ({"idle_timeout": -1}, ValueError),
        ({"idle_timeout": float("nan")}, ValueError),
        ({"idle_timeout": "soon"}, TypeError),
        ({"min_workers": 1}, ValueError),
        ({"min_workers": -1, "idle_timeout": 1}, ValueError),
        ({"min_workers": 3, "idle_timeout": 1}, ValueError),
        ({"min_workers": 1.5, "idle_timeout": 1}, TypeError),
        ({"max_worker_memory": 0}, ValueError),
        ({"max_worker_memory": 1e9}, TypeError),
    ],
)
def test_arguments_that_are_refused(new_pool: Any, options: Any, error: Any) -> None:
    with pytest.raises(error, match=f"{next(iter(options))}|NaN|timeout"):
        new_pool(**options)


def test_executors_of_the_standard_way_refuse_them(impl: Any) -> None:
    class Own(impl.ProcessPoolExecutor):
        def _launch_processes(self) -> None:
            """Their own way."""

    for options in ({"idle_timeout": 1}, {"max_worker_memory": 1}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} needs"):
            Own(1, **options)
