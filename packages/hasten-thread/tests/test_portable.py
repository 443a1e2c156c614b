"""The locks, handles and starts again, on the portable parking that stands in where there is no futex."""

import os
import pathlib
import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["test_locks.py", "test_handles.py", "test_start.py"])
def test_portable(name):
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not stdlib",
         "--import-mode=importlib", str(pathlib.Path(__file__).with_name(name))],
        env={**os.environ, "HASTEN_PORTABLE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert " passed" in finished.stdout
