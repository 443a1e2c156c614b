"""Rows of queues between processes: one body for the standard library's and ours.

Producers are forked, and put as fast as they can; the clock runs in the consumer.  Runs under the measured
interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import Any, Callable

from bench.cases import Case, NotOffered, expect

FORK = multiprocessing.get_context("fork")
WARM = 3  # objects before the clock starts


def forked(function: Callable[[], Any]) -> int:
    """Run the function in a child, and nothing else of this process; its pid."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    finally:
        os._exit(status)


def put_all(queue: Any, item: Any, n: int) -> None:
    for _ in range(n):
        queue.put(item)
    if hasattr(queue, "join_thread"):
        queue.close()
        queue.join_thread()


def reap(children: list[int]) -> list[int]:
    """Wait for the children; their exit statuses."""
    return [os.waitpid(child, 0)[1] for child in children]


def offered(module: Any, kind: str) -> Any:
    if not hasattr(module, kind):
        raise NotOffered(f"no {kind}")
    return getattr(module, kind)


class Stream(Case):
    """*producers* processes put, this one gets; per object."""

    kind = "Queue"
    item: Any = None
    maxsize = 0
    producers = 1

    def __init__(
        self,
        name: str,
        item: Any,
        *,
        kind: str = "Queue",
        maxsize: int = 0,
        producers: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(name, equal_work=True, **options)
        self.item, self.kind, self.maxsize, self.producers = item, kind, maxsize, producers

    def setup(self, module: Any) -> Any:
        arguments = () if self.kind == "SimpleQueue" else (self.maxsize,)
        return offered(module, self.kind)(*arguments, ctx=FORK), self.object()

    def object(self) -> Any:
        return self.item

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        queue, item = state
        each = -(-n // self.producers)
        children = [forked(lambda: put_all(queue, item, each + WARM)) for _ in range(self.producers)]
        get = queue.get
        for _ in range(WARM):
            got = get()
        begin = time.perf_counter_ns()
        for _ in range(each * self.producers):
            got = get()
        elapsed = time.perf_counter_ns() - begin
        for _ in range(WARM * (self.producers - 1)):
            get()
        return elapsed * n // (each * self.producers), (got, reap(children))

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        got, statuses = outcome
        expect(not any(statuses), f"producers ended with {statuses}")
        expect(self.same(got, state[1]), f"got {got!r:.80}")
        expect(state[0].empty(), "more arrived than was put")

    def same(self, got: Any, item: Any) -> bool:
        return bool(got == item)


class Arrays(Stream):
    """numpy arrays of so many bytes, eight at most under way."""

    def __init__(self, name: str, size: int, **options: Any) -> None:
        super().__init__(name, size, maxsize=8, **options)

    def object(self) -> Any:
        try:
            import numpy
        except ImportError:
            raise NotOffered("numpy is not installed") from None
        return numpy.random.default_rng(1).random(self.item // 8)

    def same(self, got: Any, item: Any) -> bool:
        return bool((got == item).all())


class RoundTrip(Case):
    """An int there and back, with both processes on one CPU or each on its own."""

    kind = "Queue"

    def __init__(self, name: str, cpus: int, *, kind: str = "Queue") -> None:
        super().__init__(name, equal_work=True)
        self.cpus, self.kind = cpus, kind

    def unavailable(self) -> str | None:
        if len(os.sched_getaffinity(0)) < self.cpus:
            return f"needs {self.cpus} CPUs"
        return super().unavailable()

    def setup(self, module: Any) -> Any:
        return [offered(module, self.kind)(ctx=FORK) for _ in range(2)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        there, back = state
        allowed = os.sched_getaffinity(0)
        mine, others = sorted(allowed)[0], sorted(allowed)[self.cpus - 1]

        def echo() -> None:
            os.sched_setaffinity(0, {others})
            for _ in range(n + WARM):
                back.put(there.get())
            put_all(back, None, 0)

        child = forked(echo)
        os.sched_setaffinity(0, {mine})
        try:
            for number in range(WARM):
                there.put(number)
                back.get()
            begin = time.perf_counter_ns()
            for number in range(n):
                there.put(number)
                got = back.get()
            elapsed = time.perf_counter_ns() - begin
        finally:
            os.sched_setaffinity(0, allowed)
        return elapsed, (got, reap([child]))

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == (n - 1, [0]), f"last object and status: {outcome}")


class Working(Stream):
    """10 microseconds of work for each object, on both sides: what is left of the difference."""

    def __init__(self, name: str) -> None:
        super().__init__(name, (1, "abc", 2.5))

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        queue, item = state

        def produce() -> None:
            for _ in range(n):
                work()
                queue.put(item)
            put_all(queue, item, 0)

        child = forked(produce)
        begin = time.perf_counter_ns()
        for _ in range(n):
            got = queue.get()
            work()
        return time.perf_counter_ns() - begin, (got, reap([child]))


def work() -> None:
    end = time.perf_counter_ns() + 10_000
    while time.perf_counter_ns() < end:
        pass
