"""Child processes to look at: programs for them to run, and what /proc says of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def script(code: str, *args: str | bytes) -> list[str | bytes]:
    """The command that runs *code* in an interpreter which imports next to nothing."""
    return [sys.executable, "-I", "-S", "-c", code, *args]


def status_of(pid: int) -> dict[str, str]:
    """The lines of /proc/PID/status; a zombie has one too."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def descriptors_of(pid: int) -> dict[int, str]:
    """The file descriptors a process has open, and what they lead to."""
    folder = f"/proc/{pid}/fd"
    found = {}
    for name in os.listdir(folder):
        try:
            found[int(name)] = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
    return found


def is_gone(pid: int) -> bool:
    """Is there no such process, not even a zombie?"""
    return not os.path.exists(f"/proc/{pid}")


def has_ended(pid: int) -> bool:
    """Is the process a zombie, or gone?"""
    try:
        return status_of(pid)["State"][0] in "ZX"
    except OSError:
        return True


def children_left() -> list[psutil.Process]:
    """The children of this process, zombies too, but for those that multiprocessing keeps for itself."""
    children = psutil.Process().children()
    return [child for child in children if not any("multiprocessing." in word for word in words_of(child))]


def words_of(process: psutil.Process) -> list[str]:
    """The command line of a process; that of a zombie is empty."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def outcome_of(program: str, *options: str, seconds: float = 50, **popen: object) -> tuple[int, str, str]:
    """Run *program* in a new interpreter: exit status, what it printed, and what it said on stderr."""
    command = [sys.executable, "-X", "faulthandler", *options, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **popen)  # type: ignore[call-overload]
    return done.returncode, done.stdout, done.stderr


def has_pidfds() -> bool:
    """Whether processes are waited for by pidfds; else spawned children are started in the stdlib's way."""
    from hasten.multiprocessing import popen_fork

    return popen_fork._PIDFDS


def has_zygote() -> bool:
    """Whether the fork server's children are forked by a process of ours; else by the server itself."""
    from hasten.multiprocessing import popen_forkserver

    return has_pidfds() and popen_forkserver._ZYGOTE
