"""What all tests of hasten.futures share.

The body of a test runs over the fixture `impl`: once over the standard library's `concurrent.futures`, which
is the oracle, and once over ours.  What the running version's standard library lacks, or does worse, runs
over ours alone.
"""

from __future__ import annotations

import concurrent.futures
import logging
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from support.process_pools import method, new_pool  # noqa: F401

import hasten.futures


@pytest.fixture(params=[concurrent.futures, hasten.futures], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone where a mark says that the standard library has not got there yet."""
    if request.param is concurrent.futures:
        if request.node.get_closest_marker("ours"):
            pytest.skip("the standard library does not do so")
        since = request.node.get_closest_marker("since")
        if since and sys.version_info < since.args:
            pytest.skip(f"the standard library does so since {since.args}")
    return request.param


@pytest.fixture
def make_pool(impl: ModuleType) -> Iterator[Callable[..., Any]]:
    """Makes thread pools, which are shut down when the test is over."""
    pools: list[Any] = []

    def make(*args: Any, **options: Any) -> Any:
        pool = impl.ThreadPoolExecutor(*args, **options)
        pools.append(pool)
        return pool

    yield make
    while pools:
        pools.pop().shutdown(cancel_futures=True)


class Log(logging.Handler):
    """The records of the logger `concurrent.futures`."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    @property
    def errors(self) -> list[BaseException | None]:
        return [record.exc_info[1] if record.exc_info else None for record in self.records]


@pytest.fixture
def log() -> Iterator[Log]:
    """What goes to the logger of the standard library's module, which both write to."""
    logger, handler = logging.getLogger("concurrent.futures"), Log()
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    yield handler
    logger.propagate = propagate
    logger.removeHandler(handler)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ours: runs over ours alone")
    config.addinivalue_line("markers", "since(3, x[, y]): runs over ours alone where the stdlib is older")
