"""What the tests of hasten.dummy_threading share."""

import _thread
import logging
import queue
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import hasten.dummy_threading
import hasten.dummy_threading._queue  # patched() loads it when it is first used


@pytest.fixture(params=[threading, hasten.dummy_threading], ids=["stdlib", "hasten"])
def impl(request):
    """The standard library's threading, and ours: what looks the same if start() is followed by join()."""
    return request.param


@pytest.fixture
def sleeps(monkeypatch):
    """The list of what time.sleep() is called with; it returns at once."""
    asked = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


@pytest.fixture
def run(impl):
    """Call a function in a thread of *impl*; return what it returns, raise what it raises."""

    def run(function, *args):
        outcome = []

        def target():
            try:
                outcome.append((function(*args), None))
            except BaseException as error:
                outcome.append((None, error))

        thread = impl.Thread(target=target)
        thread.start()
        thread.join()
        result, error = outcome.pop()
        if error is not None:
            raise error
        return result

    return run


@pytest.fixture
def python():
    """Run a program in a new interpreter and return what it printed; it must exit with 0."""

    def run(program, *options):
        command = [sys.executable, "-X", "faulthandler", *options, "-c", textwrap.dedent(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, done.stderr
        return done.stdout

    return run


@pytest.fixture
def world(request):
    """A function that returns all that patched() may change."""
    modules = threading, _thread, queue, hasten.dummy_threading, logging, request.module

    def world():
        seen = [dict(vars(owner)) for owner in (*modules, threading.Thread, threading.Timer)]
        for names in seen:
            names.pop("__warningregistry__", None)
        return seen

    return world


@pytest.fixture
def nothing_changed(world):
    """Fails a test after which anything of that is not what it was."""
    before = world()
    yield
    assert world() == before
