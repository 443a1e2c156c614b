"""shutdown(timeout=): an addition of ours, for pools whose tasks may never end."""

import math
import threading
import time
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.futures


@pytest.fixture
def stuck():
    """A pool of two workers: one of them waits for a gate, and three tasks are queued behind two such."""
    pool, gate = hasten.futures.ThreadPoolExecutor(2), threading.Event()
    pool.gate, pool.futures = gate, [pool.submit(gate.wait) for _ in range(5)]
    yield pool
    gate.set()
    pool.shutdown()


def test_the_work_is_done_in_time():
    pool = hasten.futures.ThreadPoolExecutor(2)
    futures = [pool.submit(len, "abc") for _ in range(20)]
    assert pool.shutdown(timeout=30) is None
    assert all(future.done() for future in futures)
    assert not any(thread.is_alive() for thread in pool._threads)


def test_before_any_task():
    pool = hasten.futures.ThreadPoolExecutor(2)
    assert pool.shutdown(timeout=0) is None


def test_the_time_is_over(stuck):
    start = time.monotonic()
    with pytest.raises(hasten.futures.TimeoutError, match="2 of 2 threads still run"):
        stuck.shutdown(timeout=0.05)
    assert time.monotonic() - start >= 0.05
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        stuck.submit(len, "")


@pytest.mark.parametrize("timeout", [0, -1, 0.01, -math.inf, Fraction(1, 100), Decimal("0.01")])
def test_any_real_number(stuck, timeout):
    with pytest.raises(hasten.futures.TimeoutError):
        stuck.shutdown(timeout=timeout)


@pytest.mark.parametrize("timeout", [math.nan, "1", []])
def test_no_number(stuck, timeout):
    with pytest.raises(ValueError if timeout is math.nan else TypeError):
        stuck.shutdown(timeout=timeout)


def test_a_refused_timeout_changes_nothing():
    pool = hasten.futures.ThreadPoolExecutor(1)
    pool.submit(len, "").result(30)
    for timeout in (math.nan, "1"):
        with pytest.raises((TypeError, ValueError)):
            pool.shutdown(timeout=timeout)
    assert pool.submit(len, "abc").result(30) == 3
    pool.shutdown(timeout=math.inf)
    pool.shutdown(timeout=10**30)


def test_keyword_only():
    with pytest.raises(TypeError):
        hasten.futures.ThreadPoolExecutor(1).shutdown(True, False, 1)


def test_not_waiting_takes_no_time(stuck):
    assert stuck.shutdown(wait=False, timeout=60) is None
    assert not stuck.futures[0].done()


def test_called_again(stuck):
    """What is queued is run as soon as it can be."""
    for _ in range(2):
        with pytest.raises(hasten.futures.TimeoutError):
            stuck.shutdown(timeout=0)
    stuck.gate.set()
    stuck.shutdown(timeout=30)
    assert [future.result(0) for future in stuck.futures] == [True] * 5


def test_with_cancel_futures(stuck, until):
    until(lambda: sum(future.running() for future in stuck.futures) == 2)
    with pytest.raises(hasten.futures.TimeoutError):
        stuck.shutdown(timeout=0.01, cancel_futures=True)
    assert [future.cancelled() for future in stuck.futures] == [False] * 2 + [True] * 3


def test_it_tells_how_many(until):
    """One of three is stuck."""
    pool, gate, barrier = hasten.futures.ThreadPoolExecutor(3), threading.Event(), threading.Barrier(3)
    for future in [pool.submit(barrier.wait, 30) for _ in range(3)]:
        future.result(30)
    running = pool.submit(gate.wait)
    until(running.running)
    pool.shutdown(wait=False)
    until(lambda: sum(thread.is_alive() for thread in pool._threads) == 1)
    with pytest.raises(hasten.futures.TimeoutError, match="1 of 3 threads still run"):
        pool.shutdown(timeout=0)
    gate.set()
    pool.shutdown()


HEADER = """
import sys, threading
from hasten.futures import ThreadPoolExecutor, TimeoutError
pool = ThreadPoolExecutor(2)
started = threading.Semaphore(0)
def never():
    started.release()
    threading.Event().wait()
for _ in range(5):
    pool.submit(never)
for _ in range(2):
    started.acquire()
"""


def test_the_end_of_the_program_does_not_wait(python):
    assert python(
        HEADER
        + """
try:
    pool.shutdown(timeout=0.01)
except TimeoutError as error:
    print(error)
print("over")
"""
    ).splitlines()[1:] == ["over"]


def test_nor_after_sys_exit(python):
    assert python(
        HEADER
        + """
import atexit
atexit.register(print, "atexit")
try:
    pool.shutdown(timeout=0, cancel_futures=True)
except TimeoutError:
    sys.exit(0)
"""
    ) == "atexit\n"


def test_other_pools_are_waited_for(python):
    assert python(
        HEADER
        + """
other = ThreadPoolExecutor(1)
gate = threading.Event()
other.submit(gate.wait)
for number in range(5):
    other.submit(print, number)
try:
    pool.shutdown(timeout=0)
except TimeoutError:
    gate.set()
"""
    ).split() == list("01234")


def test_a_worker_that_ends_after_all(python):
    """Between the timeout and the end of the program: nothing is told, nothing crashes."""
    assert python(
        """
import threading
from hasten.futures import ThreadPoolExecutor, TimeoutError
pool, gate = ThreadPoolExecutor(2), threading.Event()
futures = [pool.submit(gate.wait) for _ in range(5)]
try:
    pool.shutdown(timeout=0)
except TimeoutError:
    gate.set()
print([future.result() for future in futures] == [True] * 5)
"""
    ) == "True\n"
