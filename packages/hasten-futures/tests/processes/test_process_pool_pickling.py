"""What cannot be pickled or unpickled hurts its own future; wrong arguments of ProcessPoolExecutor."""

from __future__ import annotations

import concurrent.futures.process
import multiprocessing
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from support import pool_targets as targets
from support.tasks import LONG, Task

BrokenProcessPool = concurrent.futures.process.BrokenProcessPool
PICKLING = (pickle.PicklingError, TypeError, AttributeError)


def works(pool: Any) -> bool:
    return bool(pool.submit(targets.square, 3).result(LONG) == 9)


def cause_of(error: Any) -> str:
    assert type(error.__cause__) is concurrent.futures.process._RemoteTraceback
    return str(error.__cause__.tb)


def test_arguments_and_functions(new_pool: Any) -> None:
    pool = new_pool()
    for function, argument in ((abs, threading.Lock()), (lambda x: x, 1), (abs, targets.Locked())):
        error = pool.submit(function, argument).exception(LONG)
        assert isinstance(error, PICKLING)
        assert "Traceback" in cause_of(error)
        assert works(pool)
    with pytest.raises(PICKLING):
        list(pool.map(abs, [1, threading.Lock()], timeout=LONG))
    assert works(pool)


def test_results(new_pool: Any) -> None:
    pool = new_pool()
    error = pool.submit(targets.nothing_picklable).exception(LONG)
    assert isinstance(error, PICKLING)
    assert "Traceback" in cause_of(error)
    assert works(pool)


def test_exceptions_that_cannot_be_pickled(new_pool: Any) -> None:
    pool = new_pool()
    error = pool.submit(targets.fail_unpicklable).exception(LONG)
    assert isinstance(error, TypeError) and "not to be pickled" in str(error)
    assert "something" in cause_of(error) or "not to be pickled" in cause_of(error)
    assert works(pool)


@pytest.mark.ours  # the standard library's pool is broken by each of these
@pytest.mark.parametrize(
    ("function", "arguments", "words", "cause"),
    [
        (targets.fail_needy, (), "exception of the call could not be unpickled", "Needy: 1 and 2"),
        (targets.square, (targets.Trap(),), "call could not be unpickled", "not to be unpickled"),
        (targets.trap, (), "result could not be unpickled", "not to be unpickled"),
        (targets.leaver, (), "result could not be unpickled", "SystemExit: 3"),
        (targets.square, (targets.Leaver(),), "call could not be unpickled", "SystemExit: 3"),
    ],
)
def test_what_cannot_be_unpickled(
    new_pool: Any, function: Any, arguments: Any, words: str, cause: str
) -> None:
    pool = new_pool()
    error = pool.submit(function, *arguments).exception(LONG)
    assert isinstance(error, BrokenProcessPool) and words in str(error)
    assert "other calls are not affected" in str(error)
    assert cause in cause_of(error)
    assert works(pool) and not pool._broken


def test_pickling_that_submits(new_pool: Any) -> None:
    pool = new_pool()
    inner: list[Any] = []

    class Submitter:
        def __reduce__(self) -> Any:
            inner.append(pool.submit(targets.square, 5))
            return int, ("7",)

    assert pool.submit(targets.square, Submitter()).result(LONG) == 49
    assert inner[0].result(LONG) == 25


@pytest.mark.ours
def test_an_interrupt_while_pickling(new_pool: Any) -> None:
    """It comes out of submit(), and the pool goes on."""

    class Interrupter:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    pool = new_pool()
    with pytest.raises(KeyboardInterrupt):
        pool.submit(targets.square, Interrupter())
    assert works(pool) and not pool._pending_work_items


def test_arguments_are_let_go_of(new_pool: Any) -> None:
    import weakref

    pool, value = new_pool(), targets.Needy(1, 2)
    value.__reduce__ = None  # type: ignore[assignment]

    class Plain:
        def __reduce__(self) -> Any:
            return int, ("3",)

    argument = Plain()
    gone = weakref.ref(argument)
    future = pool.submit(targets.square, argument)
    del argument
    assert future.result(LONG) == 9
    pool.shutdown()
    assert gone() is None


