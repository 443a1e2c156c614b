"""Pools of threads as the rows of `futures` use them, whoever makes them.

A pool has those of these ways that it offers. Each calls a function once for every item, by the pool's
threads, and returns the nanoseconds that took and the results in order:

    one_by_one(function, items)    the next item goes in when the result of the one before is there
    all_at_once(function, items)   all items go in, then all results are collected
    mapped(function, items)        the pool's own map

`most` is the number of items a sample may have at most: peers that take a hundred times longer for each get
fewer. Left out: gevent and eventlet, whose pools run no threads.
"""

from __future__ import annotations

from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, Callable

from bench.cases import Implementation, NotOffered

Timed = tuple  # of nanoseconds and the results; tuple[int, list] is no run-time expression on 3.9
Function = Callable[[Any], Any]
FEW = 2000


class FuturesPool:
    """An executor of concurrent.futures, or one that looks like it."""

    most = 10**9

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.submit = executor.submit

    def one_by_one(self, function: Function, items: list[Any]) -> Timed:
        submit = self.submit
        begin = perf_counter_ns()
        results = [submit(function, item).result() for item in items]
        return perf_counter_ns() - begin, results

    def all_at_once(self, function: Function, items: list[Any]) -> Timed:
        submit = self.submit
        begin = perf_counter_ns()
        futures = [submit(function, item) for item in items]
        results = [future.result() for future in futures]
        return perf_counter_ns() - begin, results

    def mapped(self, function: Function, items: list[Any]) -> Timed:
        begin = perf_counter_ns()
        results = list(self.executor.map(function, items))
        return perf_counter_ns() - begin, results

    def close(self) -> None:
        self.executor.shutdown()


class PebblePool(FuturesPool):
    """Its futures are those of concurrent.futures; its map gives one future for all."""

    most = FEW

    def __init__(self, workers: int) -> None:
        import pebble

        self.executor = pebble.ThreadPool(max_workers=workers)
        self.submit = lambda function, item: self.executor.schedule(function, args=(item,))

    def mapped(self, function: Function, items: list[Any]) -> Timed:
        begin = perf_counter_ns()
        results = list(self.executor.map(function, items).result())
        return perf_counter_ns() - begin, results

    def close(self) -> None:
        self.executor.close()
        self.executor.join()


class JoblibPool:
    """Parallel with threads: it knows maps only."""

    most = FEW

    def __init__(self, workers: int) -> None:
        import joblib

        self.delayed = joblib.delayed
        self.parallel = joblib.Parallel(n_jobs=workers, backend="threading")
        self.parallel.__enter__()

    def mapped(self, function: Function, items: list[Any]) -> Timed:
        begin = perf_counter_ns()
        results = self.parallel(self.delayed(function)(item) for item in items)
        return perf_counter_ns() - begin, results

    def close(self) -> None:
        self.parallel.__exit__(None, None, None)


class LoopPool:
    """The threads beside an event loop. The clock runs inside the loop: its start is not counted.

    run(body) runs a coroutine function in a new loop; call(function, item) waits for a thread; group() is a
    scope that ends when all that were started in it have.
    """

    most = FEW

    def __init__(self, run: Any, call: Any, group: Any) -> None:
        self.run, self.call, self.group = run, call, group

    def one_by_one(self, function: Function, items: list[Any]) -> Timed:
        async def body() -> Timed:
            begin = perf_counter_ns()
            results = [await self.call(function, item) for item in items]
            return perf_counter_ns() - begin, results

        return self.run(body)

    def all_at_once(self, function: Function, items: list[Any]) -> Timed:
        results: list[Any] = [None] * len(items)

        async def one(place: int, item: Any) -> None:
            results[place] = await self.call(function, item)

        async def body() -> Timed:
            begin = perf_counter_ns()
            async with self.group() as group:
                for place, item in enumerate(items):
                    group.start_soon(one, place, item)
            return perf_counter_ns() - begin, results

        return self.run(body)

    def close(self) -> None:
        """Nothing to do: a loop ends with its run(), and its threads by themselves."""


def anyio_pool(workers: int) -> LoopPool:
    import anyio
    import anyio.to_thread

    limiters: dict[Any, Any] = {}

    def run(body: Any) -> Any:
        limiters.clear()  # one belongs to its loop
        return anyio.run(body)

    async def call(function: Function, item: Any) -> Any:
        if not limiters:
            limiters[0] = anyio.CapacityLimiter(workers)
        return await anyio.to_thread.run_sync(function, item, limiter=limiters[0])

    return LoopPool(run, call, anyio.create_task_group)


def trio_pool(workers: int) -> LoopPool:
    import trio

    limiter = trio.CapacityLimiter(workers)

    async def call(function: Function, item: Any) -> Any:
        return await trio.to_thread.run_sync(function, item, limiter=limiter)

    return LoopPool(trio.run, call, trio.open_nursery)


def peer(name: str, package: str, make: Callable[[int], Any]) -> Implementation:
    """An implementation that offers pools only."""

    def load() -> Any:
        __import__(package)
        return SimpleNamespace(pool=make)

    return Implementation(name, load)


def pool_of(module: Any, workers: int, way: str) -> Any:
    """A pool of so many threads, if the implementation has one with this way to use it."""
    own = getattr(module, "pool", None)
    pool = own(workers) if own else FuturesPool(module.ThreadPoolExecutor(workers))
    if not hasattr(pool, way):
        pool.close()
        raise NotOffered(f"its pool knows no {way}")
    return pool


POOLS = (
    peer("joblib", "joblib", JoblibPool),
    peer("pebble", "pebble", PebblePool),
    peer("anyio", "anyio", anyio_pool),
    peer("trio", "trio", trio_pool),
)
