"""What all tests of hasten.sched share.

The body of a test runs over the fixture `impl`: once over the standard library's `sched`, which is the
oracle, and once over ours.
"""

from __future__ import annotations

import os
import sched
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import interruptible  # noqa: F401
import pytest
from leftovers import nothing_left_at_the_end, nothing_left_behind  # noqa: F401

import hasten.sched

LONG = 30.0  # seconds: what a blocked call may take before it counts as hanging
SIX_FIELDS = hasattr(sched.Event, "sequence")  # 3.10+; before, ties have no certain order


def until(condition: Callable[[], Any], seconds: float = LONG) -> None:
    """Return as soon as *condition()* is true; fail when it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not true after {seconds} s: {condition}"
        time.sleep(0.001)


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
            del self.call, function, args, options

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
            seen = seen + 1 if not self.is_alive() or state_of(self.native_id) in "SX" else 0
            return seen == 5

        until(asleep)
        return self


def state_of(native_id: int | None) -> str:
    """The letter that /proc has for a thread."""
    try:
        stat = Path(f"/proc/self/task/{native_id}/stat").read_text()
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
def when_main_sleeps(spawn: Callable[..., Task]) -> Callable[[Callable[[], Any]], Task]:
    """Run an action in a thread as soon as the main thread sleeps with the GIL free."""

    def wait_and_act(action: Callable[[], Any]) -> None:
        seen = 0

        def asleep() -> bool:
            nonlocal seen
            seen = seen + 1 if state_of(os.getpid()) == "S" else 0
            return seen == 20

        until(asleep)
        action()

    return lambda action: spawn(wait_and_act, action)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[sched, hasten.sched], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test; ours alone for a test of ties where the stdlib has no order for them."""
    if request.node.get_closest_marker("ties") and request.param is sched and not SIX_FIELDS:
        pytest.skip("before 3.10 the standard library has no certain order of ties")
    return request.param


@pytest.fixture
def python() -> Callable[..., str]:
    """Run a program in a new interpreter and return what it printed; it must exit with 0."""

    def run(program: str, *options: str, seconds: float = 60) -> str:
        command = [sys.executable, "-X", "faulthandler", *options, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
        assert not done.stderr, done.stderr
        return done.stdout

    return run


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ties: events that differ in their sequence number only")
