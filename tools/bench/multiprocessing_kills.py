"""The stress of queues between processes: producers and consumers are killed at random moments.

The one who looks on gets too.  What comes from one producer comes in order; a queue that gives nothing for
PATIENCE seconds while a producer lives counts as hanging; at the end it is empty and as good as new.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue as standard_queue
import random
import signal
import time
from functools import partial
from typing import Any

import bench.multiprocessing_gap_kills
import bench.multiprocessing_lock_kills
from bench.cases import expect
from bench.multiprocessing_crowds import alone
from bench.multiprocessing_queues import forked
from bench.stressing import Game

FORK = multiprocessing.get_context("fork")
PATIENCE = 20.0  # seconds
KILLS = 50  # in a round


def stress(module: Any) -> dict[str, Game]:
    """The games, by name, with the module of queues that they are played with, and its neighbour."""
    synchronize = importlib.import_module(module.__name__.rpartition(".")[0] + ".synchronize")
    return {
        "killed at a queue": partial(killed, module, 0, False),
        "killed at a small queue": partial(killed, module, 4, False),
        "killed at a watched queue": partial(killed, module, 0, True),
        **{
            name: partial(alone, game, module) for name, game in bench.multiprocessing_gap_kills.GAMES.items()
        },
        **{
            name: partial(alone, game, synchronize)
            for name, game in bench.multiprocessing_lock_kills.GAMES.items()
        },
    }


def produce(queue: Any, name: int) -> None:
    number = 0
    while True:
        queue.put((name, number, b"x" * (number % 40 * 20 if number % 100 else 100_000)))
        number += 1


def consume(queue: Any) -> None:
    while True:
        queue.get()


class Crowd:
    """Two producers and a consumer, who are killed and replaced."""

    def __init__(self, queue: Any) -> None:
        self.queue, self.names = queue, 0
        self.children: dict[int, str] = {}
        for role in ("produce", "produce", "consume"):
            self.start(role)

    def start(self, role: str) -> None:
        self.names += 1
        name, queue = self.names, self.queue
        self.children[forked(lambda: produce(queue, name) if role == "produce" else consume(queue))] = role

    def kill(self, child: int) -> str:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return self.children.pop(child)


def note(last: dict[int, int], item: Any) -> None:
    name, number, _ = item
    if number <= last.get(name, -1):
        raise AssertionError(f"producer {name}: {number} after {last[name]}")
    last[name] = number


def killed(module: Any, maxsize: int, watched: bool, dice: random.Random) -> int:
    """A round; the number of kills."""
    queue = module.Queue(maxsize, ctx=FORK)
    if watched:
        queue._reader.fileno()
    crowd = Crowd(queue)
    last: dict[int, int] = {}
    try:
        for _ in range(KILLS):
            end = time.monotonic() + dice.random() * 0.01
            while time.monotonic() < end:
                note(last, queue.get(timeout=PATIENCE))
            crowd.start(crowd.kill(dice.choice(list(crowd.children))))
    finally:
        for child in list(crowd.children):
            crowd.kill(child)
    try:
        while True:
            note(last, queue.get_nowait())
    except standard_queue.Empty:
        pass
    queue.put("one more")
    expect(queue.get(timeout=PATIENCE) == "one more", "got something else than the last object")
    expect(queue.qsize() == 0 and not queue._reader.poll(), "the queue is not empty at the end")
    return KILLS
