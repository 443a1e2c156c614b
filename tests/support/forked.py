"""Checks in a forked child."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

CHILD_LIMIT = 30  # seconds

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")


def child_of_fork(check: Callable[[], Any]) -> int:
    """Run *check* in a forked child, whose pid this returns; its exit status is 0 if nothing was raised."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            check()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def status_of(pid: int) -> int:
    """The wait status of a child, which is killed when it takes too long; it shows its stacks then."""
    end = time.monotonic() + CHILD_LIMIT
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > end:
            os.kill(pid, signal.SIGABRT)  # pytest's faulthandler is there in the child too
            os.waitpid(pid, 0)
            pytest.fail("the child hangs")
        time.sleep(0.002)


def in_child(check: Callable[[], Any]) -> None:
    """Run *check* in a forked child; fail if it fails there."""
    assert status_of(child_of_fork(check)) == 0, "the child failed"
