"""Pool.map(progress=...), imap(progress=...): what the function is told, when, and how it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import pool_targets as targets

import hasten.multiprocessing
import hasten.multiprocessing.pool

pytest.importorskip("hasten.futures")
tqdm = pytest.importorskip("tqdm.auto")


@pytest.fixture(params=["processes", "threads"])
def pool(request: pytest.FixtureRequest) -> Iterator[Any]:
    make = {
        "processes": lambda: hasten.multiprocessing.get_context("fork").Pool(2),
        "threads": lambda: hasten.multiprocessing.pool.ThreadPool(2),
    }[request.param]
    with make() as made:
        yield made
    made.join()


class Told(list):  # type: ignore[type-arg]
    def __call__(self, done: int, total: int | None) -> None:
        self.append((done, total))


def unsized(count: int) -> Iterator[int]:
    yield from range(count)


@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("method", ["map", "starmap", "imap", "imap_unordered"])
def test_each_item_is_counted_before_the_end(pool: Any, method: str, chunksize: int) -> None:
    told = Told()
    items: Any = range(10) if method != "starmap" else [(x,) for x in range(10)]
    call = targets.square if method != "starmap" else targets.add
    got = list(getattr(pool, method)(call, items, chunksize, progress=told))
    assert sorted(got) == sorted(map(call, range(10)))
    if chunksize == 1:
        assert told == [(done, 10) for done in range(1, 11)]
    else:
        assert [total for _, total in told] == [10] * 4
        steps = [b - a for (a, _), (b, _) in zip([(0, 10), *told], told)]
        assert sorted(steps) == [1, 3, 3, 3]


def test_no_items(pool: Any) -> None:
    told = Told()
    assert pool.map(targets.square, [], progress=told) == []
    assert list(pool.imap(targets.square, iter([]), progress=told)) == []
    assert told == []


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_a_total_that_is_not_known(pool: Any, method: str) -> None:
    told = Told()
    assert sum(getattr(pool, method)(targets.square, unsized(4), progress=told)) == 14
    assert told == [(done, None) for done in (1, 2, 3, 4)]


def test_map_counts_what_it_takes_from_an_iterator(pool: Any) -> None:
    told = Told()
    pool.map(targets.square, unsized(4), 2, progress=told)
    assert told == [(2, 4), (4, 4)]


def test_what_fails_is_counted(pool: Any) -> None:
    told = Told()
    with pytest.raises(ValueError, match="no 3"):
        pool.starmap(targets.fail_on, [(3, x) for x in range(5)], 2, progress=told)
    assert told[-1] == (5, 5)


def test_what_cannot_be_pickled_is_counted() -> None:
    told = Told()
    with hasten.multiprocessing.get_context("fork").Pool(1) as pool:
        results = pool.imap(len, [[1], [threading.Lock()], [2]], progress=told)
        assert next(results) == 1
        with pytest.raises(TypeError, match="pickle"):
            next(results)
        assert next(results) == 1
    pool.join()
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_calls_come_one_at_a_time(pool: Any) -> None:
    inside: list[int] = []
    most: list[int] = []

    def report(done: int, total: int | None) -> None:
        inside.append(done)
        most.append(len(inside))
        inside.remove(done)

    pool.map(targets.square, range(200), 1, progress=report)
    assert most == [1] * 200


def test_what_the_function_raises_is_logged(pool: Any, caplog: pytest.LogCaptureFixture) -> None:
    def report(done: int, total: int | None) -> None:
        raise SystemExit(done)

    logger = logging.getLogger("multiprocessing")  # which log_to_stderr() may have cut off
    logger.addHandler(caplog.handler)
    try:
        assert pool.map(targets.square, range(3), 1, progress=report) == [0, 1, 4]
    finally:
        logger.removeHandler(caplog.handler)
    assert sum("exception calling progress" in text for text in caplog.messages) >= 3


def test_the_bar_is_closed_when_the_results_are_there(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Any] = []

    class Bar(tqdm.tqdm):  # type: ignore[misc,name-defined]
        monitor_interval = 0  # no thread
        _lock = threading.RLock()  # else a lock of multiprocessing's, with a name in /dev/shm from 3.14 on

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.closed = 0
            bars.append(self)

        def close(self) -> None:
            self.closed += not self.disable
            super().close()

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    pool.map(targets.square, range(7), 2, progress=True)
    list(pool.imap(targets.square, unsized(7), progress=True))
    pool.map(targets.square, [], progress=True)
    assert [(bar.n, bar.closed) for bar in bars] == [(7, 1), (7, 1), (0, 1)]


@pytest.mark.parametrize("method", ["map", "imap"])
def test_what_is_no_function(pool: Any, method: str) -> None:
    with pytest.raises(TypeError, match=r"progress must be True, False, None or a function .* not 3"):
        getattr(pool, method)(targets.square, [1], progress=3)
    assert not pool._cache
    assert pool.map(targets.square, [2], progress=False) == [4]


def test_a_pool_with_its_own_queues_says_that_it_cannot() -> None:
    class Own(hasten.multiprocessing.pool.Pool):
        def _setup_queues(self) -> None:
            super()._setup_queues()  # type: ignore[misc]

    with Own(1, context=hasten.multiprocessing.get_context("fork")) as pool:
        for method in ("map", "imap"):
            with pytest.raises(TypeError, match="progress=.* needs a pool that overrides none of"):
                getattr(pool, method)(targets.square, [1], progress=print)
    pool.join()
