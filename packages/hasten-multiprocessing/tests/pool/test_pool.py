"""Pools: one body over the standard library's and ours, for each start method where it matters."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.dummy
import multiprocessing.pool
import operator
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import pool_targets as targets
from support.children import has_zygote, outcome_of

import hasten.multiprocessing
import hasten.multiprocessing.pool as our_pool

METHODS = ["fork", "spawn", "forkserver"]
OURS = hasten.multiprocessing
PATIENCE = 20


@pytest.fixture(params=["processes", "threads"])
def pool(request: pytest.FixtureRequest, impl: ModuleType) -> Iterator[Any]:
    """Three workers."""
    module = multiprocessing.pool if impl is multiprocessing else our_pool
    made = impl.get_context("fork").Pool(3) if request.param == "processes" else module.ThreadPool(3)
    yield made
    made.terminate()
    made.join()
    if impl is multiprocessing:  # keeps its pipes as long as the object is there, and pytest keeps that
        state = made._state
        vars(made).clear()
        made._state = state
        gc.collect()


@pytest.mark.parametrize("method", METHODS)
def test_each_start_method(impl: ModuleType, method: str) -> None:
    with impl.get_context(method).Pool(2, targets.remember, ("hello",)) as pool:
        assert pool.apply(targets.add, (1, 2), {"z": 3}) == 6
        assert pool.map(targets.square, range(100)) == [x * x for x in range(100)]
        assert pool.apply(targets.recall) == "hello"
    pool.join()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_load_what_they_need(method: str) -> None:
    with OURS.get_context(method).Pool(1) as pool:
        assert pool.map(targets.square, [2]) == [4]
        assert pool.starmap(targets.add, [(1, 2)]) == [3]
        assert not pool.apply(targets.is_imported, ("hasten.multiprocessing.pool",))
        assert not pool.apply(targets.is_imported, ("hasten.queue",))
    pool.join()


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="no /proc")
@pytest.mark.skipif(not has_zygote(), reason="the server itself forks each child")
def test_the_zygote_loads_it_once() -> None:
    with OURS.get_context("forkserver").Pool(1) as pool:
        assert pool.apply(targets.parent_has_file, ("/multiprocessing/_pool/",))
    pool.join()


def test_apply(pool: Any) -> None:
    assert pool.apply(targets.add, (2,), {"y": 3}) == 5
    result = pool.apply_async(targets.add, [2], {"z": 3})
    assert result.get(PATIENCE) == 5 and result.ready() and result.successful()
    with pytest.raises(ValueError, match="no 7"):
        pool.apply(targets.fail, (7,))


def test_apply_many(pool: Any) -> None:
    results = [pool.apply_async(targets.square, (x,)) for x in range(10000)]
    assert [result.get(PATIENCE) for result in results] == [x * x for x in range(10000)]
    assert not pool._cache


@pytest.mark.parametrize("chunksize", [None, 1, 7, 1000])
def test_map(pool: Any, chunksize: int | None) -> None:
    assert pool.map(targets.square, iter(range(1000)), chunksize) == [x * x for x in range(1000)]
    assert pool.map(targets.square, [], chunksize) == []
    pairs = [(x, 1) for x in range(50)]
    assert pool.starmap(targets.add, pairs, chunksize) == list(range(1, 51))
    assert pool.starmap_async(targets.add, pairs, chunksize).get(PATIENCE) == list(range(1, 51))
    assert pool.map_async(targets.square, [2], chunksize).get(PATIENCE) == [4]


def test_map_over_chunks_that_do_not_fit(pool: Any) -> None:
    assert pool.map(targets.square, range(20000), 1) == [x * x for x in range(20000)]


@pytest.mark.parametrize("chunksize", [1, 3])
def test_imap(pool: Any, chunksize: int) -> None:
    assert list(pool.imap(targets.square, range(1000), chunksize)) == [x * x for x in range(1000)]
    got = sorted(pool.imap_unordered(targets.square, range(1000), chunksize))
    assert got == [x * x for x in range(1000)]
    assert list(pool.imap(targets.square, [], chunksize)) == []
    with pytest.raises(ValueError):
        pool.imap(targets.square, [], 0)


def test_imap_next(pool: Any) -> None:
    results = pool.imap(targets.nap, [0.0, 0.5])
    assert results.next(PATIENCE) is None
    with pytest.raises(multiprocessing.TimeoutError):
        results.next(0.05)


def test_exceptions_of_tasks(pool: Any) -> None:
    results = pool.imap(operator.truediv, [])
    assert list(results) == []
    results = pool.imap(targets.fail, [1, 2])
    for x in (1, 2):
        with pytest.raises(ValueError, match=f"no {x}"):
            next(results)
    with pytest.raises(StopIteration):
        next(results)
    with pytest.raises(ValueError, match="no"):
        pool.map(targets.fail, range(10))
    with pytest.raises(ValueError, match="no 5"):
        pool.starmap(targets.fail_on, [(5, x) for x in range(10)], 2)


def test_iterables_that_raise(pool: Any) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("iterable")

    with pytest.raises(ZeroDivisionError):
        pool.map(targets.square, broken())
    results = pool.imap(targets.square, broken())
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)

    class Sized:
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            raise ZeroDivisionError("iterable")

    with pytest.raises(ZeroDivisionError):
        pool.map_async(targets.square, Sized()).get(PATIENCE)
    assert pool.apply(targets.square, (3,)) == 9


def test_callbacks(pool: Any) -> None:
    good: list[Any] = []
    bad: list[Any] = []
    pool.apply_async(targets.square, (2,), callback=good.append, error_callback=bad.append).wait(PATIENCE)
    pool.map_async(targets.square, [3, 4], callback=good.append, error_callback=bad.append).wait(PATIENCE)
    pool.apply_async(targets.fail, (2,), callback=good.append, error_callback=bad.append).wait(PATIENCE)
    pool.map_async(targets.fail, [2, 3], callback=good.append, error_callback=bad.append).wait(PATIENCE)
    assert good == [4, [9, 16]] and str(bad[0]) == "no 2" and str(bad[1]) in ("no 2", "no 3")


def test_results(pool: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    result = pool.apply_async(targets.text_of, (str(gate),))
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    with pytest.raises(multiprocessing.TimeoutError):
        result.get(0.01)
    result.wait(0.01)
    gate.write_text("open")
    assert result.get(PATIENCE) == "open"
    failed = pool.apply_async(targets.fail, (1,))
    failed.wait(PATIENCE)
    assert failed.ready() and not failed.successful()
    assert isinstance(result, multiprocessing.pool.AsyncResult)
    assert isinstance(pool.map_async(targets.square, [1]), multiprocessing.pool.MapResult)
    assert isinstance(pool.imap(targets.square, [1]), multiprocessing.pool.IMapIterator)
    assert isinstance(pool.imap_unordered(targets.square, [1]), multiprocessing.pool.IMapUnorderedIterator)


def test_close_and_join(impl: ModuleType) -> None:
    pool = impl.get_context("fork").Pool(2)
    assert "state=RUN pool_size=2" in repr(pool)
    result = pool.map_async(targets.nap, [0.01] * 20, 1)
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    pool.close()
    for begin in (pool.apply_async, pool.map_async, pool.imap, pool.imap_unordered, pool.starmap_async):
        with pytest.raises(ValueError, match="not running"):
            begin(targets.square, [1])
    pool.join()
    assert result.ready() and result.get() == [None] * 20
    pool.terminate()


def test_terminate(pool: Any) -> None:
    pool.map_async(targets.nap, [0.05] * 1000, 1)
    start = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("bad", [0, -1])
def test_bad_arguments(impl: ModuleType, bad: int) -> None:
    with pytest.raises(ValueError):
        impl.Pool(bad)
    if impl is not multiprocessing or sys.version_info >= (3, 10):  # below, its workers fail
        with pytest.raises(ValueError):
            impl.Pool(1, maxtasksperchild=bad)
    with pytest.raises(TypeError):
        impl.Pool(1, initializer=3)


def test_maxtasksperchild(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(2, maxtasksperchild=3) as pool:
        pids = pool.map(targets.pid, range(30), 1)
        assert len(set(pids)) >= 9 and max(map(pids.count, pids)) <= 3
        pool.close()
        pool.join()


def test_remote_traceback(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        with pytest.raises(ValueError) as caught:
            pool.apply(targets.fail, (1,))
        cause = caught.value.__cause__
        assert type(cause) is multiprocessing.pool.RemoteTraceback
        assert 'raise ValueError(f"no {x}")' in str(cause)
        text = "".join(traceback.format_exception(ValueError, caught.value, caught.value.__traceback__))
        assert "multiprocessing.pool.RemoteTraceback: " in text


def test_results_that_cannot_be_pickled(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="lambda"):
            pool.apply_async(targets.nothing_picklable).get(PATIENCE)
        with pytest.raises(multiprocessing.pool.MaybeEncodingError):
            pool.apply_async(targets.fail_unpicklable).get(PATIENCE)
        assert pool.apply_async(targets.square, (3,)).get(PATIENCE) == 9


def test_arguments_that_cannot_be_pickled(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        errors: list[Any] = []
        result = pool.apply_async(targets.square, (targets.Locked(),), error_callback=errors.append)
        with pytest.raises(TypeError, match="Locked"):
            result.get(PATIENCE)
        assert len(errors) == 1
        with pytest.raises(TypeError, match="Locked"):
            pool.map(targets.length, [targets.Locked()] * 3)
        with pytest.raises(TypeError, match="Locked"):
            list(pool.imap(targets.length, ["a", targets.Locked()]))
        assert pool.apply_async(targets.square, (3,)).get(PATIENCE) == 9


def test_large_arguments_and_results(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(2) as pool:
        data = b"a" * 3_000_000
        assert pool.map(targets.length, [data] * 8, 1) == [len(data)] * 8
        assert list(map(len, pool.imap_unordered(targets.big, [5_000_000] * 6))) == [5_000_000] * 6


@pytest.mark.parametrize("size", [1, 10_000, 1_000_000])
def test_large_exceptions(pool: Any, size: int) -> None:
    for result in [pool.apply_async(targets.fail, ("x" * size,)) for _ in range(4)]:
        with pytest.raises(ValueError, match="no x"):
            result.get(PATIENCE)
    with pytest.raises(ValueError, match="no x"):
        pool.map_async(targets.fail, ["x" * size] * 3).get(PATIENCE)
    for result in [pool.apply_async(targets.square, (i,)) for i in range(3)]:
        result.get(PATIENCE)


def test_not_picklable_itself(pool: Any) -> None:
    with pytest.raises(NotImplementedError):
        pickle.dumps(pool)


def test_no_cycle_keeps_results(pool: Any) -> None:
    gc.collect()
    for _ in range(3):
        pool.map(targets.square, range(10))
    assert not pool._cache


def test_many_threads(pool: Any) -> None:
    wrong: list[Any] = []

    def use() -> None:
        for x in range(50):
            if pool.apply(targets.square, (x,)) != x * x or pool.map(targets.square, [x]) != [x * x]:
                wrong.append(x)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_workers_have_children(impl: ModuleType) -> None:
    with impl.get_context("fork").Pool(1) as pool:
        assert pool.apply(targets.run_true) == 7
        assert pool.apply(targets.fork_one) == 9


def test_thread_pool_shares_objects() -> None:
    with our_pool.ThreadPool(2) as pool:
        thing = object()
        assert pool.apply(lambda: thing) is thing
        assert isinstance(pool, multiprocessing.pool.ThreadPool)
    pool.join()


NO_DESCRIPTORS = """
import multiprocessing, os, resource
from hasten.multiprocessing import get_context
context = get_context("fork")
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
used = max(map(int, os.listdir("/proc/self/fd")))
for free in range(8):
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, most))
    taken = []
    try:
        while True:
            taken.append(os.dup(2))
    except OSError:
        pass
    for fd in taken[:free]:
        os.close(fd)
    try:
        with context.Pool(1) as pool:
            pass
        pool.join()
    except OSError:
        pass
    for fd in taken[free:]:
        os.close(fd)
    os.fstat(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, most))
