"""Threads without threads under `python -m hasten`, and patched() over hasten's threading and queue."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

for needed in ("hasten.patch", "hasten._dummy_thread", "hasten.dummy_threading"):
    pytest.importorskip(needed)


def output(*arguments: str) -> str:
    """What a Python with these arguments prints; it must exit with 0 and write nothing to stderr."""
    command = [sys.executable, "-X", "faulthandler", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def under_hasten(program: str, *options: str) -> str:
    return output("-m", "hasten", *options, "-c", textwrap.dedent(program))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("_dummy_thread", "hasten._dummy_thread"),
        ("dummy_threading", "hasten.dummy_threading"),
        ("_dummy_threading", "hasten.dummy_threading"),
    ],
)
def test_the_old_names_can_be_imported(name, target):
    assert under_hasten(f"import {name}; print({name}.__name__)") == f"{target}\n"
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        output("-c", f"import {name}")


def test_both_old_names_are_one_module():
    program = "import dummy_threading, _dummy_threading; print(dummy_threading is _dummy_threading)"
    assert under_hasten(program) == "True\n"


USE = """
import sys
sys.modules["{hidden}"] = None
try:
    import {hidden} as module
except ImportError:
    import {fallback} as module
{use}
del sys.modules["{hidden}"]  # the interpreter looks there at its end
"""
USE_THREADING = """
thread = module.Thread(target=print, args=["ran"])
thread.start()
thread.join()
print(module.__name__, module.active_count())
"""
USE_THREAD = """
with module.allocate_lock():
    module.start_new_thread(print, ("ran",))
print(module.__name__)
"""


def test_the_fallback_for_threading():
    for options in ((), ("--only", "dummy_threading")):
        program = USE.format(hidden="threading", fallback="dummy_threading", use=USE_THREADING)
        assert under_hasten(program, *options) == "ran\nhasten.dummy_threading 1\n"


def test_the_fallback_for_thread():
    program = USE.format(hidden="_thread", fallback="_dummy_thread", use=USE_THREAD)
    assert under_hasten(program, "--only", "_dummy_thread") == "ran\nhasten._dummy_thread\n"


def test_threading_is_not_needed_where_it_is_replaced_too():
    program = """
    import threading, dummy_threading
    real = threading.Thread(target=print, args=["real"])
    real.start()
    real.join()
    dummy_threading.Thread(target=print, args=["dummy"]).start()
    print(dummy_threading.BrokenBarrierError is threading.BrokenBarrierError)
    """
    assert under_hasten(program) == "real\ndummy\nTrue\n"


PATCHED = """
import queue, sys, threading
from hasten.dummy_threading import patched

class Worker(threading.Thread):
    def __init__(self, q, n):
        super().__init__()
        self.q, self.n = q, n
    def run(self):
        self.q.put((self.n, threading.current_thread() is self, self.is_alive()))

before = [dict(vars(module)) for module in (threading, queue)] + [dict(vars(threading.Thread))]
early = threading.Timer(60, print, ["timer"])
with patched():
    for kind in (queue.Queue, queue.SimpleQueue):
        q = kind()
        workers = [Worker(q, n) for n in range(3)]
        for worker in workers:
            worker.start()
            assert not worker.is_alive() and worker.ident
            worker.join()
        print([q.get() for worker in workers])
        try:
            q.get()
        except RuntimeError as error:
            print(str(error)[:30])
    early.start()
    condition = threading.Condition()
    with condition:
        print(condition.wait(5), threading.Event().wait(5), threading.Semaphore(0).acquire(timeout=5))
assert before == [dict(vars(module)) for module in (threading, queue)] + [dict(vars(threading.Thread))]
for worker in (*workers, early):
    worker.join()
    assert not worker.is_alive() and "stopped" in repr(worker), worker
real = Worker(q, 5)
real.start()
real.join()
"""
RAN = "[(0, True, True), (1, True, True), (2, True, True)]\n"
ENDLESS = " would wait for ever: "


def test_patched_over_whatever_is_installed():
    """Under `python -m hasten` threading and queue may be hasten's; else they are the standard library's."""
    expected = output("-c", PATCHED)
    assert expected.count(RAN) == 2 and expected.count(ENDLESS) == 2
    assert expected.endswith("timer\nFalse False False\n")
    assert under_hasten(PATCHED) == expected


@pytest.mark.parametrize("names", [["queue"], ["threading"], ["threading", "queue"]])
def test_patched_over_hastens_modules_by_name(names):
    program = PATCHED
    for name in names:
        pytest.importorskip(f"hasten.{name}")
        program = program.replace("from hasten.", f"import hasten.{name} as {name}\nfrom hasten.", 1)
    assert output("-c", program) == output("-c", PATCHED)