def test_a_function_is_pickled_by_its_name(new_pool: Any, monkeypatch: Any) -> None:
    """One that is not found there any more is an error, also for a name that has been used before."""
    pool = new_pool()
    assert pool.submit(targets.add, 1).result(LONG) == 1

    def add(x: Any) -> Any:
        return x

    add.__module__, add.__qualname__ = "support.pool_targets", "add"
    assert isinstance(pool.submit(add, 1).exception(LONG), pickle.PicklingError)


def test_a_function_whose_name_is_now_another_ones(new_pool: Any, monkeypatch: Any) -> None:
    """It is never taken for that one, also when its name has been used before."""
    pool, square = new_pool(), targets.square
    assert works(pool)
    with monkeypatch.context() as patch:
        patch.setattr(targets, "square", targets.add)
        assert isinstance(pool.submit(square, 3).exception(LONG), pickle.PicklingError)
    assert works(pool)


# ---- wrong arguments ----


@pytest.mark.parametrize("size", [0, -1])
def test_sizes(impl: Any, size: int) -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        impl.ProcessPoolExecutor(size)
    with pytest.raises(TypeError):
        impl.ProcessPoolExecutor("two")


def test_an_initializer_that_is_none(impl: Any) -> None:
    with pytest.raises(TypeError, match="initializer must be a callable"):
        impl.ProcessPoolExecutor(1, initializer=3)


@pytest.mark.since(3, 11)
def test_wrong_max_tasks_per_child(impl: Any) -> None:
    spawn, fork = map(multiprocessing.get_context, ("spawn", "fork"))
    with pytest.raises(TypeError, match="max_tasks_per_child must be an integer"):
        impl.ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child="3")
    with pytest.raises(ValueError, match="max_tasks_per_child must be >= 1"):
        impl.ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=0)
    with pytest.raises(ValueError, match="incompatible with the 'fork'"):
        impl.ProcessPoolExecutor(1, mp_context=fork, max_tasks_per_child=3)
    assert impl.ProcessPoolExecutor(1, max_tasks_per_child=3)._mp_context.get_start_method() == "spawn"


def test_submit_needs_a_function(new_pool: Any) -> None:
    with pytest.raises(TypeError):
        new_pool().submit()


class Interrupted:
    """What is interrupted while it is pickled, when it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __reduce__(self) -> Any:
        self.begun.set()
        self.go_on.wait(LONG)
        raise KeyboardInterrupt


@pytest.mark.ours
def test_an_interrupted_submit_leaves_no_call_behind(new_pool: Any) -> None:
    pool = new_pool(size=1)
    pool.submit(targets.square, 1).result(LONG)
    argument = Interrupted()
    task = Task(pool.submit, targets.square, argument)
    task.start()
    assert argument.begun.wait(LONG)
    left_to_the_other = pool.submit(targets.square, 3)
    argument.go_on.set()
    task.join(LONG)
    assert isinstance(task.error, KeyboardInterrupt)
    assert left_to_the_other.result(LONG) == 9


class Leaving:
    def __reduce__(self) -> Any:
        raise SystemExit(3)


@pytest.mark.ours
def test_what_the_result_thread_cannot_pickle_is_an_exception_of_its_own_call(
    new_pool: Any, tmp_path: Path
) -> None:
    pool = new_pool(size=1)
    go_on = tmp_path / "go on"
    os.mkfifo(go_on)
    held = pool.submit(targets.text_of, str(go_on))  # the only worker takes nothing else
    large = b"x" * (3 << 20)  # of which the ring takes so few that the others wait
    before = [pool.submit(len, large) for _ in range(5)]
    leaving = pool.submit(targets.square, Leaving())
    after = pool.submit(targets.square, 3)
    go_on.write_text("now")
    assert held.result(LONG) == "now"
    assert isinstance(leaving.exception(LONG), SystemExit)
    assert [future.result(LONG) for future in before] == [len(large)] * 5
    assert after.result(LONG) == 9
