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
    ("test_barrier.py", "hasten or action or generation"),
    ("test_condition.py", "hasten"),
    ("test_event.py", "hasten or sleep"),
    ("test_semaphore.py", "hasten or sleep"),
    ("test_wait_signals.py", "handler or interrupt or keyboard"),
    ("test_fork_in_wait.py", "fork or child"),
    ("test_stress.py", "stress"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    command = [
        *[sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", selection],
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
