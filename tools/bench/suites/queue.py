"""Rows of `queue`: what a put and a get cost alone, between threads, and when they have to wait."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter_ns
from typing import Any, Callable

from stress.queue_soak import soak

from bench.cases import Case, NotMeasurable, NotOffered, Suite, expect, module, placed
from bench.peers import QUEUES
from bench.racing import Race, race

BATCH = 100


@lru_cache(maxsize=4)
def numbers(n: int) -> list[int]:
    """Items that exist before the clock starts."""
    return list(range(n))


@lru_cache(maxsize=2)
def shuffled(n: int) -> list[int]:
    """The same items in an order that is no order, the same in every run."""
    return random.Random(n).sample(range(n), n)


def make(source: Any, kind: str, *arguments: Any) -> Any:
    """A queue of this kind, if the implementation has it."""
    try:
        return getattr(source, kind)(*arguments)
    except (AttributeError, TypeError) as error:
        raise NotOffered(f"no {kind}{arguments}") from error


def expect_empty(queue: Any) -> None:
    expect(queue.empty() and queue.qsize() == 0, f"{queue.qsize()} items left in the queue")


@dataclass
class OneThread(Case):
    """put and get in turn. The loop keeps the last item only, so verify() sends more through and looks at
    each.
    """

    kind: str = "Queue"

    def setup(self, module: Any) -> Any:
        return make(module, self.kind)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = numbers(n)
        queue, last = state, None
        begin = perf_counter_ns()
        for item in items:
            queue.put(item)
            last = queue.get()
        return perf_counter_ns() - begin, last

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == n - 1, f"the last item was {outcome!r}, not {n - 1}")
        expect_empty(state)
        sent = shuffled(200)
        for item in sent:
            state.put(item)
        got = [state.get() for _ in sent]
        order = {"LifoQueue": sent[::-1], "PriorityQueue": sorted(sent)}
        expect(got == order.get(self.kind, sent), f"{self.kind} changed the order or the items")
        expect_empty(state)


@dataclass
class NoWait(OneThread):
    """put_nowait and get_nowait in turn."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = numbers(n)
        queue, last = state, None
        begin = perf_counter_ns()
        for item in items:
            queue.put_nowait(item)
            last = queue.get_nowait()
        return perf_counter_ns() - begin, last


@dataclass
class TaskDone(OneThread):
    """The whole protocol for one item: put, get, task_done, join."""

    def setup(self, module: Any) -> Any:
        queue = make(module, self.kind)
        if not hasattr(queue, "task_done"):
            raise NotOffered("no task_done")
        return queue

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = numbers(n)
        queue, last = state, None
        begin = perf_counter_ns()
        for item in items:
            queue.put(item)
            last = queue.get()
            queue.task_done()
            queue.join()
        return perf_counter_ns() - begin, last


@dataclass
class Hooked(OneThread):
    """A subclass that stores its items itself, through the four documented hooks, in Python."""

    def setup(self, module: Any) -> Any:
        if not hasattr(module.Queue, "_init"):
            raise NotOffered("no hooks to override")

        class Stack(module.Queue):
            def _init(self, maxsize: int) -> None:
                self.items: deque[Any] = deque()

            def _qsize(self) -> int:
                return len(self.items)

            def _put(self, item: Any) -> None:
                self.items.append(item)

            def _get(self) -> Any:
                return self.items.popleft()

        return Stack()


