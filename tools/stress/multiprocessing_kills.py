"""The stress of queues between processes: producers and consumers are killed at random moments.

The one who looks on gets too.  What comes from one producer comes in order; a queue that gives nothing for
PATIENCE seconds while a producer lives counts as hanging; at the end it is empty and as good as new.
"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import queue as standard_queue
import random
import time
from functools import partial
from typing import Any

from bench.cases import expect

from stress import multiprocessing_gap_kills, multiprocessing_lock_kills
from stress.multiprocessing_crowds import PATIENCE, Crowd, alone
from stress.multiprocessing_gap_kills import record
from stress.stressing import Game

FORK = multiprocessing.get_context("fork")
KILLS = 50  # in a round


def stress(module: Any) -> dict[str, Game]:
    """The games, by name, with the module of queues that they are played with, and its neighbour."""
    synchronize = importlib.import_module(module.__name__.rpartition(".")[0] + ".synchronize")
    return {
        "killed at a queue": partial(killed, module, 0, False),
        "killed at a small queue": partial(killed, module, 4, False),
        "killed at a watched queue": partial(killed, module, 0, True),
        **{name: partial(alone, game, module) for name, game in multiprocessing_gap_kills.GAMES.items()},
        **{
            name: partial(alone, game, synchronize) for name, game in multiprocessing_lock_kills.GAMES.items()
        },
    }


def produce(queue: Any, name: int) -> None:
    for number in itertools.count():
        queue.put(record(name, number))


def consume(queue: Any) -> None:
    while True:
        queue.get()


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
    last: dict[int, int] = {}
    names = itertools.count(1)
    with Crowd() as crowd:

        def start(role: str) -> None:
            player = partial(produce, queue, next(names)) if role == "put" else partial(consume, queue)
            crowd.start(player, role)

        for role in ("put", "put", "get"):
            start(role)
        for _ in range(KILLS):
            end = time.monotonic() + dice.random() * 0.01
            while time.monotonic() < end:
                note(last, queue.get(timeout=PATIENCE))
            start(crowd.kill(crowd.one(dice)))
    try:
        while True:
            note(last, queue.get_nowait())
    except standard_queue.Empty:
        pass
    queue.put("one more")
    expect(queue.get(timeout=PATIENCE) == "one more", "got something else than the last object")
    expect(queue.qsize() == 0 and not queue._reader.poll(), "the queue is not empty at the end")
    return KILLS
