"""What the tests of hasten._dummy_thread share."""

import _thread
import subprocess
import sys
import textwrap
import time

import pytest

import hasten._dummy_thread


@pytest.fixture(params=[_thread, hasten._dummy_thread], ids=["stdlib", "hasten"])
def impl(request):
    """The interpreter's _thread, and ours."""
    return request.param


@pytest.fixture
def sleeps(monkeypatch):
    """The list of what time.sleep() is called with; it returns at once."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


@pytest.fixture
def python():
    """Run a program in a new interpreter and return what it printed; it must exit with 0."""

    def run(program):
        command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, done.stderr
        return done.stdout

    return run