@dataclass
class Create(Case):
    """A new queue, dropped at once."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        cls, last = make_class(state), None
        turns = numbers(n)
        begin = perf_counter_ns()
        for _ in turns:
            last = cls()
        return perf_counter_ns() - begin, last

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        outcome.put("item")
        expect(outcome.get() == "item", "a new queue does not work")
        expect_empty(outcome)


def make_class(source: Any) -> Any:
    """The class Queue itself; a peer whose queue comes from a function has no comparable creation."""
    if not isinstance(source.Queue, type):
        raise NotOffered("its queue is part of a larger object")
    return source.Queue


@dataclass
class Drain(Case):
    """A priority queue with a thousand items: filled in random order, then emptied, again and again."""

    depth: int = 1000

    def setup(self, module: Any) -> Any:
        return make(module, "PriorityQueue")

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = shuffled(self.depth)
        queue, drained = state, []
        begin = perf_counter_ns()
        for _ in range(max(1, n // self.depth)):
            for item in items:
                queue.put(item)
            drained.append([queue.get() for _ in items])
        return perf_counter_ns() - begin, drained

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / (len(outcome) * self.depth)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(all(got == numbers(self.depth) for got in outcome), "items came out unsorted, or others")
        expect_empty(state)


@dataclass
class Batches(Case):
    """Items in hundreds, with put_many and get_many where there are such, else one by one in a loop."""

    def setup(self, module: Any) -> Any:
        return make(module, "Queue")

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        items = numbers(max(1, n // BATCH) * BATCH)
        batches = [items[at : at + BATCH] for at in range(0, len(items), BATCH)]
        steps = many if hasattr(state, "put_many") else one_by_one
        begin = perf_counter_ns()
        got = steps(state, batches)
        return perf_counter_ns() - begin, got

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / (len(outcome) * BATCH)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        got = [item for batch in outcome for item in batch]
        expect(got == numbers(max(1, n // BATCH) * BATCH), "batches lost, doubled or reordered items")
        expect_empty(state)


def many(queue: Any, batches: list[list[int]]) -> list[list[int]]:
    got = []
    for batch in batches:
        queue.put_many(batch)
        got.append(queue.get_many(BATCH))
    return got


def one_by_one(queue: Any, batches: list[list[int]]) -> list[list[int]]:
    got = []
    for batch in batches:
        for item in batch:
            queue.put(item)
        got.append([queue.get() for _ in batch])
    return got


@dataclass
class Crowd(Case):
    """Producers and consumers on one queue; an operation is one item handed over."""

    sides: int = 1
    maxsize: int = 0
    equal_work: bool = True

    def setup(self, module: Any) -> Any:
        return make(module, "Queue", *([self.maxsize] if self.maxsize else []))

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        share = max(1, n // self.sides)
        outcome = race(
            [
                producer(state, numbers(share * self.sides)[k * share : (k + 1) * share])
                for k in range(self.sides)
            ]
            + [consumer(state, share) for _ in range(self.sides)]
        )
        return outcome.elapsed, outcome

    def value(self, elapsed: int, n: int, outcome: Race) -> float:
        return elapsed / (max(1, n // self.sides) * self.sides)

    def verify(self, state: Any, n: int, outcome: Race) -> None:
        share = max(1, n // self.sides)
        consumed = outcome.results[self.sides :]
        expect(
            sorted(item for got in consumed for item in got) == numbers(share * self.sides),
            "items lost or doubled",
        )
        for got in consumed:
            newest = [-1] * self.sides
            for item in got:
                expect(item > newest[item // share], "items of one producer overtook each other")
                newest[item // share] = item
        expect_empty(state)


def producer(queue: Any, items: list[int]) -> Callable[[], None]:
    def body() -> None:
        for item in items:
            queue.put(item)

    return body


def consumer(queue: Any, count: int) -> Callable[[], list[int]]:
    return lambda: [queue.get() for _ in range(count)]


@dataclass
class PingPong(Case):
    """Two threads that wait for each other over two queues; an operation is one round trip."""

    equal_work: bool = True

    def setup(self, module: Any) -> Any:
        return make(module, "Queue"), make(module, "Queue")

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        there, back = state
        turns = numbers(n)

        def ask() -> list[int]:
            got = []
            for turn in turns:
                there.put(turn)
                got.append(back.get())
            return got

        def echo() -> None:
            for _ in turns:
                back.put(there.get())

        outcome = race([ask, echo])
        return outcome.elapsed, outcome.results[0]

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == numbers(n), "an answer was lost or came out of turn")
        for queue in state:
            expect_empty(queue)


@dataclass
class Scaling(Case):
    """Throughput of two threads, each on a queue of its own, over that of one thread: 2.0 is perfect.

    Taken from the first start to the last end, and only where the threads really ran at the same time:
    threads that took turns on a busy machine would each look as fast as alone.
    """

    factor: bool = True
    free_threaded_only: bool = True
    overlap: float = 0.9

    def setup(self, module: Any) -> Any:
        return [make(module, "Queue") for _ in range(3)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        alone = race([back_and_forth(state[0], n)])
        together = race([back_and_forth(queue, n) for queue in state[1:]])
        return alone.elapsed, (alone, together)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        alone, together = outcome
        if together.overlap < self.overlap:
            raise NotMeasurable(f"the threads overlapped for {together.overlap:.0%} of the time only")
        return 2 * alone.elapsed / together.elapsed

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        for result in [*outcome[0].results, *outcome[1].results]:
            expect(result == n - 1, f"the last item was {result!r}, not {n - 1}")
        for queue in state:
            expect_empty(queue)


def back_and_forth(queue: Any, n: int) -> Callable[[], Any]:
    items = numbers(n)

    def body() -> Any:
        last = None
        for item in items:
            queue.put(item)
            last = queue.get()
        return last

    return body


SUITE = Suite(
    name="queue",
    about=(
        "`SimpleQueue` is C in the standard library, too.  In *unpinned* rows the kernel's wake-up rules "
        "the time, and the ratio moves from run to run."
    ),
    implementations=(module("stdlib", "queue"), module("hasten", "hasten.queue"), *QUEUES),
    cases=(
        OneThread("put + get, one thread"),
        NoWait("put_nowait + get_nowait"),
        TaskDone("put, get, task_done, join"),
        OneThread("LifoQueue put + get", kind="LifoQueue"),
        OneThread("PriorityQueue put + get", kind="PriorityQueue"),
        Drain("PriorityQueue, 1000 waiting"),
        OneThread("SimpleQueue put + get", kind="SimpleQueue"),
        Batches("put_many + get_many, per item"),
        Hooked("subclass with hooks"),
        Create("new Queue()"),
        Crowd("1 -> 1, unbounded"),
        Crowd("4 -> 4, unbounded", sides=4),
        *placed(Crowd, "1 -> 1, maxsize 10", maxsize=10),
        *placed(Crowd, "4 -> 4, maxsize 10", maxsize=10, sides=4),
        *placed(PingPong, "ping-pong"),
        Scaling("two threads, own queues"),
    ),
    soak=soak,
)
