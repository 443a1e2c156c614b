"""One run of a command with a limit: what it printed, what it took, and what it left running.

Every process of a run carries a mark in its environment, so that also those are found that made themselves
daemons.  At the limit each Python among them prints its threads' stacks (faulthandler); then all are killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MARK = "HASTEN_PROGRAM_RUN"
# pytest: a plugin that another program installed is not to change what is tested
SETTINGS = {"PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
SETTLE = 3.0  # seconds in which processes that are ending may end
TO_PRINT = 2.0  # seconds for the stacks
KEPT = 400_000  # characters of each stream


@dataclass(frozen=True)
class Run:
    """seconds: wall time.  status: of the process, None if the limit ended it.  left: command lines of
    processes that were still there after the end.
    """

    status: int | None
    seconds: float
    out: str
    err: str
    left: list[str]


def marked(mark: str) -> dict[int, str]:
    """The running processes that carry the mark: pid to command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                found[int(folder.name)] = b" ".join(words).decode(errors="replace")
    return found


def end_all(mark: str) -> None:
    """Kill what carries the mark, until nothing does: a process may be starting another one."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        there = marked(mark)
        if not there:
            return
        for pid in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def print_stacks(mark: str) -> None:
    for pid, command in marked(mark).items():
        if "python" in command:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)
    time.sleep(TO_PRINT)


def left_behind(mark: str) -> list[str]:
    until = time.monotonic() + SETTLE
    while (there := marked(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return sorted(there.values())


def text_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")[-KEPT:]


def run(command: list[str], limit: float, folder: Path) -> Run:
    """Run to the end or to the limit, in seconds, with `folder` as its current directory."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, **SETTINGS, MARK: mark, "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            try:
                status: int | None = child.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
                print_stacks(mark)
            seconds = time.monotonic() - begin
            left = [] if status is None else left_behind(mark)
        finally:
            end_all(mark)
            child.wait()
        return Run(status, seconds, text_of(out), text_of(err), left)
