"""An exception at any Python line of a pool's methods leaves nothing stuck: it works on, and it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import pool_targets as targets
from support.injection import at_each_line
from support.tasks import Task, until

import hasten.multiprocessing
from hasten.multiprocessing import pool as pools
from hasten.multiprocessing._pool import _outcome, _worker
from hasten.multiprocessing._pool._ends import ERROR, OK

PATIENCE = 20
SIZE = 1
FILES = [
    pools.__file__,
    os.path.join(os.path.dirname(hasten.multiprocessing.__file__), "_pool", ""),
]


@pytest.fixture(params=["fork", "threads"])
def new_pool(request: pytest.FixtureRequest) -> Callable[[], Any]:
    if request.param == "threads":
        return lambda: pools.ThreadPool(SIZE)
    return lambda: hasten.multiprocessing.get_context("fork").Pool(SIZE)


def ends_in_time(pool: Any) -> bool:
    """join(), by a thread that may hang."""
    thread = threading.Thread(target=pool.join, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return not thread.is_alive()


CALLS: dict[str, Callable[[Any], Any]] = {
    "apply_async": lambda pool: pool.apply_async(targets.square, (3,)),
    "imap": lambda pool: pool.imap(targets.square, range(3)),
    "map_async": lambda pool: pool.map_async(targets.square, range(3), 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupted_call(new_pool: Callable[[], Any], name: str) -> None:
    pool = new_pool()
    engine = pool._engine
    for place in at_each_line(lambda: CALLS[name](pool), KeyboardInterrupt, FILES):
        assert pool.apply_async(targets.square, (4,)).get(PATIENCE) == 16, place
        until(lambda: not engine.sources and not getattr(engine, "pending", None), PATIENCE)
    pool.close()
    assert ends_in_time(pool)


def test_an_interrupted_close(new_pool: Callable[[], Any]) -> None:
    used = [new_pool()]
    for place in at_each_line(lambda: used[-1].close(), KeyboardInterrupt, FILES):
        pool = used.pop()
        pool.close()
        assert ends_in_time(pool), place
        used.append(new_pool())
    used[0].join()


def test_an_iterator_that_asks_for_more_after_close(new_pool: Callable[[], Any]) -> None:
    pool = new_pool()
    results = pool.imap(targets.square, range(9), buffersize=2)
    assert results.next(PATIENCE) == 0
    until(lambda: not pool._engine.sources)
    pool.close()
    assert ends_in_time(pool)
    with pytest.raises(ValueError, match="Pool not running"):
        while True:
            results.next(PATIENCE)


def test_an_interrupted_terminate(new_pool: Callable[[], Any]) -> None:
    used = [new_pool()]
    for place in at_each_line(lambda: used[-1].terminate(), KeyboardInterrupt, FILES):
        pool = used.pop()
        pool.terminate()
        assert ends_in_time(pool), place
        used.append(new_pool())
    used[0].join()


def test_a_signal_handler_that_terminates(new_pool: Callable[[], Any]) -> None:
    """It may come at any line of terminate() itself, which goes on only after it."""

    class Interrupt(KeyboardInterrupt):
        def __init__(self, text: str) -> None:  # called at the line, before it is raised there
            used[-1].terminate()
            used[-1].join()
            super().__init__(text)

    used = [new_pool()]
    for _ in at_each_line(lambda: used[-1].terminate(), Interrupt, FILES):
        used[0] = new_pool()
    used[0].join()


def test_a_signal_handler_has_calls_made_while_the_feeder_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = hasten.multiprocessing.get_context("fork").Pool(SIZE)
    thread = pool._engine.feeder.thread
    start, results = thread.start, []

    def interrupted_start() -> None:
        results.append(pool.imap(targets.square, [3]))  # as a handler would that runs here
        start()

    monkeypatch.setattr(thread, "start", interrupted_start)
    task = Task(lambda: results.append(pool.imap(targets.square, [4])))
    task.start()
    task.result()
    assert [list(result) for result in results] == [[9], [16]]
    pool.close()
    assert ends_in_time(pool)


class Unsendable:
    """A worker's side of the tasks that holds one, and cannot answer."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.held, self.sent = list(errors), 7, []

    def answer(self, results: Any, kind: int, pieces: list[Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.held = 0
        self.sent.append((kind, pieces))


def test_a_result_for_which_there_is_no_memory_is_answered_by_that_error() -> None:
    tasks = Unsendable(KeyboardInterrupt(), MemoryError("no memory"), KeyboardInterrupt())
    _worker._answer(tasks, None, OK, [b"large"])
    [(kind, pieces)] = tasks.sent
    assert kind == ERROR
    assert isinstance(_outcome.decode_failure(b"".join(pieces))[1], MemoryError)


def test_a_worker_that_can_answer_nothing_ends() -> None:
    tasks = Unsendable(MemoryError("no memory"), OSError("nor for this"))
    with pytest.raises(OSError, match="nor for this"):
        _worker._answer(tasks, None, OK, [b"large"])
    assert tasks.held and not tasks.sent  # its parent sees what it held, and fails that