with context.Pool(1) as pool:
    print(pool.apply(abs, (-1,)), max(map(int, os.listdir("/proc/self/fd"))) < used + 20)
"""


def test_without_descriptors_it_is_an_error_and_nothing_else_is_closed() -> None:
    command = [sys.executable, "-c", NO_DESCRIPTORS]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1 True\n", "")


CLOSED_EARLY = """
import os, resource, sys
from hasten.multiprocessing import get_context
from hasten.multiprocessing.connection import wait
context = get_context("fork")
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 60, most))
with context.Pool(2, maxtasksperchild=1) as pool:
    results = pool.imap_unordered(abs, range(200))
    pool.close()
    print(sum(results), end=" ")
    pool.join()
before = len(os.listdir("/proc/self/fd"))
print(len(pool._pool), {worker.exitcode for worker in pool._pool}, end=" ")
print(len(wait([worker.sentinel for worker in pool._pool], 0)), end=" ")
for worker in pool._pool:
    worker.close()
print(len(os.listdir("/proc/self/fd")) - before)
"""


def test_workers_that_end_after_close_hold_no_descriptors() -> None:
    command = [sys.executable, "-c", CLOSED_EARLY]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{sum(range(200))} 2 {{0}} 2 0\n", "")


AT_EXIT = """
import threading, time
from {package} import get_context

def wait(pool, callback):
    started.set()
    try:
        pool.apply_async(time.sleep, (60,), error_callback=callback).get()
    finally:
        print("woken", flush=True)

started = threading.Event()
pool = get_context("fork").Pool(1)
thread = threading.Thread(target=wait, args=(pool, print), daemon=True)
thread.start()
started.wait()
while not pool._cache:
    time.sleep(0.001)
print("end", flush=True)
"""


def test_daemon_threads_that_wait_at_the_exit(impl: ModuleType) -> None:
    """They end with the program, without a word."""
    status, told, said = outcome_of(AT_EXIT.format(package=impl.__name__))
    assert (status, told, said) == (0, "end\n", "")
