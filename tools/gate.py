"""Runs pytest as the gate does: python tools/gate.py [--each] [what pytest takes]

--each: one run for each distribution's tests, and one for those under tests/.  A process that has collected
all of them is several hundred MB large, which each fork and each look for garbage has to go through.

Five things are added, output and exit status are pytest's own, with --each the first that is not 0:

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

ROOT = Path(__file__).resolve().parents[1]
EACH = "--each"
NO_TESTS = 5  # pytest's exit status where nothing was collected, or all of it was left out
INSIDE = "--inside"  # FILE: this is the process of the tests; it says in FILE that pytest came to its end
ALONE = "--alone"  # the same, for a test that is run again
MEASURED = "--measured"  # the same, for tests whose lines are counted (tools/covered)
stopped: list[int] = []  # the signals that have asked for the end


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
    if kind != ALONE:
        import chosen_tests
        from gate_plugin import FreezeCollected, RunAgain

        plugins += [FreezeCollected(), *chosen_tests.plugins()]
        plugins += [RunAgain(marker.parent)] if kind == INSIDE else []
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

        def stop(number: int, frame: object) -> None:
            stopped.append(number)
            if number == signal.SIGTERM:  # Ctrl-C at a terminal reaches both processes
                child.send_signal(number)

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        status = child.wait()
        if status < 0:
            print(f"gate: the test process was killed by {signal.Signals(-status).name}", flush=True)
            return 128 - status
        if status == 0 and not marker.exists():
            print("gate: the test process ended with status 0 before pytest did: FAILED", flush=True)
            return 1
        return status


def folders() -> list[str]:
    """Where tests are, as pytest finds them by testpaths."""
    found = [*sorted(ROOT.glob("packages/*/tests")), ROOT / "tests"]
    return [str(folder.relative_to(ROOT)) for folder in found if folder.is_dir()]


def names_tests(arguments: list[str]) -> bool:
    """Whether files or folders are named: then it is they that are to run."""
    words = (word.partition("::")[0] for word in arguments if not word.startswith("-"))
    return any(Path(ROOT, word).exists() for word in words)


def run_each(arguments: list[str]) -> int:
    """All runs, also after one that fails, but not after a signal; it is a failure if none has any test."""
    if names_tests(arguments):
        return run(arguments)
    statuses: list[int] = []
    for folder in folders():
        statuses.append(run([folder, *arguments]))
        if stopped:
            return statuses[-1] or 1
    ran = [status for status in statuses if status != NO_TESTS]
    return next((status for status in ran if status), 0) if ran else NO_TESTS


if __name__ == "__main__":
    if sys.argv[1:2] in ([INSIDE], [ALONE], [MEASURED]):
        sys.exit(run_inside(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
    if sys.argv[1:2] == [EACH]:
        os.chdir(ROOT)
        sys.exit(run_each(sys.argv[2:]))
    sys.exit(run(sys.argv[1:]))
