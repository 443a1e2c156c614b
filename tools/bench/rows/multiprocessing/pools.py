"""Rows of `pool`: what a call costs in multiprocessing's Pool and ThreadPool.

The workers are started before the clock.  Runs under the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, NotOffered, expect
from bench.rows.futures.pools import same

WORKERS = 2


def new_pool(module: Any, threads: bool) -> Any:
    """A pool of forked processes or of threads, with all of its workers at work."""
    if threads:
        pool = importlib.import_module(f"{module.__name__}.pool").ThreadPool(WORKERS)
    else:
        pool = module.get_context("fork").Pool(WORKERS)
    pool.map(same, range(20 * WORKERS), 1)
    return pool


@dataclass
class PoolCalls(Case):
    """*count* calls that do nothing; per call.

    way: "all_at_once" is apply_async() and then get(), "one_by_one" imap() with chunks of 1, "mapped" map()
    with chunks of its own size.
    """

    count: int = 20_000
    way: str = "all_at_once"
    threads: bool = False

    def setup(self, module: Any) -> Any:
        return new_pool(module, self.threads)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = range(self.count)
        begin = perf_counter_ns()
        results = getattr(self, self.way)(state, items)
        return perf_counter_ns() - begin, results

    @staticmethod
    def all_at_once(pool: Any, items: Any) -> list[Any]:
        handles = [pool.apply_async(same, (item,)) for item in items]
        return [handle.get() for handle in handles]

    @staticmethod
    def one_by_one(pool: Any, items: Any) -> list[Any]:
        return list(pool.imap(same, items))

    @staticmethod
    def mapped(pool: Any, items: Any) -> list[Any]:
        results: list[Any] = pool.map(same, items)
        return results

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        state.terminate()
        state.join()
        expect(outcome == list(range(self.count)), "results lost, doubled or out of order")


@dataclass
class PoolArrays(Case):
    """map() over numpy arrays of 1 MB, which come back; per array."""

    count: int = 20
    most_rounds: int = 20

    def setup(self, module: Any) -> Any:
        try:
            numpy = importlib.import_module("numpy")
        except ImportError:
            raise NotOffered("numpy is not installed") from None
        return new_pool(module, False), [numpy.full(1 << 17, number, "f8") for number in range(self.count)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        pool, arrays = state
        elapsed, results = 0, []
        for _ in range(n):
            begin = perf_counter_ns()
            results = pool.map(same, arrays)
            elapsed += perf_counter_ns() - begin
        return elapsed // self.count, results

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        pool, arrays = state
        pool.terminate()
        pool.join()
        expect(len(outcome) == len(arrays), "arrays lost")
        for sent, got in zip(arrays, outcome):
            expect(bool((sent == got).all()), "an array came back changed")
