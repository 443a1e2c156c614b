"""One run of a command with a limit: what it printed, what it took, and what it left running.

At the limit each Python of the run prints its threads' stacks (faulthandler); then all are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import ending

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


def print_stacks(session: int, mark: str) -> None:
    there = ending.but_trackers(ending.running(session, mark))
    ending.signal_all([pid for pid in there if b"python" in ending.command_of(pid)], signal.SIGABRT)
    time.sleep(TO_PRINT)


def left_behind(session: int, mark: str) -> list[str]:
    """The command lines of what does not end by itself."""

    def there() -> list[int]:
        return ending.running(session, mark)

    ending.wait_while(there, SETTLE)
    commands = [ending.command_of(pid).rstrip(b"\0").replace(b"\0", b" ") for pid in there()]
    return sorted(command.decode(errors="replace") for command in commands)


def text_of(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")[-KEPT:]


def run(command: list[str], limit: float, folder: Path) -> Run:
    """Run to the end or to the limit, in seconds, with `folder` as its current directory."""
    run_name = uuid.uuid4().hex
    mark = f"{MARK}={run_name}"
    environment = {**os.environ, **SETTINGS, MARK: run_name, "XDG_CACHE_HOME": str(folder / "cache")}
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
                print_stacks(child.pid, mark)
            seconds = time.monotonic() - begin
            left = [] if status is None else left_behind(child.pid, mark)
        finally:
            ending.end_all(child.pid, mark)
            child.wait()
        return Run(status, seconds, text_of(out), text_of(err), left)
