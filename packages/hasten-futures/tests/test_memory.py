"""Memory: flat over many operations, and less for each future than the standard library takes."""

import concurrent.futures
import gc
import os
import sys
import threading
import tracemalloc

import psutil
import pytest

import hasten.futures

# the sanitizer keeps freed memory for a while, so the process only grows
flat = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="memory is held back")

# a free-threaded build's allocator keeps pages for each thread, some of whose blocks others have freed
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
LIMIT = 16_000_000 if FREE_THREADED else 4_000_000  # bytes


class Fault(Exception):
    pass


def fail():
    raise Fault


def finished_by_hand(pool, rounds):
    for number in range(rounds):
        future = hasten.futures.Future()
        future.add_done_callback(len)
        del future._done_callbacks[:]
        future.set_result((number,))
        assert future.result() == (number,)


def failed(pool, rounds):
    for _ in range(rounds // 5):
        future = hasten.futures.Future()
        future.set_exception(Fault())
        try:
            future.result()
        except Fault:
            pass


def submitted(pool, rounds):
    for _ in range(rounds // 100):
        for future in [pool.submit(pow, number, 2) for number in range(100)]:
            future.result(60)


def submitted_with_names(pool, rounds):
    for _ in range(rounds // 200):
        for future in [pool.submit(dict, number=number) for number in range(100)]:
            future.result(60)


def failed_tasks(pool, rounds):
    for _ in range(rounds // 500):
        for future in [pool.submit(fail) for _ in range(100)]:
            assert type(future.exception(60)) is Fault


def forgotten(pool, rounds):
    """Nobody looks at the results, nor keeps the futures."""
    for _ in range(rounds // 100):
        for number in range(99):
            pool.submit(pow, number, 2)
        pool.submit(len, "").result(60)


def cancelled(pool, rounds):
    for _ in range(rounds // 1000):
        gate = threading.Event()
        busy = [pool.submit(gate.wait) for _ in range(2)]
        assert sum(future.cancel() for future in [pool.submit(len, (1,)) for _ in range(200)]) >= 198
        gate.set()
        hasten.futures.wait(busy)


def waited_for(pool, rounds):
    for _ in range(rounds // 200):
        futures = [pool.submit(pow, number, 2) for number in range(100)]
        hasten.futures.wait(futures[:50])
        assert len(list(hasten.futures.as_completed(futures))) == 100


def waited_for_in_vain(pool, rounds):
    futures = [hasten.futures.Future() for _ in range(20)]
    for _ in range(rounds // 50):
        hasten.futures.wait(futures, 0)
        found = hasten.futures.as_completed(futures)
        found.close()
        try:
            futures[0].result(0)
        except hasten.futures.TimeoutError:
            pass


def seen_from_outside(pool, rounds):
    """With the fields that are made when somebody asks for them."""
    for number in range(rounds // 5):
        future = hasten.futures.Future()
        with future._condition:
            _ = future._waiters
        future.set_result(number)


def pools(pool, rounds):
    for _ in range(rounds // 500):
        with hasten.futures.ThreadPoolExecutor(2) as other:
            other.submit(len, "").result(60)


WORK = [
    *[finished_by_hand, failed, submitted, submitted_with_names, failed_tasks, forgotten, cancelled],
    *[waited_for, waited_for_in_vain, seen_from_outside, pools],
]


@flat
@pytest.mark.timeout(180)
@pytest.mark.parametrize("work", WORK)
def test_flat(work):
    process = psutil.Process()
    with hasten.futures.ThreadPoolExecutor(2) as pool:
        work(pool, 20_000)
        gc.collect()
        before = process.memory_info().rss
        work(pool, 150_000)
        gc.collect()
        assert process.memory_info().rss - before < LIMIT


@flat
@pytest.mark.skipif(FREE_THREADED, reason="its allocator keeps them")
def test_a_burst_is_given_back():
    """Half a million futures at a time."""
    process, gate = psutil.Process(), threading.Event()
    with hasten.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait)
        futures = [pool.submit(len, "") for _ in range(500_000)]
        before = process.memory_info().rss
        gate.set()
        futures[-1].result(60)
        futures.clear()
        gc.collect()
        assert before - process.memory_info().rss > 20_000_000


def size_of(make):
    """Bytes for each of 2000 things."""
    made = [None] * 2000
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            made[number] = make()
        return (tracemalloc.get_traced_memory()[0] - before) / 2000
    finally:
        tracemalloc.stop()


def test_a_future_takes_less_than_half():
    assert size_of(hasten.futures.Future) <= size_of(concurrent.futures.Future) / 2


def test_a_pending_task_takes_less_than_half():
    sizes, gate = [], threading.Event()
    for module in (hasten.futures, concurrent.futures):
        with module.ThreadPoolExecutor(1) as pool:
            pool.submit(gate.wait)
            sizes.append(size_of(lambda pool=pool: pool.submit(len, "abc")))
            gate.set()
        gate.clear()
    assert sizes[0] <= sizes[1] / 2


def test_deep_chains_of_results_are_freed():
    """A future that holds a future that holds a future."""
    future = hasten.futures.Future()
    future.set_result(None)
    for _ in range(100_000):
        outer = hasten.futures.Future()
        outer.set_result(future)
        future = outer
    del future, outer
    gc.collect()
