"""What programs look at in objects, and put in the place of parts: as in the standard library."""

from __future__ import annotations

import inspect
import multiprocessing
import multiprocessing.pool
import multiprocessing.queues
import os
import pickle
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

import hasten.multiprocessing
import hasten.multiprocessing.connection
import hasten.multiprocessing.pool
import hasten.multiprocessing.queues
import hasten.multiprocessing.reduction

OURS = hasten.multiprocessing


@pytest.fixture(params=["Queue", "SimpleQueue"])
def queue(impl: ModuleType, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = getattr(impl.get_context("fork"), request.param)()
    yield made
    made.close()
    if hasattr(made, "join_thread"):
        made.join_thread()
    made._reader.close()
    made._writer.close()


def forget(pool: Any) -> None:
    """Drop what the standard library's pool keeps as long as its object is there."""
    state = pool._state
    vars(pool).clear()
    pool._state = state


def test_the_workers_of_a_pool_can_be_looked_at_when_it_has_ended(impl: ModuleType) -> None:
    pool = impl.get_context("fork").Pool(2)
    workers = list(pool._pool)
    assert pool.map(abs, [-1, -2]) == [1, 2]
    pool.close()
    pool.join()
    assert pool._pool == workers
    assert [worker.exitcode for worker in pool._pool] == [0, 0]
    assert repr(pool).endswith("state=CLOSE pool_size=2>")
    pool.terminate()
    forget(pool)
    with impl.get_context("fork").Pool(2) as pool:
        workers = list(pool._pool)
    pool.join()
    assert pool._pool == workers and not any(worker.is_alive() for worker in workers)
    assert repr(pool).endswith("state=TERMINATE pool_size=2>")
    forget(pool)


def test_a_pool_asks_what_a_program_has_put_in_the_place_of_the_number_of_cpus(impl: ModuleType) -> None:
    name = "process_cpu_count" if hasattr(os, "process_cpu_count") else "cpu_count"
    with mock.patch.object(os, name, return_value=3), impl.get_context("fork").Pool() as pool:
        assert pool._processes == 3
    pool.join()
    forget(pool)


class By:
    """Pickles everything as what its name says."""

    @staticmethod
    def dumps(obj: Any, protocol: Any = None) -> bytes:
        return pickle.dumps(["by", repr(obj)])

    loads = staticmethod(pickle.loads)


def test_queues_have_their_own_name_for_the_pickler(impl: ModuleType, queue: Any) -> None:
    """By which recipes put dill's there."""
    with mock.patch.object(impl.queues, "_ForkingPickler", By):
        queue.put({"a": 1})
        assert queue.get() == ["by", "{'a': 1}"]
    queue.put({"a": 1})
    assert queue.get() == {"a": 1}


def test_ends_of_a_queue_are_connections(impl: ModuleType, queue: Any) -> None:
    assert isinstance(queue._reader, impl.connection.Connection)
    assert isinstance(queue._writer, multiprocessing.connection.Connection)


@pytest.mark.parametrize("duplex", [True, False])
def test_ends_of_a_pipe_in_shared_memory_are_connections(duplex: bool) -> None:
    ends = hasten.multiprocessing.connection.Pipe(duplex, shm=True)
    for end in ends:
        assert isinstance(end, OURS.connection.Connection)
        assert isinstance(end, multiprocessing.connection.Connection)
        assert "RingConnection" in repr(end)
        end.close()


def test_the_reducer_is_the_module(impl: ModuleType) -> None:
    assert impl.reducer is impl.reduction is impl.context.reduction
    assert impl.get_context("spawn").reducer is impl.reduction


def test_to_set_the_reducer_to_the_module_replaces_nothing(impl: ModuleType) -> None:
    context = impl.get_context("spawn")
    before = multiprocessing.context.reduction  # type: ignore[attr-defined]
    context.reducer = impl.reduction
    assert multiprocessing.context.reduction is before  # type: ignore[attr-defined]
    other = ModuleType("other")
    try:
        context.reducer = other
        assert context.reducer is multiprocessing.context.reduction is other  # type: ignore[attr-defined]
        impl.context.reduction = impl.reduction
        assert context.reducer is impl.reduction
        assert multiprocessing.context.reduction is before  # type: ignore[attr-defined]
    finally:
        multiprocessing.context.reduction = before  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "kind", "method", "args"),
    [
        ("queues", "Queue", "put", ()),
        ("queues", "Queue", "get", (1, 2, 3)),
        ("queues", "Queue", "qsize", (1,)),
        ("queues", "JoinableQueue", "join", (1, 2)),
        ("queues", "SimpleQueue", "put", ()),
        ("connection", "Connection", "send", ()),
        ("connection", "Connection", "poll", (1, 2)),
        ("pool", "Pool", "map", ()),
    ],
)
def test_a_mock_with_the_signatures_of_a_class_refuses_wrong_calls(
    impl: ModuleType, module: str, kind: str, method: str, args: Any
) -> None:
    cls = getattr(getattr(impl, module), kind)
    function = getattr(cls, method)
    assert inspect.isfunction(function)
    assert function.__qualname__ in (f"{kind}.{method}", f"_ConnectionBase.{method}")
    with pytest.raises(TypeError):
        getattr(mock.create_autospec(cls, instance=True), method)(*args)
