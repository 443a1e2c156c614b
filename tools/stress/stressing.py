"""A stress: the games of a suite, all at once, for minutes. Each round of a game checks its own totals.

A game is a function game(random) that plays one round, starts threads and joins them, and returns how many
operations it has verified. All games run at the same time, each in rounds of its own. A game that raises
fails the stress at once; so does one that ends no round for STUCK seconds, with the stacks of all threads.
Runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import _thread
import contextlib
import faulthandler
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from stress.faults import HANG, kind_of

Game = Callable[[random.Random], int]
STUCK = 60.0  # seconds
LOOK = 1.0  # seconds between two looks at the games


class Lane:
    """One game, round after round, in a thread of the interpreter's own."""

    def __init__(self, name: str, game: Game, seed: int, stop: Callable[[], bool]) -> None:
        self.name, self.game, self.seed, self.stop = name, game, seed, stop
        self.rounds = self.operations = 0
        self.moved = time.monotonic()
        self.problem = ""
        self.kind = HANG  # of the problem
        self.over = False
        _thread.start_new_thread(self.play, ())

    def play(self) -> None:
        try:
            while not self.stop():
                # A failed round can be played again: its numbers depend on nothing else.
                self.operations += self.game(random.Random(f"{self.seed} {self.name} {self.rounds}"))
                self.rounds += 1
                self.moved = time.monotonic()
        except BaseException as error:
            self.kind = kind_of(error)
            self.problem = f"{self.where()}:\n{traceback.format_exc()}"
        self.over = True

    def where(self) -> str:
        return f"game {self.name!r}, round {self.rounds}, seed {self.seed}"

    def trouble(self, now: float) -> str:
        """What is wrong with this game, if anything."""
        if not self.problem and not self.over and now - self.moved > STUCK:
            return f"{self.where()}: nothing has moved for {STUCK:.0f} s"
        return self.problem


def run_stress(games: dict[str, Game], seconds: float, seed: int, say: Callable[..., Any]) -> bool:
    """Play for so long; say() is told of the progress and of the end. Whether all went well.

    If not, threads may be left that nobody can end: the caller should end the process.
    """
    begin = time.monotonic()
    lanes = [
        Lane(name, game, seed, lambda: time.monotonic() - begin > seconds) for name, game in games.items()
    ]
    while True:
        # Should the interpreter itself be stuck, then this ends it.
        faulthandler.dump_traceback_later(3 * STUCK, exit=True)
        time.sleep(LOOK)
        now = time.monotonic()
        counts = {lane.name: (lane.rounds, lane.operations) for lane in lanes}
        wrong = next((lane for lane in lanes if lane.trouble(now)), None)
        if wrong is not None:
            faulthandler.dump_traceback(sys.stderr, all_threads=True)
            faulthandler.cancel_dump_traceback_later()
            say("failed", reason=wrong.trouble(now), kind=wrong.kind, games=counts)
            return False
        if all(lane.over for lane in lanes):
            faulthandler.cancel_dump_traceback_later()
            say("stress", seconds=now - begin, games=counts, seed=seed)
            return True
        say("progress", seconds=now - begin, of=seconds, games=counts)


def descendants(pid: int) -> Iterator[int]:
    """The living processes that a process has started, and those that they have."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            for child in path.read_text().split():
                yield int(child)
                yield from descendants(int(child))


def end_process(fine: bool) -> None:
    """End at once, without waiting for threads that are stuck; their processes would go on without us."""
    for pid in [] if fine else list(descendants(os.getpid())):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if fine else 1)


def summary(stress: dict[str, Any]) -> str:
    """What was played, in one paragraph."""
    games = ", ".join(f"{name} {rounds}/{count}" for name, (rounds, count) in stress["games"].items())
    total = sum(count for _, count in stress["games"].values())
    return (
        f"{stress['python']} {stress['suite']} stress, {stress['seconds'] / 60:.1f} minutes, seed "
        f"{stress['seed']}: {total} operations verified, nothing stuck (rounds/operations: {games})"
    )
