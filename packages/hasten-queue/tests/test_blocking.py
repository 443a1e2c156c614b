"""Waiting in put(), get() and join(): timeouts, waking, tasks."""

import threading
import time
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.queue

ENDLESS = [float("inf"), 1e300, 1 << 70, 10**400]
NEGATIVE = [-1, -0.001, float("-inf"), -(1 << 70), -(10**400), Fraction(-1, 2)]
SHORT = [0, 0.0, 0.001, Fraction(1, 1000), Decimal("0.001"), False, 5e-324]


def filled(impl, kind="Queue"):
    q = getattr(impl, kind)(1)
    q.put(0)
    return q


@pytest.mark.parametrize("timeout", SHORT)
def test_short_timeouts(impl, kind, timeout):
    if isinstance(timeout, Decimal) and impl.__name__ == "queue":
        pytest.skip("the standard library adds it to a float")
    with pytest.raises(impl.Empty):
        getattr(impl, kind)().get(timeout=timeout)
    q = filled(impl, kind)
    with pytest.raises(impl.Full):
        q.put(1, timeout=timeout)
    assert q.get() == 0 and q.empty()


@pytest.mark.parametrize("timeout", NEGATIVE, ids=lambda timeout: str(timeout)[:9])
def test_negative_timeouts(impl, kind, timeout):
    for q in [getattr(impl, kind)(2), filled(impl, kind)]:
        with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
            q.put(1, timeout=timeout)
        with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
            q.get(timeout=timeout)
    if impl.__name__ == "hasten.queue" or timeout == -1:  # the standard library's takes less here
        with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
            impl.SimpleQueue().get(timeout=timeout)
    unlimited = getattr(impl, kind)()
    unlimited.put(1, timeout=timeout)
    unlimited.put_nowait(2)
    assert unlimited.get(False, timeout) == 1 or kind == "LifoQueue"


