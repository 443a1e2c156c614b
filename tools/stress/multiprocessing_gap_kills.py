"""Games with SimpleQueue and JoinableQueue whose producers and consumers are killed at random moments.

Everybody who gets a record marks it, and sees those of a producer in order.  At the end all are marked that
were got or left: only a consumer that was killed between get() and its mark may have one that is not.
"""

from __future__ import annotations

import mmap
import multiprocessing
import random
import time
from functools import partial
from typing import Any

from bench.cases import expect

from stress.multiprocessing_crowds import PATIENCE, Crowd

FORK = multiprocessing.get_context("fork")
KILLS = 20  # in a round, before the last ones
MOST = 1 << 16  # records of a producer; then it rests
NAMES = 64  # producers in a round, at most


def record(name: int, number: int) -> tuple[int, int, bytes]:
    """What a producer puts: small, and now and then large."""
    return name, number, b"x" * (number % 40 * 20 if number % 100 else 100_000)


def produce(queue: Any, name: int) -> None:
    for number in range(MOST):
        queue.put(record(name, number))
    time.sleep(10 * PATIENCE)


class Marks:
    """What was got, by whom ever; and the last number of each producer that this process has seen."""

    def __init__(self, queue: Any) -> None:
        self.queue, self.bytes = queue, mmap.mmap(-1, NAMES * MOST)
        self.last: dict[int, int] = {}

    def get(self) -> None:
        name, number, _ = self.queue.get()
        place = name * MOST + number
        expect(self.bytes[place] == 0, f"producer {name}: {number} was got twice")
        self.bytes[place] = 1
        expect(number > self.last.get(name, -1), f"producer {name}: {number} after {self.last.get(name)}")
        self.last[name] = number
        if hasattr(self.queue, "task_done"):
            self.queue.task_done()

    def get_for_ever(self) -> None:
        while True:
            self.get()

    def missing(self, name: int) -> int:
        begin = name * MOST
        end = self.bytes.rfind(b"\1", begin, begin + MOST) + 1
        return self.bytes[begin:end].count(0) if end else 0


def gapless(kind: str, consumers: int, module: Any, dice: random.Random) -> int:
    queue = getattr(module, kind)(ctx=FORK)
    marks, names, lost = Marks(queue), iter(range(NAMES)), 0
    with Crowd() as crowd:

        def start(role: str) -> None:
            player = marks.get_for_ever if role == "get" else partial(produce, queue, next(names))
            crowd.start(player, role)

        for role in ["put"] * 2 + ["get"] * consumers:
            start(role)
        for _ in range(KILLS):
            end = time.monotonic() + dice.random() * 0.01
            while time.monotonic() < end:
                if not queue.empty():
                    marks.get()
            role = crowd.kill(crowd.one(dice))
            lost += role == "get"
            start(role)
    lost += consumers
    while not queue.empty():
        marks.get()
    missing = sum(marks.missing(name) for name in range(NAMES))
    expect(
        missing <= (lost if consumers else 0), f"{missing} records are missing, {lost} consumers were killed"
    )
    queue.put("one more")
    expect(queue.get() == "one more" and queue.empty(), "the queue is not as good as new")
    queue.close()
    return crowd.kills


GAMES: dict[str, Any] = {
    f"killed at a {kind} with {consumers} consumers": partial(gapless, kind, consumers)
    for kind in ("Queue", "SimpleQueue", "JoinableQueue")
    for consumers in (0, 2)
}
