"""The names in /dev/shm that jobs leave.

Where a /dev/shm of our own can be mounted all that is there after a job is what it left.  Elsewhere others
make names, too: only those count that nobody has mapped, and they stay where they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gate
from stress.process_pool_kills import Traces, is_mapped

SHM = Path("/dev/shm")
TOOLS = Path(__file__).resolve().parents[1]


def own_shm_is_allowed() -> bool:
    """Asked in another process: one that has its own keeps it."""
    ask = "import gate, sys; sys.exit(not gate.mount_own_shm())"
    return subprocess.run([sys.executable, "-c", ask], cwd=TOOLS).returncode == 0


class Names:
    def __init__(self) -> None:
        self.own = gate.mount_own_shm()
        self.before = self.now()

    def now(self) -> set[str]:
        return set(os.listdir(SHM)) if self.own else Traces.now()

    def left(self) -> set[str]:
        """What the last job has left; asked for after each."""
        left = self.now() - self.before
        if not self.own:
            left = {name for name in left if not is_mapped(name)} & self.now()
        for name in left if self.own else ():
            (SHM / name).unlink(missing_ok=True)
        self.before = self.now()
        return left
