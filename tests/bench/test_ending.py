"""What tools/crashes, tools/programs and tools/conformance end a run with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NAMED = """
import multiprocessing, subprocess, sys, time
lock = multiprocessing.get_context("spawn").Lock()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
print(lock._semlock.name, other.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def ending(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import ending

    return ending


def test_nothing_is_left_of_a_run(ending) -> None:
    """No process, in its session or out of it, and no name of a semaphore, which its tracker removes."""
    command = [sys.executable, "-c", NAMED]
    environment = {**os.environ, "HASTEN_TEST_RUN": "this one"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as run:
        name, other = run.stdout.readline().split()
        assert os.path.exists(f"/dev/shm/sem.{name[1:]}")
        assert {run.pid, int(other)} <= set(ending.running(run.pid, "HASTEN_TEST_RUN=this one"))
        ending.end_all(run.pid, "HASTEN_TEST_RUN=this one")
        run.wait()
    assert ending.running(run.pid, "HASTEN_TEST_RUN=this one") == []
    assert not os.path.exists(f"/dev/shm/sem.{name[1:]}")


def test_others_are_not_touched(ending) -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as bystander:
        ending.end_all(bystander.pid + 1_000_000, "HASTEN_TEST_RUN=nobody")
        assert bystander.poll() is None
        bystander.kill()
