"""An exception at any Python line, or from a signal handler, leaves nothing stuck.

Over the standard library the lines are those of the program alone (hooks, callbacks, targets): its own lines
are not promised to stand an interrupt, ours are.  Each action is followed by its invariants: what it used
still works, and no thread and no child is left.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from injection import WAYS, Injected, at_each_line, at_random_moments
from public_names import HASTEN, Side

LIMIT = 3.0  # seconds after which an operation counts as stuck
# One error in each way is enough over the standard library, and in the second way over ours
ERRORS = {"settrace": [KeyboardInterrupt, MemoryError, Injected], "monitoring": [Injected]}


class Case:
    """An action that may be interrupted anywhere, and what must hold after it."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.prepare()

    def module(self, name: str) -> Any:
        return self.side.module(f"hasten.{name}")

    def prepare(self) -> None:
        """Once, before the first action."""

    def act(self) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


def in_time(function: Callable[[], Any], what: str) -> Any:
    """Its result; that it takes longer than LIMIT fails.  The interpreter's own threads see to that."""
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(function()), daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), f"{what} is stuck"
    assert result, f"{what} failed"
    return result[0]


class StartAndJoin(Case):
    thread: Any = None

    def prepare(self) -> None:
        self.ran: list[int] = []

    def act(self) -> None:
        self.thread = None
        self.thread = self.module("threading").Thread(target=self.work)
        self.thread.start()
        self.thread.join()

    def work(self) -> None:
        self.ran.append(1)

    def check(self) -> None:
        if self.thread is not None and self.thread.ident is not None:
            in_time(lambda: (self.thread.join(), 1), "join() of an interrupted thread")
        after = self.module("threading").Thread(target=self.work)
        in_time(lambda: (after.start(), after.join()), "a new thread")
        assert self.module("threading").active_count() >= 1


class Submit(Case):
    def prepare(self) -> None:
        self.pool = self.module("futures").ThreadPoolExecutor(2)

    def act(self) -> None:
        self.pool.submit(self.work).result(LIMIT)

    def work(self) -> int:
        return 1

    def check(self) -> None:
        futures = [self.pool.submit(self.work) for _ in range(4)]
        assert [future.result(LIMIT) for future in futures] == [1] * 4

    def close(self) -> None:
        in_time(lambda: (self.pool.shutdown(), 1), "shutdown()")


class Shutdown(Case):
    """Futures that wait are cancelled or run; their callbacks are lines of the program's."""

    pool: Any = None
    gate: Any = None
    futures: list[Any] = []

    def act(self) -> None:
        self.pool = self.gate = None
        self.futures = []
        self.gate = threading.Event()
        self.pool = self.module("futures").ThreadPoolExecutor(1)
        self.futures.append(self.pool.submit(self.gate.wait, LIMIT))
        for _ in range(3):
            future = self.pool.submit(int)
            future.add_done_callback(self.called)
            self.futures.append(future)
        threading.Timer(0.001, self.gate.set).start()
        self.pool.shutdown(cancel_futures=True)

    def called(self, future: Any) -> None:
        assert future.done()

    def check(self) -> None:
        if self.gate is not None:
            self.gate.set()
        if self.pool is not None:
            in_time(lambda: (self.pool.shutdown(cancel_futures=True), 1), "a second shutdown()")
        for future in self.futures:
            in_time(lambda f=future: f.cancelled() or f.exception(LIMIT) is None, "a future of the pool")  # type: ignore[misc]


class QueueWithHooks(Case):
    def prepare(self) -> None:
        class Hooked(self.module("queue").Queue):  # type: ignore[misc]
            def _init(self, maxsize: int) -> None:
                self.items: list[Any] = []

            def _qsize(self) -> int:
                return len(self.items)

            def _put(self, item: Any) -> None:
                self.items.append(item)

            def _get(self) -> Any:
                return self.items.pop()

        self.queue = Hooked(maxsize=3)

    def act(self) -> None:
        self.queue.put(1)
        self.queue.get(timeout=LIMIT)
        self.queue.task_done()

    def check(self) -> None:
        while self.queue.qsize():
            self.queue.get_nowait()
        while self.queue.unfinished_tasks > 0:
            self.queue.task_done()
        in_time(
            lambda: (self.queue.put(2), self.queue.get(timeout=LIMIT), self.queue.task_done()), "put and get"
        )
        in_time(lambda: (self.queue.join(), 1), "join()")


class ConditionWait(Case):
    def prepare(self) -> None:
        self.condition = self.module("threading").Condition()

    def act(self) -> None:
        with self.condition:
            self.condition.wait_for(self.predicate, 0.002)

    def predicate(self) -> bool:
        return False

    def check(self) -> None:
        def use() -> bool:
            with self.condition:
                self.condition.notify_all()
                return not self.condition.wait(0)

        assert in_time(use, "the condition")
        assert not self.condition._is_owned()


