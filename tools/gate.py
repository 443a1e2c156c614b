"""Runs pytest as the gate does: python tools/gate.py [what pytest takes]

Five things are added, output and exit status are pytest's own:

- on most interpreters the standard library's side of the tests is left out (chosen_tests.py);
- a test that fails is run again, alone, twice (gate_plugin.py);
- what pytest has collected is kept from the garbage collector (gate_plugin.py);
- a test process that ends before pytest does, even with status 0 (os._exit(0) in a test), fails;
- where that is allowed the tests have a /dev/shm of their own: they look at what is left there, and runs on
  other interpreters beside this one make blocks too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

INSIDE = "--inside"  # FILE: this is the process of the tests; it says in FILE that pytest came to its end
ALONE = "--alone"  # the same, for a test that is run again


def inside_command(kind: str, marker: Path, arguments: list[str]) -> list[str]:
    return [sys.executable, os.path.abspath(__file__), kind, str(marker), *arguments]


CLONE_NEWNS = 0x00020000
MS_PRIVATE_FOR_ALL = 0x00040000 | 0x00004000  # MS_PRIVATE | MS_REC


def mount_own_shm() -> bool:
    """Mount an empty /dev/shm that this process and its children see; whether that is allowed (by root)."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_PRIVATE_FOR_ALL, None) != 0:
        return False
    return bool(libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, b"mode=1777") == 0)


def run_inside(kind: str, marker: Path, arguments: list[str]) -> int:
    import pytest

    mount_own_shm()
    plugins: list[object] = []
    if kind == INSIDE:
        import chosen_tests
        from gate_plugin import FreezeCollected, RunAgain

        plugins += [RunAgain(marker.parent), FreezeCollected(), *chosen_tests.plugins()]
    del sys.path[0]  # tools/: pytest's own command has no such entry
    sys.argv = ["pytest", *arguments]
    process = os.getpid()
    status = int(pytest.main(arguments, plugins))
    if os.getpid() == process:  # and not a child that a test forked and lost
        marker.write_text(str(status))
    return status


def run(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="hasten-gate-") as folder:
        marker = Path(folder, "finished")
        child = subprocess.Popen(inside_command(INSIDE, marker, arguments))
        # Ctrl-C at a terminal reaches both processes, and pytest answers it.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
        status = child.wait()
        if status < 0:
            print(f"gate: the test process was killed by {signal.Signals(-status).name}", flush=True)
            return 128 - status
        if status == 0 and not marker.exists():
            print("gate: the test process ended with status 0 before pytest did: FAILED", flush=True)
            return 1
        return status


if __name__ == "__main__":
    if sys.argv[1:2] in ([INSIDE], [ALONE]):
        sys.exit(run_inside(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
    sys.exit(run(sys.argv[1:]))
