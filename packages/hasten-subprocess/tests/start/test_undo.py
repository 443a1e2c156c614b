"""What is left when something raises in the middle: a signal handler, a debugger, a tracing function.

Each scenario is run again and again, and in each run another line of the package raises, the first, the
second and so on, until one run gets through.  After each, no descriptor may be open, no child be lost or a
zombie, no lock be held, and where the object is still there, the next call must tell the truth.
"""

import functools
import gc
import os
import signal
import subprocess
import sys
import warnings

import pytest
from support.children import has_ended

import hasten.subprocess as ours
from hasten.subprocess import PIPE, Popen, _tree

PACKAGE = os.path.dirname(ours.__file__)
MOST_LINES = 2000
NOT_HERE = {
    "look_at",  # opens nothing that outlives it, and is called for each process that there is
    "<dictcomp>",
    "all_processes",
}


class Injected(BaseException):
    """What a line raises."""


class LineRaises:
    """Trace a block, and raise at the line of this number, counted from 0."""

    def __init__(self, number):
        self.number, self.seen, self.pid = number, -1, os.getpid()
        self.raised = None

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, kind, *_):
        sys.settrace(self.before)
        return kind is not None and issubclass(kind, Injected)

    def trace(self, frame, event, argument):
        if frame.f_code.co_name in NOT_HERE or not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line" and os.getpid() == self.pid:
            self.seen += 1
            if self.seen == self.number:
                self.raised = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                raise Injected(self.raised)
        return self.trace


def at_every_line(scenario):
    """Run the scenario until no line is left to raise in it; returns the lines that have raised."""
    places, known = [], children()
    for number in range(MOST_LINES):
        before = descriptors()
        with LineRaises(number) as injection, warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            scenario()
        if not no_children(known) or descriptors() != before:
            collect()  # in a cycle with the traceback it may still be known; without a GIL this takes 0.1 s
        assert no_children(known), f"a child is lost after {injection.raised}"
        assert descriptors() == before, f"a descriptor is left after {injection.raised}"
        if injection.raised is None:
            return places
        places.append(injection.raised)
    raise AssertionError("it never gets through")


def collect():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def no_children(known):
    """Whether all are gone that somebody has waited for, or that the next start will wait for."""
    for child in list(ours._active):
        child.kill()
        with child:
            """Its pipes are closed and it is waited for."""
    ours._cleanup()
    return children() <= known


