"""Whether `python -m hasten` replaces the modules in an interpreter: by its own report.

What is replaced calls itself by the standard library's names, so that nothing else tells.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

PROBE = "import queue, threading, subprocess, concurrent.futures, multiprocessing.pool"


class NotLaunched(Exception):
    """The interpreter is not there or has no hasten; the text is one line with the way out."""


def checked(python: str) -> str:
    """The interpreter's full path."""
    found = shutil.which(python)
    if found is None:
        raise NotLaunched(f"{python} is not on PATH; name an interpreter, such as {sys.executable}")
    probe = subprocess.run([found, "-m", "hasten", "--report", "-c", PROBE], capture_output=True, text=True)
    report = [line for line in probe.stderr.splitlines() if line.startswith("  ")]
    without = [line.split()[0] for line in report if " hasten." not in line]
    if probe.returncode or not report or without:
        last = ", ".join(without) or (probe.stderr.strip().splitlines() or ["no report"])[-1]
        raise NotLaunched(
            f"{python} -m hasten does not replace all modules ({last}); "
            f"install it: {python} -m pip install ./packages/*"
        )
    return found
