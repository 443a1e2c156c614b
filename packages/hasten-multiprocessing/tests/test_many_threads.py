"""Threads of one process that use the same object at one time; without a GIL they really do."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from support import process_targets as targets
from support.tasks import Task

import hasten.multiprocessing as OURS

for module in (multiprocessing, OURS):
    module.RawValue("i")  # from now on its heap keeps an arena, and the descriptor

THREADS = 4
ROUNDS = 400


def crowd(*functions: Callable[[], Any]) -> None:
    """Run the functions in threads that begin together; raises what one of them raised."""
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], Any]) -> None:
        barrier.wait()
        function()

    tasks = [Task(run, function) for function in functions]
    for task in tasks:
        task.start()
    for task in tasks:
        task.result(50)  # seconds, before the test's own limit


def producers_and_consumers(queue: Any) -> None:
    got: list[list[Any]] = [[] for _ in range(THREADS)]

    def produce(name: int) -> None:
        for number in range(ROUNDS):
            queue.put((name, number))

    def consume(mine: list[Any]) -> None:
        for _ in range(ROUNDS):
            mine.append(queue.get())

    crowd(
        *(lambda name=name: produce(name) for name in range(THREADS)),
        *(lambda mine=mine: consume(mine) for mine in got),
    )
    everything = [item for mine in got for item in mine]
    assert sorted(everything) == [(name, number) for name in range(THREADS) for number in range(ROUNDS)]
    for mine in got:  # of one producer a consumer gets the items in their order
        for name in range(THREADS):
            numbers = [number for of, number in mine if of == name]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("make", ["Queue", "JoinableQueue"])
@pytest.mark.parametrize("maxsize", [0, 8])
def test_queue(impl: ModuleType, make: str, maxsize: int) -> None:
    queue = getattr(impl, make)(maxsize)
    producers_and_consumers(queue)
    queue.close()
    queue.join_thread()


def test_simple_queue(impl: ModuleType) -> None:
    queue = impl.SimpleQueue()
    producers_and_consumers(queue)
    queue.close()


@pytest.mark.parametrize("make", ["Lock", "RLock", "Semaphore", "BoundedSemaphore"])
def test_locks_exclude(impl: ModuleType, make: str) -> None:
    lock = getattr(impl, make)()
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(ROUNDS):
            with lock:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    crowd(*[work] * THREADS)
    assert most == [1] * (THREADS * ROUNDS)


def test_value(impl: ModuleType) -> None:
    value = impl.Value("i", 0)

    def add() -> None:
        for _ in range(ROUNDS):
            with value.get_lock():
                value.value += 1

    crowd(*[add] * THREADS)
    assert value.value == THREADS * ROUNDS


def test_condition(impl: ModuleType) -> None:
    condition = impl.Condition()
    box: list[int] = []
    taken: list[int] = []

    def produce() -> None:
        for number in range(ROUNDS):
            with condition:
                box.append(number)
                condition.notify()

    def consume() -> None:
        for _ in range(ROUNDS):
            with condition:
                while not box:
                    condition.wait()
                taken.append(box.pop())

    crowd(produce, produce, consume, consume)
    assert not box and sorted(taken) == sorted([*range(ROUNDS)] * 2)


def test_barrier_and_event(impl: ModuleType) -> None:
    barrier, event = impl.Barrier(THREADS), impl.Event()
    served: list[int] = []

    def meet() -> None:
        for _ in range(50):
            if barrier.wait() == 0:
                served.append(1)
            event.set()
            assert event.wait()

    crowd(*[meet] * THREADS)
    assert len(served) == 50


@pytest.mark.parametrize("make", ["Pool", "ThreadPool"])
def test_pool(impl: ModuleType, make: str) -> None:
    new = impl.get_context("spawn").Pool if make == "Pool" else impl.pool.ThreadPool
    wanted = [abs(-number) for number in range(ROUNDS)]

    def work() -> None:
        results = [pool.apply_async(abs, (-number,)) for number in range(ROUNDS)]
        assert [result.get() for result in results] == wanted
        assert pool.map(abs, [-number for number in range(ROUNDS)]) == wanted
        assert list(pool.imap(abs, [-number for number in range(ROUNDS)], 10)) == wanted

    with new(2) as pool:
        crowd(*[work] * THREADS)
        pool.close()
        pool.join()


def test_manager(impl: ModuleType) -> None:
    with impl.get_context("spawn").Manager() as manager:
        numbers, names, queue, lock = manager.list(), manager.dict(), manager.Queue(), manager.Lock()

        def work() -> None:
            for number in range(30):
                queue.put(number)
                with lock:
                    names[number] = names.get(number, 0) + 1
                numbers.append(queue.get())

        crowd(*[work] * THREADS)
        assert names.copy() == dict.fromkeys(range(30), THREADS)
        assert sorted(numbers[:]) == sorted([*range(30)] * THREADS)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_starts(method: str) -> None:
    """Of the standard library's, by a fork server, one has ended with status 255 (3.11)."""
    context = OURS.get_context(method)

    def start() -> None:
        for _ in range(2):
            process = context.Process(target=targets.nothing)
            process.start()
            process.join()
            assert process.exitcode == 0
            process.close()

    crowd(*[start] * THREADS)


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled"), reason="there always is a GIL")
def test_our_modules_ask_for_no_gil() -> None:
    """Importing everything leaves a free-threaded interpreter without its GIL."""
    code = (
        "import sys; before = sys._is_gil_enabled()\n"
        "import hasten.multiprocessing.pool, hasten.multiprocessing.managers, hasten.multiprocessing.dummy\n"
        "import hasten.multiprocessing.sharedctypes, hasten.shared_memory\n"
        "assert sys._is_gil_enabled() is before\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
