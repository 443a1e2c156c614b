"""The rows and the soak of `subprocess`: they notice output, children and descriptors that are lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import types

import pytest
from bench import programs
from bench.cases import NotOffered, WrongResult
from bench.rows.subprocess import starts
from bench.suites import load_suite
from stress import subprocess_soak

if sys.platform == "win32":
    pytest.skip("hasten.subprocess is the stdlib's there", allow_module_level=True)

SUITE = load_suite("subprocess")
CASES = {case.name: case for case in SUITE.cases}
WAITS = [name for name in CASES if name.startswith("wait(timeout)")]
RUNS = [name for name in CASES if name.startswith("run")]
needs_compiler = pytest.mark.skipif(bool(programs.lacking("child")), reason="needs gcc")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Large heaps and crowds are for measurements."""
    monkeypatch.setattr(starts, "HEAP", 64 * 2**20)
    monkeypatch.setattr(starts, "STARTS", 5)
    monkeypatch.setattr(starts, "CROWD", 10)


@pytest.fixture
def started():
    """Children that a broken Popen has left alone."""
    children: list[subprocess.Popen] = []
    yield children
    for child in children:
        subprocess.Popen.wait(child)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def altered(**changes):
    """The module `subprocess` with classes and functions of our own."""
    return types.SimpleNamespace(**{**vars(subprocess), **changes})


def once(name, source, n=2):
    case = CASES[name]
    state = case.setup(source)
    elapsed, outcome = case.run(state, n)
    case.verify(state, n, outcome)
    return case.value(elapsed, n, outcome)


def run_wrongly(change):
    def run(*words, **options):
        return change(subprocess.run(*words, **options))

    return altered(run=run)


def failed(done):
    done.returncode = 1
    return done


def cut(done):
    done.stdout = done.stdout[:-1] if done.stdout else "another" * (done.stdout is not None)
    return done


@needs_compiler
@pytest.mark.parametrize("name", [name for name in CASES if "run" in name or "MB" in name])
def test_a_failure_and_a_lost_byte_are_found_out(name):
    with pytest.raises(WrongResult):
        once(name, run_wrongly(failed))
    if "capture_output" in name or "both ways" in name:
        with pytest.raises(WrongResult):
            once(name, run_wrongly(cut))


@needs_compiler
def test_children_that_end_too_early_or_with_another_status_are_found_out():
    class Early(subprocess.Popen):
        def __init__(self, command, stdin):
            super().__init__(command, stdin=subprocess.DEVNULL)
            self.wait()

    class Mixed(subprocess.Popen):
        def wait(self, timeout=None):
            self.returncode = super().wait(timeout) + 1

    with pytest.raises(WrongResult, match="0 of 10 children lived"):
        once("200 children at once, start and wait", altered(Popen=Early))
    with pytest.raises(WrongResult, match="another's status"):
        once("200 children at once, start and wait", altered(Popen=Mixed))


@needs_compiler
@pytest.mark.parametrize("name", WAITS)
def test_a_wait_that_does_not_wait_is_found_out(name, started):
    class Hasty(subprocess.Popen):
        def wait(self, timeout=None):
            started.append(self)
            return 0

    with pytest.raises(WrongResult):
        once(name, altered(Popen=Hasty))


@needs_compiler
def test_a_wait_that_looks_now_and_then_is_counted():
    class Lazy(subprocess.Popen):
        def wait(self, timeout=None):
            while self.poll() is None:
                os.sched_yield()
                subprocess.run(["sleep", "0.02"])
            return self.returncode

    late, switches = WAITS
    assert once(late, altered(Popen=Lazy)) > 0
    assert once(switches, altered(Popen=Lazy)) > 2


@needs_compiler
def test_the_heap_is_made_and_the_starts_are_compared():
    assert once("start from a parent of 4 GB", subprocess) > 0


@needs_compiler
@pytest.mark.parametrize("name", RUNS)
def test_the_floor_starts_the_same_programs(name):
    floor = starts.c_floor()
    if "input" in name:
        with pytest.raises(NotOffered):
            once(name, floor)
    else:
        assert once(name, floor, 3) > 1000


@needs_compiler
def test_the_floor_tells_what_goes_wrong():
    done = subprocess.run([programs.program("floor"), "1", "plain", "/bin/false"], capture_output=True)
    assert done.returncode == 1 and b"/bin/false ended with wait status" in done.stderr
    assert subprocess.run([programs.program("floor")], capture_output=True).returncode == 2


@needs_compiler
def test_the_child_counts_what_it_gets():
    child = programs.program("child")
    assert subprocess.run([child, "sink", "5"], input=b"12345").returncode == 0
    assert subprocess.run([child, "sink", "5"], input=b"1234").returncode == 1
    made = subprocess.run([child, "produce", "70001"], capture_output=True).stdout
    assert len(made) == 70001 and {len(line) for line in made.splitlines()[:-1]} == {63}


def test_without_a_compiler_its_rows_are_left_out_and_say_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "gcc" else f"/bin/{name}")
    programs.program.cache_clear()
    reasons = {name: case.unavailable() for name, case in CASES.items()}
    assert reasons["run(['true'])"] is None
    assert "gcc" in reasons["run a static binary, unpinned"] and "gcc" in reasons[WAITS[0]]
    with pytest.raises(ImportError, match="gcc"):
        SUITE.implementations[2].load()


def test_the_soak_does_at_least_what_it_is_asked_for():
    looks = []
    assert subprocess_soak.soak(subprocess, 20_000, lambda: looks.append(1)) >= 20_000
    assert len(looks) == 10, "every kind has had its turn"


def test_the_soak_finds_a_descriptor_that_is_left(started):
    kept = []

    class Leaky(subprocess.Popen):
        def __init__(self, *words, **options):
            kept.append(os.dup(0))
            super().__init__(*words, **options)

    try:
        with pytest.raises(WrongResult, match=r"ended: descriptors .* are left open"):
            subprocess_soak.ended(altered(Popen=Leaky), 100)
    finally:
        for number in kept:
            os.close(number)


def test_the_soak_finds_a_child_that_is_left(started):
    def run(command):
        started.append(subprocess.Popen(command))
        return subprocess.CompletedProcess(command, 0)

    with pytest.raises(WrongResult, match="run: a child is left"):
        subprocess_soak.run(altered(run=run), 100)
