"""What all tests of hasten.sched share.

The body of a test runs over the fixture `impl`: once over the standard library's `sched`, which is the
oracle, and once over ours.
"""

from __future__ import annotations

import sched
from types import ModuleType
from typing import Any

import pytest

import hasten.sched

SIX_FIELDS = hasattr(sched.Event, "sequence")  # 3.10+; before, ties have no certain order


class Clock:
    """Simulated time.  What it was asked to sleep is in `slept`, what happened at all in `log`."""

    def __init__(self, now: Any = 0) -> None:
        self.now = now
        self.slept: list[Any] = []
        self.log: list[Any] = []

    def time(self) -> Any:
        return self.now

    def sleep(self, delay: Any) -> None:
        self.slept.append(delay)
        self.now += delay

    def note(self, *arguments: Any, **options: Any) -> None:
        """An action."""
        self.log.append((self.now, *arguments, *options.items()))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[sched, hasten.sched], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone for a test of ties where the stdlib has no order for them."""
    if request.node.get_closest_marker("ties") and request.param is sched and not SIX_FIELDS:
        pytest.skip("before 3.10 the standard library has no certain order of ties")
    return request.param


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ties: events that differ in their sequence number only")
