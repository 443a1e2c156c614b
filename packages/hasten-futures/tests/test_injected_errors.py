"""An exception at any Python line of a pool's methods leaves nothing stuck.

Over the standard library the lines are those of the program alone (callbacks, iterables, functions): its own
are not promised to stand an interrupt, ours are.  Each action is followed by its invariants: what it used
still works, no future is left pending, and no thread runs on.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from support.injection import WAYS, Injected, at_each_line
from support.tasks import until

LIMIT = 4.0  # seconds after which an operation counts as stuck
# One error in each way is enough over the standard library, and in the second way over ours.
ERRORS = {"settrace": [KeyboardInterrupt, MemoryError, Injected], "monitoring": [Injected]}


def in_time(function: Callable[..., Any], *args: Any) -> Any:
    """Its result; that it takes longer than LIMIT fails.  The interpreter's own threads see to that."""
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(function(*args)), daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), f"{function} is stuck"
    assert result, f"{function} failed"
    return result[0]


class Case:
    """An action that may be interrupted anywhere, and what must hold after it."""

    def __init__(self, impl: ModuleType) -> None:
        self.impl = impl
        self.futures: list[Any] = []
        self.pool: Any = None
        self.gate = threading.Event()
        self.prepare()

    def make_pool(self, workers: int = 2, **options: Any) -> Any:
        return self.impl.ThreadPoolExecutor(workers, **options)

    def prepare(self) -> None:
        """Once, before the first action."""

    def act(self) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Once, after the last action."""

    def start_over(self) -> None:
        self.pool, self.gate = None, threading.Event()

    def nothing_pends(self) -> None:
        for future in self.futures:
            in_time(ended, future)
        self.futures = []

    @staticmethod
    def works(pool: Any) -> None:
        futures = [pool.submit(pow, number, 2) for number in range(4)]
        assert [future.result(LIMIT) for future in futures] == [0, 1, 4, 9]

    @staticmethod
    def can_be_closed(pool: Any) -> None:
        # Without a GIL a worker whose start() was interrupted may not have begun: it could not be joined yet
        until(lambda: all(thread._started.is_set() for thread in pool._threads))
        in_time(pool.shutdown)
        assert not [thread for thread in pool._threads if thread.is_alive()]


def ended(future: Any) -> bool:
    return bool(future.cancelled() or future.exception(LIMIT) or True)


class SubmitToTheSamePool(Case):
    def prepare(self) -> None:
        self.pool = self.make_pool()

    def act(self) -> None:
        self.futures.append(self.pool.submit(self.work))
        assert self.futures[-1].result(LIMIT) == 1

    def work(self) -> int:
        return 1

    def check(self) -> None:
        self.nothing_pends()
        self.works(self.pool)

    def close(self) -> None:
        self.can_be_closed(self.pool)


class SubmitToANewPool(Case):
    """Each submit() starts a worker."""

    workers = 3
    options: dict[str, Any] = {}

    def act(self) -> None:
        self.pool = self.make_pool(self.workers, **self.options)
        for _ in range(self.workers + 1):
            self.futures.append(self.pool.submit(self.gate.wait, LIMIT))
        self.gate.set()

    def check(self) -> None:
        self.gate.set()
        if self.pool is not None:
            self.nothing_pends()
            self.works(self.pool)
            self.can_be_closed(self.pool)
        self.start_over()


class WithAnInitializer(SubmitToANewPool):
    options = {"initializer": int, "thread_name_prefix": "named"}


class WithAnotherQueue(SubmitToANewPool):
    """The bounded pool: the program has put its queue in place of the pool's."""

    workers = 2

    def make_pool(self, workers: int = 2, **options: Any) -> Any:
        pool = super().make_pool(workers, **options)
        pool._work_queue = queue.Queue(maxsize=8)
        return pool


class WithItsOwnAdjust(SubmitToANewPool):
    """A program that counts the workers in an overridden method."""

    def make_pool(self, workers: int = 2, **options: Any) -> Any:
        class Pool(self.impl.ThreadPoolExecutor):  # type: ignore[misc,name-defined]
            def _adjust_thread_count(self) -> None:
                super()._adjust_thread_count()

        return Pool(workers, **options)


class Shutdown(Case):
    """Futures that wait are cancelled or run; their callbacks are lines of the program's."""

    options: dict[str, Any] = {}

    def act(self) -> None:
        self.pool = self.make_pool(1)
        self.futures.append(self.pool.submit(self.gate.wait, LIMIT))
        for _ in range(3):
            future = self.pool.submit(int)
            self.futures.append(future)
            future.add_done_callback(self.called)
        self.end()

    def end(self) -> None:
        threading.Timer(0.001, self.gate.set).start()
        self.pool.shutdown(**self.options)

    def called(self, future: Any) -> None:
        assert future.done()

    def check(self) -> None:
        self.gate.set()
        if self.pool is not None:
            self.can_be_closed(self.pool)
            self.nothing_pends()
            with pytest.raises(RuntimeError):
                self.pool.submit(int)
        self.start_over()


class ShutdownThatCancels(Shutdown):
    options = {"cancel_futures": True}


class ShutdownWithoutWaiting(Shutdown):
    options = {"wait": False, "cancel_futures": True}


class LeaveTheWith(Shutdown):
    def end(self) -> None:
        threading.Timer(0.001, self.gate.set).start()
        with self.pool:
            self.futures.append(self.pool.submit(int))


