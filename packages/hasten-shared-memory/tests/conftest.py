"""What all tests of hasten.shared_memory share.

The body of a test runs over the fixture `impl`: once over the standard library's module, which is the oracle,
and once over ours.  No test may leave a process, thread, descriptor, block or watcher behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import resource_tracker, shared_memory
from types import ModuleType
from typing import Any

import pytest

import hasten.shared_memory


@pytest.fixture(scope="session")
def family_and_tracker() -> None:
    """Both stay for the process's life."""
    block = hasten.shared_memory.SharedMemory(create=True, size=1)
    block.close()
    block.unlink()
    resource_tracker.ensure_running()


@pytest.fixture(scope="session", autouse=True)
def nothing_left_at_the_end(family_and_tracker: None, nothing_left_at_the_end: None) -> None:
    """Family and tracker are there before the session counts what it has."""


@pytest.fixture(params=[shared_memory, hasten.shared_memory], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture
def ours() -> ModuleType:
    return hasten.shared_memory


@pytest.fixture
def made() -> Iterator[list[Any]]:
    """Blocks and lists to be closed and unlinked at the end, if they are still there."""
    things: list[Any] = []
    yield things
    for thing in things:
        block = getattr(thing, "shm", thing)
        block.close()
        try:
            block.unlink()
        except FileNotFoundError:
            pass


@pytest.fixture
def block(impl: ModuleType, made: list[Any]) -> Any:
    """A block of 4096 bytes."""
    made.append(impl.SharedMemory(create=True, size=4096))
    return made[0]
