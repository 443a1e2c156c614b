"""The tests that failed once and passed when they were run again: how many of them a gate forgives.

All runs of a gate (.ci/run, or one call of tox) write into one folder, HASTEN_GATE, so that the limit is
that of the gate and not of each environment.  Without such a folder the limit is that of the process.

A line of the list reads `FLAKY <environment> <test id>`.  Each of them is to be mended.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

FOLDER = "HASTEN_GATE"
LIMIT = 3  # so many are forgiven; the next one fails the gate
AGAIN = 2  # so often a test that failed must pass when it is run again, alone


def line_of(environment: str, test: str) -> str:
    return f"FLAKY {environment} {test}"


class Forgiven:
    """The list of a gate.  Entries are added under a lock: environments run side by side."""

    def __init__(self) -> None:
        folder = os.environ.get(FOLDER)
        self.file = Path(folder, "flaky") if folder else None
        self.lines: list[str] = []
        self.lock = threading.Lock()

    def add(self, environment: str, test: str) -> bool:
        """Put a test on the list; False when there was no room left for it (it is on the list even so)."""
        line = line_of(environment, test)
        if self.file is None:
            with self.lock:
                self.lines.append(line)
                return len(self.lines) <= LIMIT
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.file, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            before = len(file.readlines())
            file.write(f"{line}\n")
            file.flush()  # before the lock goes, which goes when the file is closed
        return before < LIMIT
