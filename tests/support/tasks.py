"""Threads with results, and programs in an interpreter of their own.

Fixtures: `spawn`, `until_fixture` (used by the name `until`) and `python`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LONG = 30.0  # seconds: what a blocked call may take before it counts as hanging


def until(condition: Callable[[], Any], seconds: float = LONG) -> None:
    """Return as soon as *condition()* is true; fail when it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not true after {seconds} s: {condition}"
        time.sleep(0.001)


class Task(threading.Thread):
    """A thread with a result.  Daemonic, so that one that hangs fails a test and not the run."""

    def __init__(self, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        super().__init__(daemon=True)
        self.call = function, args, options
        self.error: BaseException | None = None
        self.value: Any = None

    def run(self) -> None:
        function, args, options = self.call
        try:
            self.value = function(*args, **options)
        except BaseException as error:
            self.error = error
        finally:
            del self.call, function, args, options  # a test may count references

    def result(self, seconds: float = LONG) -> Any:
        self.join(seconds)
        assert not self.is_alive(), "the thread hangs"
        if self.error is not None:
            raise self.error
        return self.value

    def settle(self) -> Task:
        """Wait until the thread sleeps or is over: seen asleep five times in a row with the GIL free.

        Only makes the case under test likely; no test relies on it for its verdict.
        """
        seen = 0

        def asleep() -> bool:
            nonlocal seen
            seen = seen + 1 if not self.is_alive() or self.state() in "SX" else 0
            return seen == 5

        until(asleep)
        return self

    def state(self) -> str:
        """The letter that /proc has for the thread."""
        try:
            stat = Path(f"/proc/self/task/{self.native_id}/stat").read_text()
        except OSError:
            return "X"
        return stat.rpartition(")")[2].split()[0]


@pytest.fixture
def spawn() -> Iterator[Callable[..., Task]]:
    """Start a function in a thread; the test fails if it still runs at the end."""
    tasks: list[Task] = []

    def start(function: Callable[..., Any], *args: Any, **options: Any) -> Task:
        task = Task(function, *args, **options)
        tasks.append(task)
        task.start()
        return task

    yield start
    for task in tasks:
        task.join(LONG)
    assert not any(task.is_alive() for task in tasks), "a thread hangs"


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., None]:
    return until


@pytest.fixture
def python() -> Callable[..., str]:
    """Run a program in a new interpreter and return what it printed; it must exit with 0."""

    def run(program: str, *options: str, seconds: float = 60, env: dict[str, str] | None = None) -> str:
        command = [sys.executable, "-X", "faulthandler", *options, "-c", program]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env={**os.environ, **(env or {})}
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
        assert not done.stderr, done.stderr
        return done.stdout

    return run
