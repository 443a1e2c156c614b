"""Rows of `futures`: wait() and as_completed() over many futures that are completed one by one.

The futures are plain ones. A thread of the interpreter's own completes them as soon as a gate opens, which
the waiting thread does right before it waits.
"""

from __future__ import annotations

import _thread
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, NotOffered, expect
from bench.rows.futures.pools import same


class Completer:
    """Sets the results of futures, their numbers, in a thread: each after its turn was given.

    One turn lets all of them go where `at_once`; otherwise each needs its own.
    """

    def __init__(self, futures: list[Any], at_once: bool) -> None:
        self.futures, self.at_once = futures, at_once
        self.turns: SimpleQueue[None] = SimpleQueue()
        self.over = _thread.allocate_lock()
        self.over.acquire()
        _thread.start_new_thread(self.body, ())

    def body(self) -> None:
        if self.at_once:
            self.turns.get()
        for number, future in enumerate(self.futures):
            if not self.at_once:
                self.turns.get()
            future.set_result(number)
        self.over.release()

    def go(self) -> None:
        self.turns.put(None)

    def join(self) -> None:
        self.over.acquire()


def plain_futures(module: Any, count: int) -> list[Any]:
    if not hasattr(module, "Future"):
        raise NotOffered("it has no futures of this kind")
    return [module.Future() for _ in range(count)]


@dataclass
class Outstanding(Case):
    """What the rows of this file share. An operation is one completion; a sample is a number of them."""

    count: int = 10_000
    completed: int = 10_000  # of them, while it is measured
    at_once: bool = True

    def setup(self, module: Any) -> Any:
        futures = plain_futures(module, self.count)
        return module, futures, Completer(futures[: self.completed], self.at_once)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / self.completed


@dataclass
class WaitForAll(Outstanding):
    """One wait() for all, asleep while they are completed one after the other."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, futures, completer = state
        begin = perf_counter_ns()
        completer.go()
        outcome = module.wait(futures)
        return perf_counter_ns() - begin, outcome

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        _, futures, completer = state
        completer.join()
        done, pending = outcome
        expect(not pending, f"{len(pending)} futures are said to be pending when all are completed")
        expect(done == set(futures), "futures are missing")
        expect([future.result() for future in futures] == list(range(self.count)), "other results were set")


@dataclass
class WaitForEach(Outstanding):
    """The loop of programs that start new work for each that is done: wait() until any of those left is.

    Only the first of them are completed, so that so many are outstanding all the time.
    """

    completed: int = 50
    at_once: bool = False

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, futures, completer = state
        wait, first = module.wait, module.FIRST_COMPLETED
        steps, pending = [], set(futures)
        begin = perf_counter_ns()
        for _ in range(self.completed):
            completer.go()
            done, pending = wait(pending, return_when=first)
            steps.append(done)
        return perf_counter_ns() - begin, (steps, pending)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        _, futures, completer = state
        completer.join()
        steps, pending = outcome
        found = [sorted(future.result() for future in done) for done in steps]
        expect(found == [[number] for number in range(self.completed)], "wait() returned at another time")
        expect(set(pending) == set(futures[self.completed :]), "other futures are pending than should be")


@dataclass
class AsCompleted(Outstanding):
    """as_completed() over futures that a thread completes meanwhile."""

    count: int = 20_000
    completed: int = 20_000

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, futures, completer = state
        begin = perf_counter_ns()
        completer.go()
        results = [future.result() for future in module.as_completed(futures)]
        return perf_counter_ns() - begin, results

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state[2].join()
        expect(sorted(outcome) == list(range(self.count)), "futures were lost or came twice")


@dataclass
class SubmittedAsCompleted(Case):
    """Tasks for a pool, and as_completed() over their futures: the time of both."""

    count: int = 20_000
    workers: int = 4

    def setup(self, module: Any) -> Any:
        if not hasattr(module, "as_completed"):
            raise NotOffered("it has no as_completed")
        return module, module.ThreadPoolExecutor(self.workers)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, executor = state
        items = list(range(self.count))
        begin = perf_counter_ns()
        futures = [executor.submit(same, item) for item in items]
        results = [future.result() for future in module.as_completed(futures)]
        return perf_counter_ns() - begin, results

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state[1].shutdown()
        expect(sorted(outcome) == list(range(self.count)), "futures were lost or came twice")
