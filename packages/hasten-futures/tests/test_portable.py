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
    ("test_future_timeouts.py", "hasten"),
    ("test_future_signals.py", "hasten and (handler or signals or ctrl)"),
    ("test_wait_races.py", "hasten"),
    ("test_pool_workers.py", "hasten and (idle or blocked or enough)"),
    ("test_pool_shutdown_timeout.py", "over or again"),
    ("test_pool_fork.py", "child or others or worker"),
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
