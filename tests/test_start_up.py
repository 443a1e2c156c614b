"""What an import brings along: few modules of ours, and of the stdlib's what its own brings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = "import json, sys{imports}; print(json.dumps(sorted(sys.modules)))"
FOUR = ("threading", "queue", "concurrent.futures", "subprocess")
# ours -> (the standard library's, how many modules of ours at most, what else it may bring).
IMPORTS = {
    "hasten._thread": ("_thread", 8, {"atexit"}),
    "hasten.threading": ("threading", 26, {"atexit", "operator", "_operator"}),
    "hasten.queue": ("queue", 24, {"atexit", "contextlib"}),
    "hasten.sched": ("sched", 20, {"atexit"}),
    "hasten.subprocess": ("subprocess", 24, set()),
    "hasten.futures": ("concurrent.futures", 75, {"atexit", "math"}),
    "hasten.shared_memory": ("multiprocessing.shared_memory", 15, set()),
}


def loaded(*arguments: str, imports: tuple[str, ...] = ()) -> set[str]:
    code = LOADED.format(imports="".join(f", {name}" for name in imports))
    done = subprocess.run(
        [sys.executable, *arguments, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    return set(json.loads(done.stdout))


def parts(before: set[str], after: set[str]) -> tuple[set[str], set[str]]:
    """What is new: of ours, and of the standard library."""
    new = after - before
    ours = {name for name in new if name.split(".")[0] == "hasten"}
    # Cython's modules for the types that its modules share are made by the first of them
    return ours, {name for name in new - ours if not name.startswith(("_cython_", "__mp"))}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import(name):
    stdlib, most, may = IMPORTS[name]
    plain = loaded(imports=(stdlib,))
    ours, theirs = parts(plain, loaded(imports=(stdlib, name)))
    assert theirs <= may
    assert len(ours) <= most, sorted(ours)


def test_the_launcher():
    plain = loaded()
    ours, theirs = parts(plain, loaded("-m", "hasten"))
    assert theirs <= {"__future__", "runpy", "types"} | {
        name for name in theirs if name.partition(".")[0] == "importlib"
    }
    assert len(ours) <= 12, sorted(ours)


def test_four_modules_under_the_launcher():
    plain = loaded(imports=("runpy", "__future__", "importlib.util", *FOUR))
    ours, theirs = parts(plain, loaded("-m", "hasten", imports=FOUR))
    assert theirs <= {"atexit"}
    assert len(ours) <= 115, sorted(ours)