class SemaphoreInWith(Case):
    def prepare(self) -> None:
        self.semaphore = self.module("threading").Semaphore(1)

    def act(self) -> None:
        with self.semaphore:
            self.body()

    def body(self) -> None:
        assert self.semaphore._value == 0

    def check(self) -> None:
        assert in_time(lambda: self.semaphore.acquire(timeout=LIMIT), "the semaphore")
        self.semaphore.release()
        assert self.semaphore._value == 1


class TimerStart(Case):
    timer: Any = None

    def act(self) -> None:
        self.timer = None
        self.timer = self.module("threading").Timer(0.001, int)
        self.timer.start()
        self.timer.join()

    def check(self) -> None:
        if self.timer is not None and self.timer.ident is not None:
            self.timer.cancel()
            in_time(lambda: (self.timer.join(), 1), "join() of an interrupted timer")
        fired = threading.Event()
        after = self.module("threading").Timer(0, fired.set)
        after.start()
        assert fired.wait(LIMIT), "no timer fires any more"
        in_time(lambda: (after.join(), 1), "join() of a new timer")


class RunAChild(Case):
    def prepare(self) -> None:
        self.before = {child.pid for child in psutil.Process().children()}

    def act(self) -> None:
        self.module("subprocess").run(["true"], capture_output=True, timeout=LIMIT)

    def check(self) -> None:
        assert self.module("subprocess").run(["true"], timeout=LIMIT).returncode == 0
        assert no_child_left(self.before), "a child is left"


def no_child_left(before: set[int]) -> bool:
    end = time.monotonic() + LIMIT
    while {child.pid for child in psutil.Process().children()} - before:
        gc.collect()
        importlib.import_module("subprocess")._cleanup()
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class RunScheduler(Case):
    def prepare(self) -> None:
        self.ran: list[int] = []
        self.scheduler = self.module("sched").scheduler()

    def act(self) -> None:
        for number in range(3):
            self.scheduler.enter(0, number, self.work, (number,))
        self.scheduler.run()

    def work(self, number: int) -> None:
        self.ran.append(number)

    def check(self) -> None:
        in_time(lambda: (self.scheduler.run(), 1), "run() after an interrupt")
        assert self.scheduler.empty()
        del self.ran[:]
        self.act()
        assert self.ran == [0, 1, 2]


CASES = [
    StartAndJoin,
    Submit,
    Shutdown,
    QueueWithHooks,
    ConditionWait,
    SemaphoreInWith,
    TimerStart,
    RunAChild,
    RunScheduler,
]
# Actions whose bookkeeping the standard library's Python can be interrupted in: ours alone
NOT_THE_STDLIB = {Submit, StartAndJoin, TimerStart, Shutdown, SemaphoreInWith, QueueWithHooks, RunAChild}
# What takes long enough for another thread to send a signal meanwhile
LONG = {StartAndJoin, Submit, Shutdown, ConditionWait, TimerStart, RunAChild}


def files_of(side: Side) -> list[str]:
    """This file, and for our side all of hasten's Python."""
    if side is not HASTEN:
        return [__file__]
    return [__file__, *importlib.import_module("hasten").__path__, *sources()]


def sources() -> set[str]:
    """Where our modules' code says it comes from; a link may lead elsewhere."""
    names = ("queue", "threading", "sched", "subprocess", "futures")
    folders = {os.path.dirname(importlib.import_module(f"hasten.{name}").__file__ or "") for name in names}
    return {os.path.join(os.path.realpath(folder), "") for folder in folders} | {f"{f}/" for f in folders}


@pytest.fixture
def no_thread_left() -> Any:
    before = threading.active_count()
    yield
    end = time.monotonic() + LIMIT
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.001)
    assert threading.active_count() <= before, threading.enumerate()


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize(("way", "error"), [(way, error) for way in sorted(WAYS) for error in ERRORS[way]])
def test_at_each_line(kind: type[Case], error: Any, way: str, side: Side, no_thread_left: Any) -> None:
    if side is not HASTEN and error is not Injected:
        pytest.skip("one error is enough to validate the test")
    case = kind(side)
    places = []
    for place in at_each_line(case.act, error, files_of(side), way):
        places.append(place)
        try:
            case.check()
        except BaseException as failure:
            pytest.fail(f"after {error.__name__} at {place}: {type(failure).__name__}: {failure}")
    if hasattr(case, "close"):
        case.close()
    assert len(places) >= 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer()")
@pytest.mark.parametrize("way", ["timer", "thread"])
@pytest.mark.parametrize("kind", CASES)
def test_from_a_signal_handler(kind: type[Case], way: str, side: Side, no_thread_left: Any) -> None:
    if side is not HASTEN and kind in NOT_THE_STDLIB:
        pytest.skip("an interrupt between two lines of the standard library's own is not promised")
    if way == "thread" and kind not in LONG:
        pytest.skip("it is over before another thread can interrupt it")
    case = kind(side)
    hit = 0
    for raised in at_random_moments(
        case.act, Injected, seed=len(kind.__name__), times=150, seconds=0.3, way=way
    ):
        hit += raised
        try:
            case.check()
        except BaseException as failure:
            pytest.fail(f"after an interrupt: {type(failure).__name__}: {failure}")
    if hasattr(case, "close"):
        case.close()
    assert hit >= 3
