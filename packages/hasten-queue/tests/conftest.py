"""What all tests of hasten.queue share.

The body of a test runs over the fixture `impl`: once over the standard library's `queue`, which is the
oracle, and once over ours.  What the running version's standard library lacks runs over ours alone.
"""

from __future__ import annotations

import queue
from types import ModuleType
from typing import Any

import pytest

import hasten.queue


@pytest.fixture(params=[queue, hasten.queue], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone where the mark `ours_without(NAME)` names what the stdlib lacks."""
    mark = request.node.get_closest_marker("ours_without")
    if mark and request.param is queue and not all(hasattr(*pair) for pair in lacking(mark.args)):
        pytest.skip(f"the standard library has no {', '.join(mark.args)}")
    return request.param


def lacking(names: tuple[str, ...]) -> list[tuple[Any, str]]:
    return [(queue.Queue if name[0].islower() else queue, name) for name in names]


@pytest.fixture(params=["Queue", "LifoQueue", "PriorityQueue"])
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a class with tasks and hooks."""
    return request.param


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "ours_without(name): runs over ours alone if the stdlib's Queue lacks it"
    )
