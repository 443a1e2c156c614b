"""Signals for a main thread that waits.

Fixtures: `on_signal` and `when_main_sleeps`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.tasks import Task, until

MAIN = threading.main_thread().ident or 0
SENDERS: dict[str, Callable[[], Any]] = {
    "pthread_kill": lambda: signal.pthread_kill(MAIN, signal.SIGUSR1),
    "kill": lambda: os.kill(os.getpid(), signal.SIGUSR1),
}


class Interrupt(Exception):
    """What interrupt() raises."""


def interrupt() -> None:
    raise Interrupt


@pytest.fixture
def on_signal() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Let a function handle SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)
    yield lambda function: signal.signal(signal.SIGUSR1, lambda *_: function())
    signal.signal(signal.SIGUSR1, before)


@contextmanager
def alarm(seconds: float, handler: Callable[..., Any]) -> Iterator[None]:
    """Have SIGALRM come in so many *seconds*, and *handler* handle it while the block runs."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def until_asleep(pid: int, thread: int | None = None) -> None:
    """Return when a thread of a process (its native_id, or the main one) seems to sleep for good."""
    seen = 0

    def asleep() -> bool:
        nonlocal seen
        with open(f"/proc/{pid}/task/{thread or pid}/stat") as stat:
            seen = seen + 1 if stat.read().rpartition(")")[2].split()[0] == "S" else 0
        return seen == 20

    until(asleep)


@pytest.fixture
def when_main_sleeps(spawn: Callable[..., Task]) -> Callable[[Callable[[], Any]], Task]:
    """Run an action in a thread as soon as the main thread sleeps with the GIL free."""

    def wait_and_act(action: Callable[[], Any]) -> None:
        until_asleep(os.getpid())
        action()

    return lambda action: spawn(wait_and_act, action)
