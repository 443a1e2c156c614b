"""What the programs need, installed into the interpreter that runs them."""

from __future__ import annotations

import subprocess
from functools import cache

TO_INSTALL = 600  # seconds


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
