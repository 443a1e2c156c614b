"""The tests of waiting once more without the futex: HASTEN_PORTABLE=1 is read at import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.environ.get("HASTEN_PORTABLE") == "1", reason="this is that run")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, selection", [
    ("test_blocking.py", "hasten and not timeouts"),
    ("test_signals.py", "not finalizer and not crash"),
    ("test_fork_and_exit.py", "fork or sleep"),
    ("test_races.py", "Queue and block or simple"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        selection,
        str(HERE / name),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "HASTEN_PORTABLE": "1"},
        cwd=request.config.rootpath,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
