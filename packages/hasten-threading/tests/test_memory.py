"""References and memory: nothing is held after a wait, on any way out of it, and a process does not grow."""

import os
import sys

import psutil
import pytest

import hasten.threading as ours

# the sanitizer keeps freed memory for a while, so the process only grows
flat = pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="memory is held back")


class Failed(Exception):
    pass


def uses(thing):
    """What is done over and over, for each kind."""
    return {
        "Event": lambda: (thing.set(), thing.wait(), thing.wait(1), thing.clear(), thing.wait(0)),
        "Semaphore": lambda: (thing.acquire(), thing.release(), thing.__enter__(), thing.release(1)),
        "BoundedSemaphore": lambda: (thing.acquire(timeout=1), thing.acquire(False), thing.release()),
        "Condition": lambda: (
            thing.__enter__(),
            thing.notify(),
            thing.wait(0),
            thing.__exit__(None, None, None),
        ),
        "Barrier": lambda: (thing.wait(), thing.wait(1), thing.reset()),
    }[type(thing).__name__]


def make(name):
    return getattr(ours, name)(*([1] if name == "Barrier" else []))


@flat
@pytest.mark.parametrize("name", ["Event", "Semaphore", "BoundedSemaphore", "Condition", "Barrier"])
def test_a_million_operations_leave_no_memory_behind(name):
    use = uses(make(name))
    for _ in range(10_000):
        use()
    before = psutil.Process().memory_info().rss
    for _ in range(1_000_000 // 4):
        use()
    assert psutil.Process().memory_info().rss - before < 1_000_000


@flat
@pytest.mark.parametrize("name", ["Event", "Semaphore", "BoundedSemaphore", "Condition", "Barrier"])
def test_objects_are_freed(name):
    for _ in range(1000):
        make(name)
    before = psutil.Process().memory_info().rss
    for _ in range(200_000):
        thing = make(name)
        if name in ("Event", "Semaphore"):
            _ = thing._cond
    assert psutil.Process().memory_info().rss - before < 1_000_000


@flat
def test_iterators_leave_no_memory_behind():
    def use(count):
        it = ours.serialize_iterator(iter(range(count)))
        a, b = ours.concurrent_tee(range(count))
        for _ in zip(it, a, b):
            continue

    use(10_000)
    before = psutil.Process().memory_info().rss
    use(1_000_000)
    assert psutil.Process().memory_info().rss - before < 1_000_000


def test_a_semaphore_holds_no_timeout():
    timeout = 1234.5
    before = sys.getrefcount(timeout)
    sem = ours.Semaphore(2)
    for _ in range(100):
        sem.acquire(timeout=timeout)
        sem.release()
        sem.acquire(True, timeout)
        sem.release()
    assert sys.getrefcount(timeout) - before == 0


class Number:
    def __init__(self, value):
        self.value = value

    def __float__(self):
        if isinstance(self.value, type):
            raise self.value
        return self.value


@pytest.mark.parametrize(
    "value, error", [(0.0, None), (0.0001, None), (Failed, Failed), (float("nan"), ValueError)]
)
@pytest.mark.parametrize("name", ["Event", "Semaphore", "Condition", "Barrier"])
def test_references_to_timeouts(name, value, error):
    timeout = Number(value)
    thing = ours.Barrier(2) if name == "Barrier" else make(name)

    def wait():
        if name == "Condition":
            with thing:
                thing.wait(timeout)
        elif name == "Semaphore":
            thing.acquire(timeout=timeout)
        else:
            thing.wait(timeout)

    before = sys.getrefcount(timeout)
    errors = (error,) if error else (ours.BrokenBarrierError,)
    for _ in range(20):
        try:
            wait()
        except errors:
            if name == "Barrier":
                thing.reset()
    assert sys.getrefcount(timeout) == before


def test_references_to_what_a_predicate_returns():
    result = ["true"]
    cond = ours.Condition()
    before = sys.getrefcount(result)
    for _ in range(50):
        with cond:
            assert cond.wait_for(lambda: result, 1) is result
    assert sys.getrefcount(result) == before


def test_references_to_the_lock():
    lock = ours.Lock()
    before = sys.getrefcount(lock)
    cond = ours.Condition(lock)
    assert sys.getrefcount(lock) == before + 1
    for _ in range(20):
        with cond:
            cond.wait(0)
            cond.notify_all()
    assert sys.getrefcount(lock) == before + 1
    del cond
    assert sys.getrefcount(lock) == before


def test_references_to_the_action():
    def action():
        calls.append(1)

    calls = []
    before = sys.getrefcount(action)
    barrier = ours.Barrier(1, action)
    for _ in range(20):
        barrier.wait()
    assert sys.getrefcount(action) == before + 1
    del barrier
    assert (sys.getrefcount(action), len(calls)) == (before, 20)
