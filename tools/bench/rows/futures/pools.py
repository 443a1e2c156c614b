"""Rows of `futures` with pools of threads: what a task costs, alone, in crowds, and beside real work."""

from __future__ import annotations

import _thread
import time
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter_ns
from typing import Any, Callable

from bench.cases import Case, NotOffered, expect
from bench.racing import race
from bench.rows.futures.peers import FuturesPool, pool_of

WORK = 10_000  # nanoseconds of a task that does something


def same(item: Any) -> Any:
    """A task that is nothing but a call, and whose result shows which call it was."""
    return item


def nap(item: Any) -> Any:
    time.sleep(0.0005)
    return item


@lru_cache(maxsize=1)
def some_work() -> range:
    """As many numbers as sum() needs WORK nanoseconds for in this interpreter."""
    trial = range(20_000)
    fastest = min(timed_sum(trial) for _ in range(20))
    return range(max(1, len(trial) * WORK // fastest))


def timed_sum(numbers: range) -> int:
    begin = perf_counter_ns()
    sum(numbers)
    return perf_counter_ns() - begin


def work(item: Any) -> Any:
    sum(some_work())
    return item


@dataclass
class Tasks(Case):
    """A fixed number of tasks, given to a pool in one of the ways that peers.py names.

    A sample is that many tasks, however many operations are asked for; a peer's has fewer where it would take
    minutes.
    """

    count: int = 100_000
    workers: int = 4
    way: str = "all_at_once"
    task: Callable[[Any], Any] = same

    def setup(self, module: Any) -> Any:
        pool = pool_of(module, self.workers, self.way)
        self.task(None)  # whatever a first call has to prepare
        return pool

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        elapsed, results = getattr(state, self.way)(self.task, list(range(min(self.count, state.most))))
        return elapsed, results

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state.close()
        expect(outcome == list(range(min(self.count, state.most))), "results lost, doubled or out of order")


@dataclass
class Latency(Tasks):
    """One task at a time, and its result is waited for: two switches between threads."""

    equal_work: bool = True
    workers: int = 1
    way: str = "one_by_one"

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        return state.one_by_one(same, list(range(n)))

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state.close()
        expect(outcome == list(range(n)), "a result was lost or came out of turn")


@dataclass
class SubmitAlone(Case):
    """submit() while the only worker is busy: the task goes into the queue, and nobody is to be woken."""

    count: int = 20_000

    def setup(self, module: Any) -> Any:
        if not hasattr(module, "ThreadPoolExecutor"):
            raise NotOffered("its submit is not to be had alone")
        executor = module.ThreadPoolExecutor(1)
        busy, started = _thread.allocate_lock(), _thread.allocate_lock()
        busy.acquire()
        started.acquire()

        def occupy() -> None:
            started.release()
            busy.acquire()

        executor.submit(occupy)
        started.acquire()
        return executor, busy

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        submit, items = state[0].submit, list(range(self.count))
        begin = perf_counter_ns()
        futures = [submit(same, item) for item in items]
        return perf_counter_ns() - begin, futures

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        executor, busy = state
        early = sum(future.done() for future in outcome)
        busy.release()
        results = [future.result() for future in outcome]
        executor.shutdown()
        expect(early == 0, f"{early} tasks were over while the worker was busy with another")
        expect(results == list(range(self.count)), "results lost, doubled or out of order")


@dataclass
class Submitters(Case):
    """Several threads that give tasks to one pool and collect the results, all at the same time."""

    count: int = 16_000
    submitters: int = 8
    workers: int = 4

    def setup(self, module: Any) -> Any:
        pool = pool_of(module, self.workers, "all_at_once")
        if not isinstance(pool, FuturesPool):
            raise NotOffered("its pool belongs to one thread")
        return pool

    def shares(self, state: Any) -> list[list[int]]:
        count = min(self.count, state.most)
        return [list(range(count))[first :: self.submitters] for first in range(self.submitters)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        def submitter(share: list[int]) -> Callable[[], Any]:
            return lambda: state.all_at_once(same, share)[1]

        outcome = race([submitter(share) for share in self.shares(state)])
        return outcome.elapsed, outcome.results

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / sum(map(len, outcome))

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state.close()
        expect(outcome == self.shares(state), "a thread got results that are not those of its tasks")
