"""The interpreter that runs the programs: what is installed there, and whether hasten replaces modules."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

PROBE = "import queue, threading, subprocess, concurrent.futures, multiprocessing.pool"
TO_INSTALL = 600  # seconds


class UsageError(Exception):
    """The programs cannot be run; the text is one line with the way out."""


def check(python: str) -> str:
    """The interpreter's full path, if `python -m hasten` replaces the modules there."""
    found = shutil.which(python)
    if found is None:
        raise UsageError(f"{python} is not on PATH; name an interpreter that has hasten's wheels")
    probe = subprocess.run([found, "-m", "hasten", "--report", "-c", PROBE], capture_output=True, text=True)
    report = [line for line in probe.stderr.splitlines() if line.startswith("  ")]
    without = [line.split()[0] for line in report if " hasten." not in line]
    if probe.returncode or not report or without:
        last = ", ".join(without) or (probe.stderr.strip().splitlines() or ["no report"])[-1]
        raise UsageError(
            f"{python} -m hasten does not replace all modules ({last}); "
            f"install it: python tools/wheelhouse.py --python {python} --install"
        )
    return found


@cache
def installed(python: str, requirement: str) -> str:
    """Install the requirement; why it could not be, in one line, or nothing."""
    command = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--prefer-binary",
        requirement,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TO_INSTALL)
    except subprocess.TimeoutExpired:
        return f"pip install {requirement} took more than {TO_INSTALL} s"
    if not done.returncode:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "error"))]
    return f"pip install {requirement}: {(errors or ['failed'])[0][:160]}"
