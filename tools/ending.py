"""Ending what a run of other programs has left: the processes of its session, and those that carry its mark.

A mark is an entry of the environment, NAME=value: by it those are found, too, that made themselves daemons.

Resource trackers (multiprocessing's, loky's, joblib's) go last, and by themselves: a tracker ends once nobody
is left whom it serves, and removes what they had named in /dev/shm.  Once it is killed nobody does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

TRACKER = b"resource_tracker"  # in the command line of each
POLL = 0.05  # seconds between two looks
KILLING = 10.0  # seconds for the kills: a process may be starting another one
CLEANING = 30.0  # seconds for the trackers


def running(session: int, mark: str) -> list[int]:
    """The living processes of a session, or with a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            state, its_session = fields[0], int(fields[3])
            mine = its_session == session or mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        except (OSError, IndexError, ValueError):
            continue
        if mine and state != "Z":
            found.append(int(entry.name))
    return found


def command_of(pid: int) -> bytes:
    """The words of its command line, each with a NUL after it; nothing once it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def but_trackers(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if TRACKER not in command_of(pid)]


def signal_all(pids: Iterable[int], signum: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def wait_while(busy: Callable[[], Collection[object]], seconds: float) -> None:
    """Until it finds nothing, for some seconds at most."""
    patience = time.monotonic() + seconds
    while busy() and time.monotonic() < patience:
        time.sleep(POLL)


def end_all(session: int, mark: str) -> None:
    """Kill all of a run, and let its trackers do their work."""

    def kill() -> list[int]:
        there = but_trackers(running(session, mark))
        signal_all(there, signal.SIGKILL)
        return there

    wait_while(kill, KILLING)
    wait_while(lambda: running(session, mark), CLEANING)
    signal_all(running(session, mark), signal.SIGKILL)
