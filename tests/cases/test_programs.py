"""Real programs' ways with the primitives: plain, with `from hasten import ...`, and under `python -m
hasten`."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hasten.patch")

LIMIT = 30
THEIRS = "import threading, queue, sched, subprocess\nimport concurrent.futures as futures\n"
THEIRS += "import concurrent.futures.thread as pool_module\n"
OURS = "from hasten import threading, queue, sched, subprocess, futures\n"
OURS += "import hasten.futures.thread as pool_module\n"
FINISH = """
import os, sys
THEIRS = set(dir(__import__("queue")))
def finish(what):
    sys.stdout.write(f"{what}\\n")
    sys.stdout.flush()
    os._exit(0)
"""
WAYS = {"stdlib": (THEIRS, []), "hasten": (OURS, []), "launcher": (THEIRS, ["-m", "hasten"])}

spec = importlib.util.spec_from_file_location("case_programs", Path(__file__).with_name("programs.py"))
assert spec is not None and spec.loader is not None
programs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(programs)
SOURCES = {name: text for name, text in vars(programs).items() if name.isupper()}

# What the standard library gets wrong, always or before a version
NOT_THE_STDLIB = {
    "LONG_INPUT",
    "ENDLESS_TIMEOUTS",
    "EMPTY_NAME_IN_ENV",
    "NATIVE_ID_AFTER_FORK",
    "FROZEN_CLOCK",
}
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    # Its threads tell start() that they run before they are in _active, and only a GIL keeps the starter
    # from looking in between.
    NOT_THE_STDLIB |= {"JUST_STARTED", "RUNS_BEFORE_START_RETURNS"}
if sys.version_info < (3, 10):
    NOT_THE_STDLIB |= {"NAMES_BY_IMPORT"}  # its sched has no `count` yet
# What is about the program's names: it says something else where ours are imported by their own names
ONLY_UNMODIFIED = {"PICKLES", "MODULE_FILES"}
BY_HAND = {"GLOBALS_AT_EXIT", "INTERRUPTED_AT_EXIT"}


def command_of(name: str, way: str, *arguments: str) -> list[str]:
    imports, launcher = WAYS[way]
    program = FINISH + imports + SOURCES[name]
    return [sys.executable, "-X", "faulthandler", *launcher, "-c", program, *arguments]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", sorted(set(SOURCES) - BY_HAND))
def test_it_does_the_right_thing(name: str, way: str) -> None:
    if (way == "stdlib" and name in NOT_THE_STDLIB) or (way == "hasten" and name in ONLY_UNMODIFIED):
        pytest.skip("says nothing here")
    done = subprocess.run(command_of(name, way), capture_output=True, text=True, timeout=LIMIT)
    assert (done.stdout, done.returncode) == ("right\n", 0), done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["-c", "script", "stdin", "folder"])
def test_globals_are_there_until_the_end(form: str, way: str, tmp_path: Path) -> None:
    """An archive that nobody closes is whole: its __del__ writes the directory, with all that it needs."""
    imports, launcher = WAYS[way]
    program, archive = imports + SOURCES["GLOBALS_AT_EXIT"], str(tmp_path / "archive.zip")
    (tmp_path / "__main__.py").write_text(program)
    told = {
        "-c": ["-c", program],
        "script": [str(tmp_path / "__main__.py")],
        "stdin": ["-"],
        "folder": [str(tmp_path)],
    }
    done = subprocess.run(
        [sys.executable, *launcher, *told[form], archive],
        input=program if form == "stdin" else "",
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.stdout, done.stderr) == ("right\n", "")
    assert zipfile.ZipFile(archive).namelist() == ["member"]


@pytest.mark.parametrize("way", WAYS)
def test_one_interrupt_ends_the_wait_for_threads(way: str) -> None:
    command = command_of("INTERRUPTED_AT_EXIT", way)
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        try:
            assert child.stdout.readline() == "right\n"
            until_it_sleeps(child.pid)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=8)  # far less than the thread's 20 s
        finally:
            child.kill()
    assert "KeyboardInterrupt" in err


def until_it_sleeps(pid: int) -> None:
    from support.signalling import until_asleep

    until_asleep(pid)
