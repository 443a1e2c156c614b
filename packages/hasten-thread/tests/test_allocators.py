"""Threads under allocators with hooks, which take the GIL anywhere: exit and fork do not hang."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

OPTIONS = {
    "tracemalloc": (["-X", "tracemalloc"], {}),
    "debug": ([], {"PYTHONMALLOC": "debug"}),
    "dev": (["-X", "dev"], {}),
}

AT_EXIT = """
import hasten._thread as t
for _ in range(20):
    t.start_new_thread(int, ())
    t.start_joinable_thread(int)
"""

AT_FORK = """
import os, warnings
import hasten._thread as t
warnings.simplefilter("ignore")
for turn in range(10):
    handles = [t.start_joinable_thread(int) for _ in range(5)]
    pid = os.fork()
    if pid == 0:
        h = t.start_joinable_thread(int)
        h.join()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    for h in handles:
        h.join()
"""


@pytest.mark.parametrize("source", [AT_EXIT, AT_FORK], ids=["exit", "fork"])
@pytest.mark.parametrize("option", OPTIONS)
def test_exit_and_fork(option, source):
    arguments, environment = OPTIONS[option]
    for _ in range(5):
        finished = subprocess.run(
            [sys.executable, "-X", "faulthandler", *arguments, "-c", source],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
        )
        assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