def test_nan_timeout(kind):
    """Ours alone: with a NaN the standard library's loop of Queue never ends."""
    with pytest.raises(ValueError, match="NaN"):
        getattr(hasten.queue, kind)().get(timeout=float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        filled(hasten.queue, kind).put(1, timeout=float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        hasten.queue.SimpleQueue().get(timeout=float("nan"))


@pytest.mark.parametrize("timeout", ["1", [], 1j, object()])
def test_timeouts_that_are_no_numbers(impl, kind, timeout):
    for q in [getattr(impl, kind)(2), filled(impl, kind)]:
        with pytest.raises(TypeError):
            q.get(timeout=timeout)
        with pytest.raises(TypeError):
            q.put(1, timeout=timeout)
    with pytest.raises(TypeError):
        impl.SimpleQueue().get(timeout=timeout)


@pytest.mark.parametrize("timeout", ENDLESS, ids=lambda timeout: str(timeout)[:9])
def test_endless_timeouts(kind, timeout, spawn):
    import hasten.queue as ours

    for q in [getattr(ours, kind)(), ours.SimpleQueue()]:
        getter = spawn(q.get, timeout=timeout).settle()
        q.put("late")
        assert getter.result() == "late"
    q = filled(ours, kind)
    putter = spawn(q.put, 1, timeout=timeout).settle()
    q.get()
    putter.result()
    joiner = spawn(q.join, timeout=timeout).settle()
    q.task_done()
    q.task_done()
    assert joiner.result() is True


def test_a_timeout_is_waited_for(impl, kind):
    for q in [getattr(impl, kind)(), impl.SimpleQueue()]:
        start = time.monotonic()
        with pytest.raises(impl.Empty):
            q.get(timeout=0.05)
        assert time.monotonic() - start >= 0.045


@pytest.mark.parametrize("timeout", [None, 60])
def test_blocked_get_is_served(impl, kind, timeout, spawn):
    for q in [getattr(impl, kind)(), impl.SimpleQueue()]:
        getters = [spawn(q.get, timeout=timeout).settle() for _ in range(3)]
        for item in range(3):
            q.put(item)
        assert sorted(getter.result() for getter in getters) == [0, 1, 2]


@pytest.mark.parametrize("timeout", [None, 60])
def test_blocked_put_is_served(impl, kind, timeout, spawn):
    q = getattr(impl, kind)(1)
    q.put(-1)
    putters = [spawn(q.put, item, timeout=timeout).settle() for item in range(3)]
    got = [q.get(timeout=30) for _ in range(4)]
    for putter in putters:
        putter.result()
    assert sorted(got) == [-1, 0, 1, 2]


def test_one_get_wakes_a_putter_each(impl, kind, spawn):
    q = getattr(impl, kind)(3)
    for item in range(3):
        q.put(item)
    putters = [spawn(q.put, item).settle() for item in range(3)]
    for _ in range(3):
        q.get()
    for putter in putters:
        putter.result()
    assert q.full()


def test_barging_is_allowed(impl, kind, spawn):
    """An item is not handed to a sleeper: who asks first gets it."""
    import sys

    q = getattr(impl, kind)()
    getter = spawn(q.get).settle()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10)
    try:
        q.put("item")
        try:
            barged = q.get_nowait()
        except impl.Empty:
            barged = None
            assert not getattr(sys, "_is_gil_enabled", lambda: True)()
    finally:
        sys.setswitchinterval(interval)
    if barged:
        q.put(barged)
    assert getter.result() == "item"


def test_timed_out_getter_leaves_no_trace(impl, kind, spawn):
    q = getattr(impl, kind)()
    for _ in range(20):
        with pytest.raises(impl.Empty):
            q.get(timeout=0.0005)
    getter = spawn(q.get).settle()
    q.put(1)
    assert getter.result() == 1


def test_task_done_and_join(impl, kind, spawn):
    q = getattr(impl, kind)()
    q.join()
    for item in range(3):
        q.put(item)
    joiners = [spawn(q.join).settle() for _ in range(2)]
    for left in [2, 1, 0]:
        assert all(joiner.is_alive() for joiner in joiners)
        q.get()
        q.task_done()
        assert q.unfinished_tasks == left
    for joiner in joiners:
        joiner.result()
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        q.task_done()
    assert q.unfinished_tasks == 0


def test_join_waits_for_items_put_meanwhile(impl, kind, spawn):
    q = getattr(impl, kind)()
    q.put(1)
    joiner = spawn(q.join).settle()
    q.put(2)
    q.task_done()
    joiner.settle()
    assert joiner.is_alive()
    q.task_done()
    joiner.result()


def test_join_with_timeout(kind):
    import hasten.queue

    q = getattr(hasten.queue, kind)()
    assert q.join(timeout=0) is True
    q.put(1)
    assert q.join(timeout=0) is False
    assert q.join(timeout=0.01) is False
    assert q.join(0.001) is False
    q.task_done()
    assert q.join(timeout=5) is True
    assert q.join() in (True, None)
    for wrong, error in [(-1, ValueError), (float("nan"), ValueError), ("x", TypeError)]:
        with pytest.raises(error):
            q.join(timeout=wrong)


def test_unfinished_tasks_may_be_set(impl, kind):
    q = getattr(impl, kind)()
    q.unfinished_tasks = 2
    q.task_done()
    assert q.unfinished_tasks == 1
    q.task_done()
    q.join()


def test_get_from_many_threads_with_different_deadlines(impl, kind, spawn):
    q = getattr(impl, kind)()
    start = threading.Barrier(9)

    def get(timeout):
        start.wait(30)
        try:
            return q.get(timeout=timeout)
        except impl.Empty:
            return None

    getters = [spawn(get, timeout) for timeout in [0.001, 0.002, 0.01, 0.02, 60, 60, 60, 60]]
    start.wait(30)
    for item in range(8):
        q.put(item)
    got = [getter.result() for getter in getters]
    left = [q.get() for _ in range(q.qsize())]
    assert sorted([item for item in got if item is not None] + left) == list(range(8))
    assert None not in got[4:]
