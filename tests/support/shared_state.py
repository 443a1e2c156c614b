"""What tests of hasten.multiprocessing's locks, conditions, events and barriers share, also with their
child processes.

A child that is spawned imports this module, so it imports little.  A test file imports the fixtures it uses.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import util
from typing import Any

LONG = 30.0  # seconds: what a blocked call may take before it counts as hanging


class Maker:
    """One implementation, with one context: `maker.Lock()` is that of the module with ctx=."""

    def __init__(self, module: Any, method: str = "fork") -> None:
        self.module = module
        self.context = multiprocessing.get_context(method)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def make(*args: Any, **options: Any) -> Any:
            return getattr(self.module, name)(*args, ctx=self.context, **options)

        return make


def forked(function: Callable[..., Any], *args: Any) -> int:
    """The pid of a child that calls the function and ends with status 0, or with 1 if that raises."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            util._run_after_forkers()  # type: ignore[attr-defined]  # as multiprocessing's own children do
            function(*args)
            status = 0
        finally:
            os._exit(status)
    return pid


def ended(pid: int, seconds: float = LONG) -> int:
    """The wait status of a child; one that hangs is killed, and fails the test."""
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.001)


def killed(pid: int) -> None:
    """Kill a child, for good: it is reaped."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def sleeps(pid: int) -> bool:
    """Whether the main thread of a process sleeps, as far as one can see: eight looks in a row."""
    for _ in range(8):
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] != "S":
                return False
        time.sleep(0.0005)
    return True


def take_and_hold(lock: Any, taken: int) -> None:
    """Take the lock, say so by a byte on the descriptor, and keep it."""
    lock.acquire()
    os.write(taken, b".")
    time.sleep(LONG)


def holder_of(lock: Any) -> int:
    """The pid of a forked child that has the lock."""
    reader, writer = os.pipe()
    pid = forked(take_and_hold, lock, writer)
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    return pid


def use_all(lock: Any, rlock: Any, semaphore: Any, condition: Any, event: Any, barrier: Any) -> None:
    """For a child: each of them once, in step with the parent."""
    with lock, rlock, rlock:
        pass
    semaphore.release()
    with condition:
        condition.notify_all()
    assert event.wait(LONG)
    barrier.wait(LONG)
