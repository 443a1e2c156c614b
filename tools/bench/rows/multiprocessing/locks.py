"""Rows of `multiprocessing_locks`: locks and the like of processes, in one and between two."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Callable

from bench.cases import Case, expect

CONTEXT = multiprocessing.get_context("fork")


@dataclass
class Alone(Case):
    """One process; what is measured is called n times."""

    def thing(self, module: Any) -> Any:
        return module.Lock(ctx=CONTEXT)

    def setup(self, module: Any) -> Any:
        return self.thing(module)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(state.acquire(False), "the lock was not given back")
        state.release()


@dataclass
class AcquireRelease(Alone):
    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            state.acquire()
            state.release()
        return perf_counter_ns() - begin, None


@dataclass
class With(Alone):
    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            with state:
                pass
        return perf_counter_ns() - begin, None


@dataclass
class IsSet(Alone):
    def thing(self, module: Any) -> Any:
        return module.Event(ctx=CONTEXT)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            state.is_set()
        return perf_counter_ns() - begin, None

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state.set()
        expect(state.is_set(), "the event cannot be set")


@dataclass
class Create(Case):
    """A lock is made and dropped."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        lock = None
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            lock = state.Lock(ctx=CONTEXT)
        return perf_counter_ns() - begin, lock

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome.acquire(False), "a new lock is taken")


Play = Callable[[Any, int, int], None]


def contended(module: Any) -> Play:
    lock = module.Lock(ctx=CONTEXT)

    def play(score: Any, player: int, n: int) -> None:
        for _ in repeat(None, n):
            with lock:
                score[0] += 1

    return play


def condition(module: Any) -> Play:
    turn = module.Condition(module.Lock(ctx=CONTEXT), ctx=CONTEXT)

    def play(score: Any, player: int, n: int) -> None:
        for _ in repeat(None, n):
            with turn:
                while score[0] % 2 != player:
                    turn.wait()
                score[0] += 1
                turn.notify()

    return play


def semaphore(module: Any) -> Play:
    turns = module.Semaphore(1, ctx=CONTEXT), module.Semaphore(0, ctx=CONTEXT)

    def play(score: Any, player: int, n: int) -> None:
        for _ in repeat(None, n):
            turns[player].acquire()
            score[0] += 1
            turns[1 - player].release()

    return play


def barrier(module: Any) -> Play:
    meeting = module.Barrier(2, ctx=CONTEXT)

    def play(score: Any, player: int, n: int) -> None:
        for number in range(n):
            if number % 2 == player:
                score[0] += 2
            meeting.wait()

    return play


@dataclass
class Together(Case):
    """Two processes, n times each."""

    game: Callable[[Any], Play] = contended

    def setup(self, module: Any) -> Any:
        return self.game(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        score = CONTEXT.RawArray("q", 1)
        ready, done, go = (os.pipe() for _ in range(3))
        pids = []
        for player in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    os.write(ready[1], b".")
                    os.read(go[0], 1)
                    state(score, player, n)
                    os.write(done[1], b".")
                finally:
                    os._exit(0)
            pids.append(pid)
        for _ in range(2):
            os.read(ready[0], 1)
        begin = perf_counter_ns()
        os.write(go[1], b"..")
        for _ in range(2):
            os.read(done[0], 1)
        elapsed = perf_counter_ns() - begin
        for pid in pids:
            os.waitpid(pid, 0)
        for fd in (*ready, *done, *go):
            os.close(fd)
        return elapsed, score[0]

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == 2 * n, f"{outcome} turns instead of {2 * n}")
