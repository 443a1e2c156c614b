"""Programs that put tasks into a pool's `_taskqueue` by themselves, as the recipes for an istarmap() do."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.pool
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import hasten.multiprocessing
import hasten.multiprocessing.pool

PATIENCE = 20


@pytest.fixture(params=[multiprocessing.pool, hasten.multiprocessing.pool], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture(params=["processes", "threads"])
def pool(request: pytest.FixtureRequest, impl: ModuleType) -> Iterator[Any]:
    """Two workers."""
    package = multiprocessing if impl is multiprocessing.pool else hasten.multiprocessing
    made = package.get_context("fork").Pool(2) if request.param == "processes" else impl.ThreadPool(2)
    yield made
    made.terminate()
    made.join()
    if impl is multiprocessing.pool:  # keeps its pipes as long as the object is there, and pytest keeps that
        state = made._state
        vars(made).clear()
        made._state = state
        gc.collect()


Starmap = Callable[..., Any]


@pytest.fixture
def istarmap(pool: Any, impl: ModuleType) -> Starmap:
    def istarmap(function: Any, iterable: Any, size: int = 1) -> Any:
        batches = impl.Pool._get_tasks(function, iterable, size)
        result = impl.IMapIterator(pool)
        tasks = pool._guarded_task_generation(result._job, impl.starmapstar, batches)
        pool._taskqueue.put((tasks, result._set_length))
        return (item for chunk in result for item in chunk)

    return istarmap


def test_an_iterator_in_order(istarmap: Starmap, pool: Any) -> None:
    assert list(istarmap(divmod, [(7, 2), (9, 4), (5, 5)], 2)) == [(3, 1), (2, 1), (1, 0)]
    assert list(istarmap(pow, ((2, i) for i in range(3000)), 7)) == [2**i for i in range(3000)]
    assert not pool._cache


def test_nothing(istarmap: Starmap) -> None:
    assert list(istarmap(divmod, [])) == []


def test_a_function_that_raises(istarmap: Starmap) -> None:
    results = istarmap(divmod, [(1, 0)])
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_an_iterable_that_raises(istarmap: Starmap) -> None:
    def items() -> Iterator[Any]:
        yield 7, 2
        raise LookupError("no more")

    results = istarmap(divmod, items())
    with pytest.raises(LookupError, match="no more"):
        list(results)


def test_one_task(pool: Any, impl: ModuleType) -> None:
    result = impl.ApplyResult(pool, None, None)
    pool._taskqueue.put(([(result._job, 0, divmod, (7, 2), {})], None))
    assert result.get(PATIENCE) == (3, 1)


def test_a_map(pool: Any, impl: ModuleType) -> None:
    assert pool._map_async(abs, [-1, 2, -3], impl.mapstar, 2).get(PATIENCE) == [1, 2, 3]


def test_close_waits_for_them(pool: Any, impl: ModuleType) -> None:
    result = impl.ApplyResult(pool, None, None)
    pool._taskqueue.put(([(result._job, 0, time.sleep, (0.05,), {})], None))
    pool.close()
    pool.join()
    assert result.get(0) is None


def test_handlers_of_a_pool_that_is_well_are_alive(pool: Any) -> None:
    handlers = pool._worker_handler, pool._task_handler, pool._result_handler
    assert [handler.is_alive() for handler in handlers] == [True] * 3
    pool.close()
    pool.join()
    assert [handler.is_alive() for handler in handlers] == [False] * 3


def test_after_the_end() -> None:
    """The standard library's pool would leave whoever waits for ever."""
    pool = hasten.multiprocessing.pool.ThreadPool(1)
    pool.terminate()
    pool.join()
    result = hasten.multiprocessing.pool.ApplyResult(pool, None, None)
    pool._taskqueue.put(([(result._job, 0, divmod, (7, 2), {})], None))
    with pytest.raises((ValueError, RuntimeError)):
        result.get(PATIENCE)


def test_after_the_end_an_iterable_that_raises_harms_nobody() -> None:
    pool = hasten.multiprocessing.pool.ThreadPool(1)
    pool.terminate()
    pool.join()

    def tasks() -> Iterator[Any]:
        raise LookupError("no tasks")
        yield

    pool._taskqueue.put((tasks(), None))
