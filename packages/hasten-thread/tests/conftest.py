"""Fixtures of these tests: the implementations they compare, and ways to watch threads and processes."""

import _thread as stdlib_thread
import faulthandler
import os
import signal
import subprocess
import sys
import textwrap
import time
import types

import pytest

import hasten._thread as hasten_thread
from hasten._thread import _locks

faulthandler.enable()

LIMIT = 30  # seconds; only a hang takes that long


def _compiled_locks():
    """Our locks on every version, also where the public module hands out the interpreter's."""
    return types.SimpleNamespace(
        __name__="compiled", allocate_lock=_locks.allocate_lock, RLock=_locks.RLock, LockType=_locks.lock
    )


@pytest.fixture(params=["stdlib", "compiled"])
def locks(request):
    """A namespace with allocate_lock and RLock."""
    return stdlib_thread if request.param == "stdlib" else _compiled_locks()


@pytest.fixture(params=["lock", "rlock"])
def make_lock(request, locks):
    """A function that makes a lock, of both kinds and both implementations."""
    return locks.allocate_lock if request.param == "lock" else locks.RLock


@pytest.fixture(params=["stdlib", "hasten"])
def impl(request):
    """The module `_thread`, the interpreter's and ours."""
    return stdlib_thread if request.param == "stdlib" else hasten_thread


@pytest.fixture
def joinable(impl):
    """Like impl, where it has join handles."""
    if not hasattr(impl, "start_joinable_thread"):
        pytest.skip("this interpreter's _thread has no join handles")
    return impl


def wait_until(true):
    """Give way to other threads until true() is."""
    end = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < end, "it does not become true"
        os.sched_yield()


def asleep(native_id):
    """Whether a thread of this process sleeps in the kernel, and not because it waits for the GIL."""
    for _ in range(20):  # each turn lets go of the GIL
        with open(f"/proc/self/task/{native_id}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] != "S":
                return False
        os.sched_yield()
    return True


class Background:
    """A call in a thread of the interpreter, with its result; `blocked()` waits until it sleeps."""

    def __init__(self, function, *args):
        self.result = self.error = None
        self._done = stdlib_thread.allocate_lock()
        self._done.acquire()
        self._native_id = 0
        stdlib_thread.start_new_thread(self._run, (function, args))

    def _run(self, function, args):
        try:
            self._native_id = stdlib_thread.get_native_id()
            self.result = function(*args)
        except BaseException as error:
            self.error = error
        finally:
            self._done.release()

    def blocked(self):
        wait_until(lambda: self._native_id and asleep(self._native_id))
        return self

    def wait(self):
        assert self._done.acquire(True, LIMIT), "the thread hangs"
        if self.error is not None:
            raise self.error
        return self.result


def run_script(source, *args, env=None, check=True):
    """Run Python code in an interpreter of its own; the finished process, with text output."""
    finished = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(source), *args],
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        env={**os.environ, **(env or {})},
    )
    if check:
        assert finished.returncode == 0, finished.stderr
    return finished


def in_child(function):
    """fork() and call function() in the child; its wait status, 0 if all went well."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # faulthandler's own thread is not there any more, and it would wait for it
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LIMIT)
            function()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


@pytest.fixture
def tools():
    """The helpers above, for tests that may not import this file by name."""
    return types.SimpleNamespace(
        Background=Background, in_child=in_child, run_script=run_script, wait_until=wait_until, asleep=asleep
    )
