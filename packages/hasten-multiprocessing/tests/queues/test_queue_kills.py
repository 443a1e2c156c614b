"""Processes killed at random moments while they put and get: nobody hangs, nothing is lost."""

from __future__ import annotations

import multiprocessing
import queue
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.queue_peers import get_for_ever, put_for_ever

from hasten.multiprocessing import queues

FORK = multiprocessing.get_context("fork")
PATIENCE = (
    20.0  # seconds without anything to get, with producers alive, after which the queue counts as hanging
)


@pytest.fixture
def children() -> Iterator[list[Any]]:
    """Processes by what they do; killed at the end."""
    found: list[Any] = []
    yield found
    while found:
        _, child = found.pop()
        child.kill()
        child.join()
        child.close()


def begin(children: list[Any], role: str, function: Any, *args: Any) -> None:
    child = FORK.Process(target=function, args=args, daemon=True)
    child.start()
    children.append((role, child))


def kill_one(children: list[Any]) -> str:
    """Kill a random child; what it did."""
    role, child = children.pop(random.randrange(len(children)))
    child.kill()
    child.join()
    child.close()
    return str(role)


@pytest.mark.parametrize("maxsize", [0, 5])
@pytest.mark.parametrize("watched", [False, True], ids=["", "watched"])
def test_random_kills(children: list[Any], maxsize: int, watched: bool) -> None:
    q = queues.Queue(maxsize, ctx=FORK)
    if watched:
        q._reader.fileno()
    last: dict[int, int] = {}
    names = 0
    for role in ("put", "put", "get"):
        names += role == "put"
        begin(children, role, *((put_for_ever, q, names) if role == "put" else (get_for_ever, q)))
    for _ in range(60):
        end = time.monotonic() + random.random() * 0.01
        while time.monotonic() < end:
            name, number = q.get(timeout=PATIENCE)
            assert number > last.get(name, -1)  # others get some too
            last[name] = number
        if kill_one(children) == "put":
            names += 1
            begin(children, "put", put_for_ever, q, names)
        else:
            begin(children, "get", get_for_ever, q)
    while children:
        kill_one(children)
    while not q.empty():
        name, number = q.get_nowait()
        assert number > last.get(name, -1)
        last[name] = number
    q.put("still alive")
    assert q.get(timeout=PATIENCE) == "still alive" and q.qsize() == 0
    assert not q._reader.poll()


def test_nothing_is_lost_when_producers_are_killed(children: list[Any]) -> None:
    q = queues.Queue(50, ctx=FORK)
    got: dict[int, int] = {}
    for name in range(40):
        begin(children, "put", put_for_ever, q, name)
        for _ in range(random.randrange(1, 300)):
            who, number = q.get(timeout=PATIENCE)
            assert number == got.get(who, -1) + 1  # nobody else gets any: all numbers, in order
            got[who] = number
        kill_one(children)
    while True:
        try:
            who, number = q.get_nowait()
        except queue.Empty:
            break
        assert number == got.get(who, -1) + 1
        got[who] = number
    assert q.qsize() == 0


def test_a_consumer_killed_while_it_waits_holds_nothing(children: list[Any]) -> None:
    for kind in (queues.Queue, queues.JoinableQueue, queues.SimpleQueue):
        q = kind(ctx=FORK)
        for _ in range(5):
            begin(children, "get", get_for_ever, q)
            q.put(1)
            while not q.empty():
                time.sleep(0.001)
            kill_one(children)
        q.put("mine")
        assert q.get() == "mine"


def test_a_producer_killed_while_the_queue_is_full(children: list[Any]) -> None:
    q = queues.Queue(1, ctx=FORK)
    for name in range(10):
        begin(children, "put", put_for_ever, q, name)
        while not q.full():
            time.sleep(0.001)
        kill_one(children)
        assert q.get(timeout=PATIENCE) == (name, 0)
        assert q.empty()
