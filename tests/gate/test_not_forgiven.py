"""What is not the failure of one test: none of it is forgiven, even if it happens once."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

PASSES = "def test_passes():\n    pass\n"
ONCE = "def test_once():\n    assert calls('once') != 1\n"


def test_a_collection_error(suite):
    suite.add("a", PASSES)
    suite.add("b", "assert calls() != 1\n")
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (2, "1 error", [])


def test_a_collection_error_beside_a_flaky_test(suite):
    suite.add("a", ONCE)
    suite.add("b", "assert calls() != 1\n")
    result = suite.run("--continue-on-collection-errors")
    assert (result.status, result.closing) == (1, "1 error, 1 flaky")


FIXTURES = {
    "setup": "    assert calls() != 1\n    yield\n",
    "teardown": "    yield\n    assert calls() != 1\n",
}


@pytest.mark.parametrize("body", FIXTURES.values(), ids=FIXTURES)
@pytest.mark.parametrize("scope", ["function", "session"])
def test_an_error_of_a_fixture(suite, scope, body):
    fixture = f"import pytest\n@pytest.fixture(scope={scope!r})\ndef fixture():\n{body}"
    suite.add("a", fixture + "def test_it(fixture):\n    pass\n")
    result = suite.run()
    assert (result.status, result.flaky) == (1, [])
    assert "1 error" in result.closing
    assert suite.calls() == 1


def test_a_failure_whose_teardown_fails_too(suite):
    suite.add(
        "a",
        "import pytest\n"
        "@pytest.fixture\ndef fixture():\n    yield\n    assert calls('fixture') != 1\n"
        "def test_it(fixture):\n    assert calls('it') != 1\n",
    )
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "1 failed, 1 error", [])


CRASHES = {
    "segfault": ("os.kill(os.getpid(), 11)", 128 + 11, "killed by SIGSEGV"),
    "abort": ("os.abort()", 128 + 6, "killed by SIGABRT"),
    "_exit_1": ("os._exit(1)", 1, ""),
    "_exit_0": ("os._exit(0)", 1, "ended with status 0 before pytest did: FAILED"),
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash(suite, crash):
    statement, status, told = CRASHES[crash]
    suite.add("a", f"def test_crashes():\n    if calls() == 1:\n        {statement}\n")
    result = suite.run("-p", "no:faulthandler")
    assert result.status == status
    assert told in result.output
    assert "passed" not in result.output
    assert suite.calls() == 1


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_when_a_test_is_run_again(suite, crash):
    suite.add("a", f"def test_it():\n    if calls() > 1:\n        {CRASHES[crash][0]}\n    assert False\n")
    result = suite.run()
    assert (result.status, result.closing, result.flaky) == (1, "1 failed", [])


def test_a_crash_at_the_end_of_the_process(suite):
    suite.add("a", PASSES + ONCE + "import atexit\natexit.register(os.abort)\n")
    assert suite.run("-p", "no:faulthandler").status == 128 + 6


def test_a_forked_child_that_runs_on_is_not_the_end(suite):
    suite.add(
        "a",
        "def test_forks():\n"
        "    child = os.fork()\n"
        "    if child:\n        os.waitpid(child, 0)\n        os._exit(0)\n",
    )
    assert suite.run().status == 1


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_that_was_stopped_early(suite, option):
    suite.add("a", ONCE + "def test_never():\n    assert False\n")
    result = suite.run(option)
    assert (result.status, result.closing, result.flaky) == (1, "1 failed", [])


def test_a_limit_for_the_whole_run(suite):
    suite.add("a", ONCE + "import time\ndef test_long():\n    time.sleep(1.5)\n" + PASSES)
    result = suite.run("-p", "pytest_timeout", "--session-timeout=1")
    assert (result.status, result.flaky) == (1, [])
    assert "1 failed, 1 passed" == result.closing


def test_a_hang_is_a_failure_and_its_limit_holds_when_it_is_run_again(suite):
    suite.add("a", "import time\ndef test_hangs():\n    calls()\n    time.sleep(600)\n")
    result = suite.run("-p", "pytest_timeout", "--timeout=0.5")
    assert (result.status, result.closing, result.flaky) == (1, "1 failed", [])
    assert suite.calls() == 2


def test_pytest_exit_in_a_test(suite):
    suite.add("a", ONCE + "import pytest\ndef test_leaves():\n    pytest.exit('enough')\n")
    result = suite.run()
    assert (result.status, result.flaky) == (2, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_processes(suite, number):
    suite.add("a", "import time\ndef test_waits():\n    calls()\n    time.sleep(600)\n")
    with subprocess.Popen(
        suite.command(),
        cwd=suite.folder,
        env=suite.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as gate:
        until(lambda: (suite.folder / "test.calls").exists())
        if number == signal.SIGINT:  # as a terminal does it
            os.killpg(gate.pid, number)
        else:
            gate.send_signal(number)
        output, _ = gate.communicate(timeout=30)  # at the end of which nobody holds the pipe any more
    assert gate.returncode == (2 if number == signal.SIGINT else 128 + number), output


def until(condition) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.01)
