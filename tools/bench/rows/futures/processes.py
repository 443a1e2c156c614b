"""Rows of `process_pool`: what a call costs in a pool of processes, in crowds, alone, and with large data.

The workers are started before the clock, but for the row of the first result.  Runs under the measured
interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import importlib
import multiprocessing
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, NotOffered, expect
from bench.own_program import OwnProgram
from bench.rows.futures.pools import same

FORK = multiprocessing.get_context("fork")


FEW = 2_000  # calls of a sample of what takes a hundred times longer for each


class PoolAsExecutor:
    """multiprocessing's Pool by the names of an executor."""

    def __init__(self, workers: int) -> None:
        self.pool = FORK.Pool(workers)
        self.map = self.pool.map

    def submit(self, function: Any, item: Any) -> Any:
        handle: Any = self.pool.apply_async(function, (item,))
        handle.result = handle.get
        return handle

    def shutdown(self) -> None:
        self.pool.terminate()
        self.pool.join()


def new_executor(module: Any, workers: int) -> Any:
    """An executor of a module, or what stands for one, with all of its workers at work."""
    if module is multiprocessing:
        return warm(PoolAsExecutor(workers), workers)
    if module.__name__ == "loky":  # its third argument is another one
        return warm(module.ProcessPoolExecutor(workers), workers)
    return warm(module.ProcessPoolExecutor(workers, FORK), workers)


def warm(executor: Any, workers: int) -> Any:
    """The executor, with all of its workers at work."""
    list(executor.map(same, range(20 * workers)))
    return executor


@dataclass
class Calls(Case):
    """*count* calls that do nothing; per call.

    way: "all_at_once" submits all and then collects the results, "in_order_of_end" takes them by
    as_completed(), "mapped" by the executor's map().
    """

    count: int = 20_000
    workers: int = 2
    way: str = "all_at_once"

    def setup(self, module: Any) -> Any:
        if module is multiprocessing and self.way != "all_at_once":
            raise NotOffered("it has no futures")
        return module, new_executor(module, self.workers)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        module, executor = state
        items = range(FEW if module.__name__ == "loky" else self.count)
        begin = perf_counter_ns()
        results = getattr(self, self.way)(module, executor, items)
        return perf_counter_ns() - begin, results

    @staticmethod
    def all_at_once(module: Any, executor: Any, items: Any) -> list[Any]:
        futures = [executor.submit(same, item) for item in items]
        return [future.result() for future in futures]

    @staticmethod
    def in_order_of_end(module: Any, executor: Any, items: Any) -> list[Any]:
        futures = [executor.submit(same, item) for item in items]
        return [future.result() for future in module.as_completed(futures)]

    @staticmethod
    def mapped(module: Any, executor: Any, items: Any) -> list[Any]:
        return list(executor.map(same, items))

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state[1].shutdown()
        got = sorted(outcome) if self.way == "in_order_of_end" else outcome
        expected = FEW if state[0].__name__ == "loky" else self.count
        expect(got == list(range(expected)), "results lost, doubled or out of order")


@dataclass
class OneByOne(Case):
    """submit().result(): one call at a time, with an argument and a result of *size* bytes, or a number."""

    size: int = 0
    equal_work: bool = True

    def setup(self, module: Any) -> Any:
        return new_executor(module, 1), bytes(self.size) if self.size else 7

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        executor, argument = state
        count = 0
        begin = perf_counter_ns()
        for _ in range(n):
            count += executor.submit(same, argument).result() == argument
        return perf_counter_ns() - begin, count

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state[0].shutdown()
        expect(outcome == n, f"{n - outcome} of {n} results are wrong")


@dataclass
class Reused(Case):
    """An executor that is there already, with its workers, and the result of one call.

    Of loky it is what get_reusable_executor() gives; of the others one that the program keeps.
    """

    equal_work: bool = True

    def setup(self, module: Any) -> Any:
        if hasattr(module, "get_reusable_executor"):
            warm(module.get_reusable_executor(1), 1)
            return lambda: module.get_reusable_executor(1)
        kept = new_executor(module, 1)
        return lambda: kept

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        total = 0
        begin = perf_counter_ns()
        for number in range(n):
            total += state().submit(same, number).result()
        return perf_counter_ns() - begin, total

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state().shutdown()
        expect(outcome == n * (n - 1) // 2, "results are wrong")


@dataclass
class Arrays(OneByOne):
    """The same with a numpy array of *size* bytes."""

    def setup(self, module: Any) -> Any:
        try:
            numpy = importlib.import_module("numpy")
        except ImportError:
            raise NotOffered("numpy is not installed") from None
        return new_executor(module, 1), numpy.arange(self.size // 8, dtype="f8")

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        executor, argument = state
        results: list[Any] = []
        begin = perf_counter_ns()
        for _ in range(n):
            results[:] = [executor.submit(same, argument).result()]
        elapsed = perf_counter_ns() - begin
        return elapsed, n if bool((results[0] == argument).all()) else 0


@dataclass
class FirstResult(OwnProgram):
    """From the making of an executor to the first result, by the start method *method*."""

    program = "first_result.py"
    steps: int = 4
    method: str = "spawn"
    most_rounds: int = 20
    equal_work: bool = True

    def words(self, module: Any) -> list[str]:
        if not hasattr(module, "ProcessPoolExecutor") or module.__name__ == "loky":
            raise NotOffered("it is not made with a context of multiprocessing")
        ours = module.__name__.startswith("hasten")
        return [module.__name__, "hasten.multiprocessing" if ours else "multiprocessing", self.method]
