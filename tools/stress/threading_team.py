"""What the games of `threading` share: threads that run together, dice for each of them, ways to enter."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Sequence
from typing import Any, Callable

from bench.cases import expect

BRIEF = 0.002  # seconds, about: a timeout that sometimes ends a wait


def team(source: Any, bodies: Sequence[Callable[[], Any]]) -> None:
    """Run each body in a thread of its own; raise what the first of them to fail has raised."""
    errors: list[BaseException] = []

    def member(body: Callable[[], Any]) -> None:
        try:
            body()
        except BaseException as error:
            traceback.print_exc()  # now: those who wait for this thread may do so for ever
            errors.append(error)

    threads = [source.Thread(target=member, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        expect(not thread.is_alive(), "a joined thread is alive")
    if errors:
        raise errors[0]


def dawdle(dice: random.Random) -> None:
    """Let others run, now and then, where it hurts most."""
    if dice.random() < 0.02:
        time.sleep(0)


def own_dice(dice: random.Random, count: int) -> list[random.Random]:
    """Dice for each thread: the numbers that a thread draws do not depend on the others."""
    return [random.Random(dice.random()) for _ in range(count)]


def enter(gate: Any, dice: random.Random) -> None:
    """Take it: waiting for ever, again and again for a moment, or without waiting."""
    way = dice.randrange(3)
    if way == 0:
        gate.acquire()
    elif way == 1:
        while not gate.acquire(timeout=dice.random() * BRIEF):
            dawdle(dice)
    else:
        while not gate.acquire(False):
            time.sleep(0)
