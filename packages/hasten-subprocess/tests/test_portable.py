"""The tests once more by the portable ways of starting and waiting: HASTEN_PORTABLE=1 is read at import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.environ.get("HASTEN_PORTABLE") == "1", reason="this is that run")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [
    "test_abandoned.py",
    "test_close_fds.py",
    "test_command.py",
    "test_communicate.py",
    "test_communicate_timeout.py",
    "test_end_of_child.py",
    "test_environment.py",
    "test_interrupt.py",
    "test_kill_tree_use.py",
    "test_out_of_descriptors.py",
    "test_preexec.py",
    "test_races.py",
    "test_run.py",
    "test_streams.py",
    "test_wait_any_use.py",
    "test_who_the_child_is.py",
    "test_wrong_types.py",
])  # fmt: skip
def test_portable(name, request):
    command = [
        *[sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not stdlib"],
        HERE / name,
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
