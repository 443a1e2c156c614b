"""tools/gate.py --each: a run for each folder of tests, and one result for all of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from distributions import ROOT

PASSES = "def test_passes():\n    assert calls() == 1\n"
FAILS = "def test_fails():\n    calls()\n    assert False\n"
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tools!r})
import gate
gate.ROOT = Path.cwd()
sys.exit(gate.run_each(sys.argv[1:]))
"""


class Each:
    """Two distributions, and tests of both."""

    def __init__(self, suite: Any) -> None:
        self.suite, self.folder = suite, suite.folder
        for name in ("packages/a/tests", "packages/b/tests", "tests"):
            (self.folder / name).mkdir(parents=True)

    def add(self, folder: str, source: str) -> None:
        self.suite.add("it", source)
        (self.folder / "test_it.py").rename(self.folder / folder / "test_it.py")

    def ran(self) -> list[str]:
        found = self.folder.rglob("test.calls")
        return sorted(str(each.parent.relative_to(self.folder)) for each in found)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM.format(tools=str(ROOT / "tools")), *arguments]
        environment = self.suite.environment()
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE)

    def status(self, *arguments: str) -> int:
        with self.begin(*arguments) as child:
            child.communicate()
        return child.returncode


@pytest.fixture
def each(suite: Any) -> Each:
    return Each(suite)


def test_all_of_them_run(each: Each) -> None:
    for name in ("packages/a/tests", "packages/b/tests", "tests"):
        each.add(name, PASSES)
    assert each.status() == 0
    assert each.ran() == ["packages/a/tests", "packages/b/tests", "tests"]


def test_one_that_fails_is_a_failure_and_the_others_run(each: Each) -> None:
    each.add("packages/a/tests", FAILS)
    each.add("packages/b/tests", PASSES)
    each.add("tests", PASSES)
    assert each.status() == 1
    assert each.ran() == ["packages/a/tests", "packages/b/tests", "tests"]


def test_a_folder_without_tests_is_none_but_no_tests_at_all_are(each: Each) -> None:
    assert each.status() == 5
    each.add("packages/b/tests", PASSES)
    assert each.status() == 0
    assert each.status("-k", "no_such_test") == 5
    assert each.status("--ignore=tests", "--ignore=packages/a", "-k", "passes") == 1  # its second call
    assert each.status("no/such/path") != 0


def test_a_crash_is_a_failure(each: Each) -> None:
    each.add("packages/a/tests", "def test_it():\n    os.kill(os.getpid(), 9)\n")
    each.add("tests", PASSES)
    assert each.status() == 128 + signal.SIGKILL
    assert each.ran() == ["tests"]


def test_what_is_named_runs_alone(each: Each) -> None:
    each.add("packages/a/tests", PASSES)
    each.add("packages/b/tests", FAILS)
    assert each.status("packages/a/tests/test_it.py::test_passes") == 0
    assert each.ran() == ["packages/a/tests"]


def test_a_signal_ends_all_of_it(each: Each) -> None:
    """SIGTERM reaches the run that is under way, and none is begun after it."""
    waits = "import time\ndef test_it():\n    calls()\n    print('begun', flush=True)\n    time.sleep(100)\n"
    each.add("packages/a/tests", waits)
    each.add("packages/b/tests", PASSES)
    with each.begin("-s") as child:
        assert child.stdout is not None
        assert any(b"begun" in line for line in iter(child.stdout.readline, b""))
        child.terminate()
        child.stdout.read()
    assert child.returncode != 0
    assert each.ran() == ["packages/a/tests"]
