"""An error at any line of Python code, or from a signal handler at any moment, leaves nothing stuck or held.

The lines are those of hooks, comparisons and the Conditions that users see.  After each error the queue has
to work: an item goes through, tasks are counted, and who sleeps is woken.
"""

from __future__ import annotations

import random
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from support.injection import WAYS, Injected, at_each_line, at_random_moments, interrupted

import hasten.queue as ours

LIMIT = 20.0  # seconds after which an operation counts as stuck


class Hooked(ours.Queue):
    """Stores its items itself."""

    def _init(self, maxsize: int) -> None:
        self.items: deque[Any] = deque()

    def _qsize(self) -> int:
        return len(self.items)

    def _put(self, item: Any) -> None:
        self.items.append(item)

    def _get(self) -> Any:
        return self.items.popleft()


class Compared(int):
    """Compares in Python."""

    def __lt__(self, other: int) -> bool:
        return int(self) < int(other)


def shared() -> Any:
    queue = ours.Queue(3)
    assert not queue.mutex.locked()  # from now on there are a lock and conditions, which are Python's
    return queue


MAKERS: dict[str, Callable[[], Any]] = {
    "plain": lambda: ours.Queue(3),
    "hooks": lambda: Hooked(3),
    "comparisons": lambda: ours.PriorityQueue(4),
    "conditions": shared,
    "simple": ours.SimpleQueue,
}
WITH_PYTHON = ["hooks", "comparisons", "conditions"]


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return MAKERS[request.param]


def works(queue: Any, spawn: Callable[..., Any]) -> None:
    """Whatever was interrupted: nobody is inside, and put() wakes a getter."""
    while not queue.empty():
        queue.get_nowait()
    getter = spawn(queue.get, timeout=LIMIT)
    queue.put(Compared(9), timeout=LIMIT)
    assert getter.result() == 9
    if hasattr(queue, "task_done"):
        while queue.unfinished_tasks:
            queue.task_done()
        assert queue.join(timeout=LIMIT)


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", WITH_PYTHON)
def test_a_line_of_put_get_and_task_done(name: str, way: str, spawn: Any) -> None:
    queue = MAKERS[name]()

    def act() -> None:
        for number in (2, 1):
            queue.put(Compared(number))
        queue.get(timeout=LIMIT)
        queue.task_done()

    places = []
    for place in at_each_line(act, Injected, [__file__, threading.__file__], way):
        places.append(place)
        works(queue, spawn)
    assert len(places) > 6


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", WITH_PYTHON)
def test_a_line_of_a_get_that_waits(name: str, way: str, spawn: Any) -> None:
    """Two wait, one of them is interrupted: an item wakes the other."""
    queue = MAKERS[name]()
    places = []
    other = [spawn(queue.get, timeout=LIMIT)]

    def act() -> None:
        with pytest.raises(ours.Empty):
            queue.get(timeout=0.002)

    for place in at_each_line(act, Injected, [__file__, threading.__file__], way):
        places.append(place)
        queue.put(Compared(9), timeout=LIMIT)
        assert other.pop().result() == 9
        other.append(spawn(queue.get, timeout=LIMIT))
    queue.put(Compared(9))
    assert other.pop().result() == 9
    works(queue, spawn)
    assert len(places) > 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")
def test_a_signal_handler_raises(make: Any, spawn: Any) -> None:
    queue = make()

    def act() -> None:
        for _ in range(500):  # long enough for the timer
            for number in range(3):
                queue.put(Compared(number))
            for _ in range(3):
                queue.get(timeout=LIMIT)

    hit = 0
    for raised in at_random_moments(act, Injected, seed=1, times=40, seconds=1):
        hit += raised
        works(queue, spawn)
    assert hit


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")
def test_a_signal_handler_raises_while_two_get(make: Any, spawn: Any) -> None:
    """There is an item for both.  Whoever leaves by the error, the other one is woken."""
    queue, moments, hit = make(), random.Random(2), 0
    for turn in range(300):
        if turn >= 30 and hit:
            break
        gate = threading.Lock()
        gate.acquire()
        getter = spawn(queue.get, timeout=LIMIT)
        putter = spawn(put_two, queue, gate)

        def act(gate: Any = gate) -> None:
            gate.release()
            queue.get(timeout=LIMIT)

        hit += interrupted(act, Injected, moments.uniform(1e-6, 1e-3))
        with suppress(RuntimeError):  # interrupted before
            gate.release()
        putter.result()
        getter.result()
        works(queue, spawn)
    assert hit


def put_two(queue: Any, gate: Any) -> None:
    gate.acquire()
    queue.put(Compared(1))
    queue.put(Compared(2))
