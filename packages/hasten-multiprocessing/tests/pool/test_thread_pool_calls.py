"""Calls of a ThreadPool, one by one: what runs them is compiled, and nobody can tell."""

from __future__ import annotations

import copy
import gc
import multiprocessing.pool
import threading
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import hasten.multiprocessing.pool as our_pool

PATIENCE = 20


@pytest.fixture(params=[multiprocessing.pool, our_pool], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


class Mine(our_pool.ThreadPool):
    """A subclass's calls go the way of all others, through submit()."""


class StdlibsMine(multiprocessing.pool.ThreadPool):
    pass


@pytest.fixture(params=["itself", "subclass"])
def pool(request: pytest.FixtureRequest, impl: ModuleType) -> Iterator[Any]:
    subclass = Mine if impl is our_pool else StdlibsMine
    made = subclass(2) if request.param == "subclass" else impl.ThreadPool(2)
    yield made
    made.terminate()
    made.join()
    if impl is not our_pool:  # keeps its pipes as long as the object is there, and pytest keeps that
        state = made._state
        vars(made).clear()
        made._state = state
        gc.collect()


def given(*args: Any, **kwds: Any) -> Any:
    return args, kwds


class Lengthless:
    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, key: str) -> int:
        return 5


@pytest.mark.parametrize(
    ("args", "kwds"),
    [
        ((1, 2), {"a": 3}),
        ([1, 2], {}),
        ("ab", {}),
        (range(2), {}),
        ((), Lengthless()),
        (None, {}),
        (5, {}),
        ((), None),
        ((), [1]),
        ((), {1: 2}),
    ],
    ids=str,
)
def test_arguments_of_any_kind(pool: Any, args: Any, kwds: Any) -> None:
    """The outcome is that of the call in Python, in the same words."""
    expected: Any
    try:
        expected = given(*copy.copy(args), **kwds)
    except TypeError as error:
        expected = str(error)
    result = pool.apply_async(given, args, kwds)
    result.wait(PATIENCE)
    if result.successful():
        assert result.get() == expected
    else:
        with pytest.raises(TypeError) as caught:
            result.get()
        assert str(caught.value) == expected


@pytest.mark.parametrize("function", [None, 5])
def test_what_cannot_be_called(pool: Any, function: Any) -> None:
    with pytest.raises(TypeError, match="not callable"):
        pool.apply_async(function).get(PATIENCE)


def test_parts_of_a_result(pool: Any) -> None:
    begin = threading.Event()
    result = pool.apply_async(begin.wait, (PATIENCE,))
    assert result._pool is pool
    assert result._cache is pool._cache
    assert pool._cache[result._job] is result
    assert (result._callback, result._error_callback) == (None, None)
    assert not result._event.is_set()
    begin.set()
    result.wait(PATIENCE)
    assert result._event.is_set()
    assert (result._success, result._value) == (True, True)
    result.mark = 7
    assert vars(result)["mark"] == 7
    assert weakref.ref(result)() is result


def test_a_result_that_was_waited_for_has_left_the_pool() -> None:
    """The standard library's may be a moment late."""
    with our_pool.ThreadPool(1) as pool:
        for _ in range(100):
            result = pool.apply_async(given)
            result.wait(PATIENCE)
            assert result._pool is None
            assert not pool._cache
    pool.join()


def test_a_copy_of_a_result(pool: Any) -> None:
    result = pool.apply_async(given, (1,))
    result.get(PATIENCE)
    result.mark = 7
    other = copy.copy(result)
    assert (other.ready(), other.get(), other._job, other.mark) == (True, ((1,), {}), result._job, 7)


def test_many_wait_for_one_result(pool: Any) -> None:
    """Whenever they come: before, while and after it is told."""
    for _ in range(50):
        begin = threading.Barrier(4)
        results = [pool.apply_async(given, (1,))]
        got: list[Any] = []

        def wait(begin: Any = begin, results: Any = results, got: Any = got) -> None:
            begin.wait(PATIENCE)
            got.append(results[-1].get(PATIENCE))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        results.append(pool.apply_async(given, (2,)))
        begin.wait(PATIENCE)
        for thread in threads:
            thread.join(PATIENCE)
        assert got == [((2,), {})] * 3


class Thing:
    pass


def test_arguments_and_errors_are_let_go(pool: Any) -> None:
    def fail(thing: Thing) -> None:
        raise KeyError(thing)

    thing = Thing()
    seen = weakref.ref(thing)
    result = pool.apply_async(fail, (thing,))
    result.wait(PATIENCE)
    pool.apply_async(given).get(PATIENCE)
    del thing, result
    for _ in range(2):
        pool.apply_async(given).get(PATIENCE)
    gc.collect()
    assert seen() is None


def test_calls_of_compiled_functions_give_way(impl: ModuleType) -> None:
    """A thread that only runs these never comes to where the interpreter looks who else wants to run."""
    with impl.ThreadPool(1) as pool:
        gate = threading.Lock()
        gate.acquire()
        pool.apply_async(gate.acquire)
        first = pool.apply_async(abs, (-1,))
        for _ in range(20_000):  # most of a second, of which most is not waited for
            last = pool.apply_async(sum, (range(3000),))
        gate.release()
        assert first.get(PATIENCE) == 1
        assert not last.ready()
    pool.join()


def test_calls_that_were_not_begun_fail_at_the_end() -> None:
    pool = our_pool.ThreadPool(1)
    running, gate = threading.Event(), threading.Event()

    def block() -> bool:
        running.set()
        return gate.wait(PATIENCE)

    busy = pool.apply_async(block)
    told: list[Any] = []
    waiting = pool.apply_async(given)
    with_callback = pool.apply_async(given, error_callback=told.append)
    assert running.wait(PATIENCE)
    pool.terminate()
    for result in waiting, with_callback:
        with pytest.raises(our_pool.PoolTerminatedError):
            result.get(PATIENCE)
    gate.set()
    assert busy.get(PATIENCE) is True
    pool.join()
    assert [type(error) for error in told] == [our_pool.PoolTerminatedError]
    assert not pool._cache
