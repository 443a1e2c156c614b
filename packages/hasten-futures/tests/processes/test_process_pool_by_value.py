"""ProcessPoolExecutor(serializer="cloudpickle"): lambdas, closures and what is defined in `__main__`."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from typing import Any

import pytest
from support import pool_targets as targets
from support.tasks import LONG

pytestmark = pytest.mark.ours
pytest.importorskip("cloudpickle")

PROGRAM = """
import multiprocessing, os, sys
from hasten.futures import ProcessPoolExecutor

class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x
    def twice(self):
        return Point(self.x * 2)

class Own(Exception):
    pass

def fail(point):
    raise Own(point)

def helper(point):
    return point.twice()

def start(n):
    sys.started = n

if __name__ == "__main__":
    context = multiprocessing.get_context(os.environ["METHOD"])
    options = dict(serializer="cloudpickle", initializer=start, initargs=(lambda: 4,))
    with ProcessPoolExecutor(2, mp_context=context, **options) as pool:
        assert pool.submit(helper, Point(2)).result(30) == Point(4)
        assert type(pool.submit(lambda: Point(3)).result(30)) is Point
        assert pool.submit(Point(5).twice).result(30) == Point(10)
        assert pool.submit(lambda: sys.started()).result(30) == 4
        error = pool.submit(fail, Point(1)).exception(30)
        assert type(error) is Own and error.args == (Point(1),)
        assert list(pool.map(helper, map(Point, range(9)), chunksize=2)) == [Point(2 * n) for n in range(9)]
    print("fine")
"""


@pytest.fixture
def pool(new_pool: Any, method: str) -> Any:
    return new_pool(method, serializer="cloudpickle")


def test_what_has_no_name(pool: Any) -> None:
    base = 10

    def closure(x: int) -> Any:
        return lambda y: base + x + y

    assert pool.submit(lambda: 3).result(LONG) == 3
    assert pool.submit(closure, 1).result(LONG)(2) == 13
    assert pool.submit(lambda f: f(1)(5), closure).result(LONG) == 16
    assert list(pool.map(lambda n: n + base, range(20))) == list(range(10, 30))
    assert list(pool.map(lambda n: n + base, range(20), chunksize=3)) == list(range(10, 30))
    base = 20
    assert pool.submit(closure, 1).result(LONG)(2) == 23


def test_what_has_one(pool: Any) -> None:
    assert [pool.submit(targets.square, n).result(LONG) for n in range(9)] == [n * n for n in range(9)]
    large = bytes(300_000)
    assert pool.submit(targets.grown, large, 7).result(LONG) == large + b"\7"
    assert isinstance(pool.submit(targets.fail, 1).exception(LONG), ValueError)


def test_what_nobody_can_pickle(pool: Any) -> None:
    lock = threading.Lock()
    futures = [
        pool.submit(lambda: lock),
        pool.submit(targets.square, lock),
        pool.submit(lambda: threading.Lock()),
        pool.submit(targets.Locked),
        pool.submit(targets.square, targets.Locked()),
    ]
    fine = [pool.submit(lambda n=n: n) for n in range(5)]
    assert all(isinstance(future.exception(LONG), TypeError) for future in futures)
    assert [future.result(LONG) for future in fine] == list(range(5)) and not pool._broken


def test_what_cannot_be_unpickled(pool: Any) -> None:
    futures = [pool.submit(targets.square, targets.Trap()), pool.submit(lambda: targets.Trap())]
    assert all("unpickled" in str(future.exception(LONG)) for future in futures)
    assert pool.submit(lambda: 5).result(LONG) == 5 and not pool._broken


def test_an_exception_with_a_lambda_in_it(new_pool: Any) -> None:
    def fail() -> None:
        raise ValueError(lambda: 7)

    assert new_pool(serializer="cloudpickle").submit(fail).exception(LONG).args[0]() == 7


def test_calls_that_are_made_again(new_pool: Any, tmp_path: Any) -> None:
    pool = new_pool(serializer="cloudpickle", on_crash="retry")
    assert pool.submit(lambda: targets.die_until(str(tmp_path), 2)).result(LONG) == 2


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_shared_objects_go_to_new_processes(new_pool: Any, method: str) -> None:
    """As with the standard library: by the initializer."""
    event = multiprocessing.get_context(method).Event()
    pool = new_pool(method, 1, serializer="cloudpickle", initializer=lambda e: e.set(), initargs=(event,))
    assert pool.submit(lambda: 1).result(LONG) == 1
    assert event.wait(LONG)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_is_in_main(python: Any, method: str) -> None:
    assert "fine" in python(PROGRAM, env={"METHOD": method})


def test_plain_pickle_is_the_default(new_pool: Any) -> None:
    assert new_pool().submit(lambda: 3).exception(LONG) is not None


def test_no_such_serializer(new_pool: Any) -> None:
    with pytest.raises(ValueError, match="serializer must be .*'dill'"):
        new_pool(serializer="dill")


def test_without_cloudpickle(new_pool: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(ImportError, match=r"pip install 'hasten-futures\[cloudpickle\]'") as caught:
        new_pool(serializer="cloudpickle")
    assert caught.value.name == "cloudpickle"