class ShutdownOfAnotherQueue(ShutdownThatCancels):
    def make_pool(self, workers: int = 2, **options: Any) -> Any:
        pool = super().make_pool(workers, **options)
        pool._work_queue = queue.SimpleQueue()
        return pool


class ShutdownInTime(Shutdown):
    """shutdown(timeout=), which the standard library does not have."""

    options = {"timeout": LIMIT}


class Map(Case):
    options: dict[str, Any] = {}

    def prepare(self) -> None:
        self.pool = self.make_pool()

    def act(self) -> None:
        results = self.pool.map(self.work, self.numbers(), timeout=LIMIT, **self.options)
        assert list(results) == [0, 1, 4, 9, 16]

    def numbers(self) -> Iterator[int]:
        yield 0
        yield from range(1, 5)

    def work(self, number: int) -> int:
        return number * number

    def check(self) -> None:
        self.works(self.pool)
        assert in_time(lambda: list(self.pool.map(self.work, range(3)))) == [0, 1, 4]

    def close(self) -> None:
        self.can_be_closed(self.pool)


class MapWithABuffer(Map):
    options = {"buffersize": 2}


class MapWithProgress(Map):
    def act(self) -> None:
        self.told: list[int] = []
        self.options = {"progress": self.tell}
        super().act()
        # Where a worker is so fast that callbacks run in this thread, an error may stand in for one call:
        # it is logged as the function's own.
        assert set(self.told) <= {1, 2, 3, 4, 5}
        assert len(self.told) >= 4
        assert self.told == sorted(self.told)

    def tell(self, done: int, total: int) -> None:
        self.told.append(done)

    def close(self) -> None:
        self.act()
        assert self.told == [1, 2, 3, 4, 5]
        super().close()


class WaitForSeveral(Case):
    def prepare(self) -> None:
        self.pool = self.make_pool()

    def act(self) -> None:
        futures = [self.pool.submit(pow, 2, 2) for _ in range(3)]
        self.futures += futures
        assert self.impl.wait(self.one_by_one(futures), LIMIT).done == set(futures)
        assert set(self.impl.as_completed(self.one_by_one(futures), LIMIT)) == set(futures)

    def one_by_one(self, futures: list[Any]) -> Iterator[Any]:
        yield futures[0]
        yield from futures[1:]

    def check(self) -> None:
        for future in self.futures:
            assert in_time(lambda f=future: f.result(LIMIT)) == 4  # type: ignore[misc]
            assert not future._waiters
        self.futures = []

    def close(self) -> None:
        self.can_be_closed(self.pool)


OURS = [ShutdownInTime, MapWithABuffer, MapWithProgress]
BOTH = [
    SubmitToTheSamePool,
    SubmitToANewPool,
    WithAnInitializer,
    WithAnotherQueue,
    WithItsOwnAdjust,
    Shutdown,
    ShutdownThatCancels,
    ShutdownWithoutWaiting,
    LeaveTheWith,
    ShutdownOfAnotherQueue,
    Map,
    WaitForSeveral,
]
# Shutting down takes what a callback raises less well in the standard library.
TOO_MUCH_FOR_THE_STDLIB = [
    Shutdown,
    ShutdownThatCancels,
    ShutdownWithoutWaiting,
    LeaveTheWith,
    ShutdownOfAnotherQueue,
]


def files_of(impl: ModuleType) -> list[str]:
    """This file, and for our side all of hasten's Python."""
    if impl is concurrent.futures:
        return [__file__]
    names = ("futures", "threading", "_thread")
    folders = [os.path.dirname(importlib.import_module(f"hasten.{name}").__file__ or "") for name in names]
    return [__file__, *(os.path.join(folder, "") for folder in folders)]


@pytest.mark.parametrize(
    "kind",
    [*BOTH, *(pytest.param(kind, marks=pytest.mark.ours) for kind in OURS)],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize(("way", "error"), [(way, error) for way in sorted(WAYS) for error in ERRORS[way]])
def test_at_each_line(kind: type[Case], error: Any, way: str, impl: ModuleType) -> None:
    if impl is concurrent.futures and (error is not Injected or kind in TOO_MUCH_FOR_THE_STDLIB):
        pytest.skip("not promised by the standard library, or one error is enough to validate the test")
    case = kind(impl)
    places = []
    for place in at_each_line(case.act, error, files_of(impl), way):
        places.append(place)
        try:
            case.check()
        except BaseException as failure:
            raise AssertionError(f"after {error.__name__} at {place}: {failure!r}") from failure
    case.check()  # after the run that was not interrupted
    case.close()
    assert places


@pytest.mark.ours
@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_call_that_counted_on_a_worker_that_could_not_be_started(impl, again, error, make_pool):
    """Another call was submitted while the only worker was being started: it is made, or it fails."""
    inner = []

    class Pool(impl.ThreadPoolExecutor):
        tries = 0

        def _start_worker(self, reference):
            self.tries += 1
            if self.tries == 1:
                inner.append(self.submit(pow, 2, 3))
            if self.tries <= 2 or not again:
                raise error("no more threads" if self.tries != 2 else "nor now")

    class Nested(Pool):
        def _start_worker(self, reference):
            super()._start_worker(reference)
            impl.ThreadPoolExecutor._start_worker(self, reference)

    pool = Nested(4)
    outer = None
    try:
        outer = pool.submit(int)
    except error:
        pass
    if inner:
        if again:
            assert inner[0].result(LIMIT) == 8
        else:
            assert isinstance(inner[0].exception(LIMIT), RuntimeError)
    assert outer is None or outer.result(LIMIT) == 0
    pool.shutdown()
