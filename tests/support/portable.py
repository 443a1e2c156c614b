"""Tests run once more without the futex: HASTEN_PORTABLE=1 is read at import, so in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 280


def run_without_futex(path: Path, selection: str, root: Path) -> None:
    """The tests in the file *path* that *selection* (of pytest's -k) chooses; some must run, and all pass."""
    if os.environ.get("HASTEN_PORTABLE") == "1":
        pytest.skip("this is that run")
    options = ["-q", "-p", "no:cacheprovider", "-k", selection]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(path)],
        env={**os.environ, "HASTEN_PORTABLE": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert " passed" in done.stdout
