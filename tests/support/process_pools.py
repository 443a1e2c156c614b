"""What the tests of ProcessPoolExecutor share: pools that are shut down, and the start methods."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.tasks import LONG, until

METHODS = ["fork", "spawn", "forkserver"]
QUICK = "fork"


@pytest.fixture
def new_pool(impl: Any) -> Iterator[Callable[..., Any]]:
    """Makes process pools, which are killed when the test is over, as far as they are still there."""
    pools: list[Any] = []

    def make(method: str = QUICK, size: int = 2, **options: Any) -> Any:
        pool = impl.ProcessPoolExecutor(size, mp_context=multiprocessing.get_context(method), **options)
        pools.append(pool)
        return pool

    yield make
    while pools:
        pool = pools.pop()
        for process in (pool._processes or {}).values():
            process.kill()
        pool.shutdown(cancel_futures=True)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Any:
    return request.param


def kill(process: Any) -> None:
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def until_gone(pids: list[int]) -> None:
    """Wait until these processes have ended, or are zombies that somebody has yet to reap."""

    def gone(pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    until(lambda: all(map(gone, pids)))


# ---- what workers that are forks run ----

the_event: Any = None


def remember_event(event: Any) -> None:
    global the_event
    the_event = event


def wait_for_event() -> bool:
    return bool(the_event.wait(LONG))


def wait_for_each_other(me: int) -> bool:
    the_event[me].set()
    return bool(the_event[1 - me].wait(LONG))
