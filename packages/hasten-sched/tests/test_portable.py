"""The tests of sleeping once more without the futex: HASTEN_PORTABLE=1 is read at import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.environ.get("HASTEN_PORTABLE") == "1", reason="this is that run")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name, selection", [
    ("test_waking.py", "not seconds"),
    ("test_threads.py", "sleeping"),
    ("test_fork_and_exit.py", "sleeps"),
])  # fmt: skip
def test_without_futex(name, selection, request):
    options = ["-q", "-p", "no:cacheprovider", "-k", selection]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(HERE / name)],
        env={**os.environ, "HASTEN_PORTABLE": "1"},
        cwd=request.config.rootpath,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert " passed" in done.stdout
