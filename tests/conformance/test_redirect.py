"""The redirect reaches every process, and a run that it did not reach is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import interpreters
import pytest
from conformance import environments
from planting import FAITHFUL, needs_driver

pytestmark = pytest.mark.timeout(120)

FRESH = """
try:
    from test.support.import_helper import import_fresh_module
except ImportError:
    from test.support import import_fresh_module
import queue, sys
assert import_fresh_module("queue", blocked=["_queue"]) is queue is sys.modules["hasten.queue"]
assert import_fresh_module("queue", fresh=["_queue"]) is queue
print(queue.__name__, queue.__spec__.name, queue.Queue.__module__, queue.Queue.__mro__[1].__module__)
"""
FORKED = """
import os
pid = os.fork()
if not pid:
    import queue
    os._exit(queue.__name__ != "hasten.queue")
print(os.waitpid(pid, 0)[1])
"""
SPAWNED = """
import multiprocessing

def name():
    import queue
    assert queue.__name__ == "hasten.queue", queue.__name__

if __name__ == "__main__":
    for method in "spawn", "forkserver":
        child = multiprocessing.get_context(method).Process(target=name)
        child.start()
        child.join()
        print(child.exitcode, end=" ")
"""
FAILING = """
try:
    from queue import nothing
except ImportError as error:
    print(error)
"""
RIDING = """
import _thread, threading
assert _thread.__name__ == "hasten._thread"
start = getattr(threading, "_start_new_thread", None) or threading._start_joinable_thread
assert start.__module__ == "hasten._thread"
thread = threading.Thread(target=print, args=["ran"])
thread.start()
thread.join()
"""
THREAD = """
import _thread as _original
import threading
globals().update((n, v) for n, v in vars(_original).items() if n[:2] != "__")
def start_new_thread(*args, **kwargs):
    return _original.start_new_thread(*args, **kwargs)
def start_joinable_thread(*args, **kwargs):
    return _original.start_joinable_thread(*args, **kwargs)
"""


@pytest.fixture(scope="module")
def redirected(tmp_path_factory: pytest.TempPathFactory) -> environments.Environment:
    folder = tmp_path_factory.mktemp("redirected")
    home = folder / "home" / "hasten"
    home.mkdir(parents=True)
    (home / "queue.py").write_text(FAITHFUL)
    # A module that imports `threading` while it loads: that copy stands on the original _thread.
    (home / "_thread.py").write_text(THREAD)
    names = {"queue": "hasten.queue", "_thread": "hasten._thread"}
    return environments.create(folder / "env", interpreters.probe(sys.executable), [str(home.parent)], names)


def test_fresh_imports_yield_hasten_and_hasten_keeps_the_original(redirected):
    assert redirected.ask(FRESH) == "hasten.queue hasten.queue hasten.queue queue"


def test_importing_hasten_first_makes_no_difference(redirected):
    code = "import hasten.queue, queue; print(queue is hasten.queue, hasten.queue.__spec__.name)"
    assert redirected.ask(code) == "True hasten.queue"


def test_a_forked_child_is_redirected(redirected):
    assert redirected.ask(FORKED) == "0"


def test_spawned_children_are_redirected(redirected, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SPAWNED)
    answer = subprocess.run([redirected.python, script], capture_output=True, text=True, timeout=60)
    assert answer.stdout.split() == ["0", "0"], answer.stderr


def test_threading_rides_on_the_redirected_thread_module(redirected):
    assert redirected.ask(RIDING) == "ran"


def test_the_plain_environment_is_not_redirected(redirected, tmp_path):
    home = Path(redirected.site).parents[3] / "home"
    plain = environments.create(tmp_path / "env", interpreters.probe(sys.executable), [str(home)], {})
    assert plain.ask("import queue, hasten.queue; print(queue.__name__)") == "queue"


def test_with_the_launcher_beside_it_a_module_says_that_it_is_the_standard_librarys(tmp_path):
    patch = pytest.importorskip("hasten.patch")
    planted = tmp_path / "home" / "hasten"
    planted.mkdir(parents=True)
    (planted / "queue.py").write_text(FAITHFUL)
    homes = [str(planted.parent), str(Path(patch.__file__).parents[2])]
    names = {"queue": "hasten.queue"}
    env = environments.create(tmp_path / "env", interpreters.probe(sys.executable), homes, names)
    says = "import queue; print(queue.__name__, queue.Queue.__module__, queue.Queue.__mro__[1].__module__)"
    assert env.ask(says) == "queue queue queue"
    assert env.ask("import queue, hasten.queue; print(queue is hasten.queue)") == "True"
    assert "cannot import name" in env.ask(FAILING) and not env.not_redirected()


@needs_driver
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import sys, queue\nsys.modules[__name__] = queue\n", "is named queue"),
        ("from queue import *\nfrom queue import _PySimpleQueue\n", "queue.Queue is from 'queue'"),
    ],
    ids=["hands out the stdlib's module", "hands out the stdlib's classes"],
)
def test_a_run_over_the_stdlib_is_refused(tool, source, complaint):
    tool.plant(source)
    result = tool.run("--match", "*.test_nowait")
    assert result.status == 1
    assert "NOT REDIRECTED" in result.suite["refused"] and complaint in result.suite["refused"]
    assert result.suite["ok"] is False and "NOT COUNTED" in result.output