def children():
    """The children of this process, zombies too; other tests may have left helpers of multiprocessing's."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            found.update(file.read().split())
    return found


@pytest.fixture(autouse=True)
def no_tracing():
    """Neither a debugger's nor coverage's."""
    if sys.gettrace() is not None:
        pytest.skip("something else traces")
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")


@pytest.fixture
def no_hang():
    """A call that takes a minute is ended by a signal, and the test fails."""

    def fail(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, fail)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 60)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def few_processes(monkeypatch):
    """kill_tree() sees none but those below this one: each more is a round more of the loops that raise."""
    everybody = _tree.all_processes

    def ours_of_them():
        found, kept = everybody(), {os.getpid()}
        for _ in range(3):
            kept.update(pid for pid, process in found.items() if process.parent in kept)
        return {pid: process for pid, process in found.items() if pid in kept}

    monkeypatch.setattr(_tree, "all_processes", ours_of_them)


PIPES = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE}
STARTS = {
    "plain": {},
    "pipes": PIPES,
    "text": {**PIPES, "text": True, "bufsize": 1, "encoding": "utf-8"},
    "files made at once": {**PIPES, "encoding": "utf-8", "errors": "strict", "bufsize": 7},
    "devnull": {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT},
    "sized": {"stdout": PIPE, "stderr": subprocess.STDOUT, "pipesize": 4096},
    "environment": {"env": {"A": "b"}, "cwd": "/", "pass_fds": [0, 1], "umask": 0o22},
    "preexec_fn": {"stdin": PIPE, "preexec_fn": os.getpid},
    "fails": {"stdin": PIPE, "executable": "/nonexistent"},
    "preexec_fn fails": {"stdout": PIPE, "preexec_fn": int, "executable": "/nonexistent"},
}


@pytest.mark.parametrize("options", STARTS.values(), ids=list(STARTS))
def test_starts(options):
    def scenario():
        try:
            child = Popen(["true"], **options)
        except OSError:
            return
        with child:
            """Its pipes are closed, and it is waited for."""

    assert at_every_line(scenario)


def test_start_by_posix_spawn(monkeypatch):
    monkeypatch.setattr(ours, "_USE_POSIX_SPAWN", True)
    assert any(
        place.startswith("_start.py")
        for place in at_every_line(lambda: Popen(["/bin/true"], stdout=PIPE, close_fds=False).communicate())
    )


def test_start_by_a_function_in_place_of_ours(monkeypatch):
    where, name = ours, "_fork_exec"
    if sys.version_info < (3, 11):
        where, name = ours._posixsubprocess, "fork_exec"
    monkeypatch.setattr(where, name, functools.partial(getattr(where, name)))
    assert at_every_line(lambda: Popen(["true"], stdout=PIPE).communicate())


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("timeout", [None, 60])
def test_run(timeout, tree):
    results = []

    def scenario():
        done = ours.run(["cat"], input=b"abc", capture_output=True, timeout=timeout, kill_tree=tree)
        results.append(done.stdout)

    at_every_line(scenario)
    assert set(results) == {b"abc"}


@pytest.mark.parametrize("tree", [False, True])
def test_run_of_one_that_never_ends(tree, no_hang, few_processes):
    """Whatever interrupts the killing, too: it is killed, or run() would wait for it without an end."""

    def scenario():
        no_hang()
        try:
            ours.run(["sleep", "1000"], stdout=PIPE, timeout=0.01, kill_tree=tree)
        except ours.TimeoutExpired:
            return
        raise AssertionError("no timeout")

    places = at_every_line(scenario)
    assert any(place.startswith("_popen.py") for place in places)


def test_call_of_one_that_never_ends(no_hang):
    def scenario():
        no_hang()
        try:
            ours.call(["sleep", "1000"], timeout=0.01)
        except ours.TimeoutExpired:
            return
        raise AssertionError("no timeout")

    assert at_every_line(scenario)


@pytest.mark.parametrize("call", [ours.call, ours.check_call, ours.check_output])
def test_calls(call):
    assert at_every_line(lambda: call(["true"]))


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("call", ["wait", "poll", "communicate"])
def test_the_status_is_not_lost(call, timeout, until):
    """Nobody else can tell it once waitpid() has."""
    arguments = () if call == "poll" else {"wait": (timeout,), "communicate": (None, timeout)}[call]
    for number in range(MOST_LINES):
        child = Popen(["sh", "-c", "exit 7"], stdout=PIPE)
        until(lambda: has_ended(child.pid))  # noqa: B023
        with LineRaises(number) as injection:
            getattr(child, call)(*arguments)
        child.stdout.close()
        assert child.wait(60) == 7, f"after {injection.raised}"
        assert not child._waitpid_lock.locked()
        if injection.raised is None:
            return
    raise AssertionError("it never gets through")


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("pipes", [PIPES, {"stdin": PIPE}, {"stdin": PIPE, "stdout": PIPE}], ids=len)
def test_communicate_goes_on(pipes, looked_at, no_hang):
    """The child ends when its stdin is closed, so that must not be forgotten."""
    for number in range(MOST_LINES):
        no_hang()
        before = descriptors()
        with open(os.devnull, "w") as null, Popen(["cat"], **{"stdout": null, **pipes}) as child:
            if looked_at:
                assert all(getattr(child, name) for name in pipes)
            with LineRaises(number) as injection:
                child.communicate(b"x" * 100_000)
            output, _ = child.communicate()
            assert child.returncode == 0, f"after {injection.raised}"
        if injection.raised is None:
            return
        assert set(output or b"x") <= set(b"x")
        assert descriptors() == before, f"a descriptor is left after {injection.raised}"
    raise AssertionError("it never gets through")


@pytest.mark.skipif(not _tree.has_proc(), reason="needs /proc")
@pytest.mark.parametrize("portable", [False, True])
def test_kill_tree_leaves_nobody_stopped(monkeypatch, until, no_hang, few_processes, portable):
    """They are stopped before they are killed; who is spared runs on."""
    monkeypatch.setattr(_tree, "_portable", portable or not hasattr(os, "pidfd_open"))

    def goes_on(pid):
        found = _tree.look_at(pid)
        return found is None or found.state not in "Tt"

    for number in range(MOST_LINES):
        no_hang()
        command = "sleep 1000 & echo $!; sleep 1000 & echo $!; wait"
        child = Popen(["sh", "-c", command], stdout=PIPE, start_new_session=True)
        pids = [child.pid, *(int(child.stdout.readline()) for _ in range(2))]
        with LineRaises(number) as injection:
            child.kill_tree()
        try:
            until(lambda: all(map(goes_on, pids)))  # noqa: B023
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            with child:
                """It is waited for."""
        if injection.raised is None:
            return
    raise AssertionError("it never gets through")


@pytest.mark.parametrize("call", ["terminate", "kill", "kill_tree"])
def test_no_lock_is_held_after_a_signal(call, sleeper_of_ours, few_processes):
    for number in range(MOST_LINES):
        child = sleeper_of_ours()
        before = descriptors()
        with LineRaises(number) as injection:
            getattr(child, call)()
        gc.collect()
        assert descriptors() == before, f"a descriptor is left after {injection.raised}"
        child.kill()
        assert child.wait(60) < 0
        if injection.raised is None:
            return
    raise AssertionError("it never gets through")


@pytest.fixture
def sleeper_of_ours():
    return lambda: Popen(["sleep", "1000"])
