"""What all tests of hasten.subprocess share.

The body of a test runs over the fixture `impl`: once over the standard library's `subprocess`, which is the
oracle, and once over ours.  What the running version's standard library lacks, or does worse, runs over
ours alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import hasten.subprocess


@pytest.fixture(params=[subprocess, hasten.subprocess], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone where the mark `since` says that the running stdlib is too old."""
    for mark in request.node.iter_markers("since"):
        if request.param is subprocess and sys.version_info < mark.args:
            pytest.skip(f"the standard library does so since {mark.args}")
    return request.param


@pytest.fixture
def cat(impl: ModuleType) -> Iterator[Callable[..., Any]]:
    """Start a `cat` with pipes to and from it that has echoed a byte: what /proc says of it is settled."""
    started = []

    def start(**options: Any) -> Any:
        pipes = {"stdin": impl.PIPE, "stdout": impl.PIPE}
        child = impl.Popen(["cat"], bufsize=0, **{**pipes, **options})
        started.append(child)
        child.stdin.write(b".")
        assert child.stdout.read(1) == b"."
        return child

    yield start
    for child in started:
        child.kill()
        with child:
            """Its pipes are closed and it is waited for."""


@pytest.fixture
def sleeper(impl: ModuleType) -> Iterator[Callable[..., Any]]:
    """Start a child that sleeps for a long time; it is killed at the end of the test."""
    started = []

    def start(**options: Any) -> Any:
        child = impl.Popen(["sleep", "1000"], **options)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.returncode is None:
            os.kill(child.pid, 9)
        with child:
            """Its pipes are closed and it is waited for."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "since(3, x): runs over ours alone where the stdlib is older")
