"""The names that the standard library's module has by import: they exist, and a replaced part is used."""

import collections
import heapq
import queue as stdlib
import threading
import time
from unittest import mock

import pytest

import hasten.queue as ours


def test_nothing_is_missing():
    missing = {name for name in vars(stdlib) if not name.startswith("__")} - set(vars(ours))
    assert not missing


@pytest.mark.parametrize("name", ["deque", "heappush", "heappop", "threading", "types", "time"])
def test_the_same_objects(name):
    assert getattr(ours, name) is getattr(stdlib, name)


@pytest.mark.parametrize("name, act", [
    ("Empty", lambda q: q.get(block=False)),
    ("Empty", lambda q: q.get_nowait()),
    ("Empty", lambda q: q.get(timeout=0.001)),
    ("Full", lambda q: [q.put_nowait(item) for item in range(2)]),
    ("Full", lambda q: [q.put(item, timeout=0.001) for item in range(2)]),
])  # fmt: skip
@pytest.mark.parametrize("seen", [False, True])
def test_replaced_exceptions_are_raised(impl, kind, name, act, seen):
    class Mine(Exception):
        pass

    q = getattr(impl, kind)(1)
    if seen:
        _ = q.mutex
    with mock.patch.object(impl, name, Mine), pytest.raises(Mine):
        act(q)


@pytest.mark.ours_without("ShutDown")
def test_replaced_shutdown_is_raised(impl, kind):
    class Mine(Exception):
        pass

    q = getattr(impl, kind)()
    q.shutdown()
    with mock.patch.object(impl, "ShutDown", Mine):
        for call in (q.get, lambda: q.put(1)):
            with pytest.raises(Mine):
                call()


@pytest.mark.parametrize("seen", [False, True])
def test_a_clock_that_jumps_ends_the_wait(impl, kind, seen):
    q = getattr(impl, kind)()
    if seen:
        _ = q.mutex
    with mock.patch.object(impl, "time", side_effect=range(0, 10**6, 1000)), pytest.raises(impl.Empty):
        q.get(timeout=999)
    full = getattr(impl, kind)(1)
    full.put(1)
    with mock.patch.object(impl, "time", side_effect=range(0, 10**6, 1000)), pytest.raises(impl.Full):
        full.put(1, timeout=999)


@pytest.mark.parametrize("name", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_a_clock_that_stands_still(name):
    """The standard library never comes back from this."""
    q = getattr(ours, name)()
    begin = time.monotonic()
    with mock.patch.object(ours, "time", return_value=0.0), pytest.raises(ours.Empty):
        q.get(timeout=0.05)
    assert time.monotonic() - begin >= 0.05


def test_a_clock_that_raises(impl, kind, spawn):
    q = getattr(impl, kind)()
    with mock.patch.object(impl, "time", side_effect=KeyError), pytest.raises(KeyError):
        q.get(timeout=1)
    q.put(1)
    assert q.get(timeout=1) == 1


def test_replaced_deque(impl):
    class Mine(collections.deque):
        def append(self, item):
            super().append((item, "seen"))

    with mock.patch.object(impl, "deque", Mine):
        q = impl.Queue()
        assert type(q.queue) is Mine
        q.put(1)
        q.put(2)
    assert q.get() == (1, "seen")
    q.put(3)
    assert [q.get(), q.get()] == [(2, "seen"), (3, "seen")]
    assert type(impl.Queue().queue) is collections.deque


def test_replaced_heap_functions(impl):
    calls = []

    def push(heap, item):
        calls.append(("push", item))
        heapq.heappush(heap, item)

    def pop(heap):
        calls.append(("pop", heap[0]))
        return heapq.heappop(heap)

    q = impl.PriorityQueue()
    q.put(2)
    with mock.patch.object(impl, "heappush", push), mock.patch.object(impl, "heappop", pop):
        q.put(1)
        assert q.get() == 1
    assert calls == [("push", 1), ("pop", 1)]
    q.put(0)
    assert [q.get(), q.get()] == [0, 2]


def test_replaced_threading(impl, kind):
    class Counted:
        made = 0

        def __init__(self):
            Counted.made += 1
            self.lock = threading.Lock()
            self.acquire, self.release = self.lock.acquire, self.lock.release
            self.locked = self.lock.locked

        def __enter__(self):
            self.acquire()

        def __exit__(self, *exc):
            self.release()

    module = mock.Mock(Lock=Counted, Condition=threading.Condition)
    with mock.patch.object(impl, "threading", module):
        q = getattr(impl, kind)()
    assert Counted.made == 1 and isinstance(q.mutex, Counted)
    q.put(1)
    assert q.get() == 1
    assert not isinstance(getattr(impl, kind)().mutex, Counted)


def test_replaced_lock_of_threading(impl, kind):
    made = []

    def lock():
        made.append(real())
        return made[-1]

    real = threading.Lock
    with mock.patch.object(threading, "Lock", lock):
        q = getattr(impl, kind)()
        assert q.mutex in made
    q.put(1)
    assert q.get() == 1
