"""Parts that a program has replaced before the first start, when what starts children is not imported yet.

A program of its own for each: coverage, ddtrace and others replace `BaseProcess._bootstrap` so.  The standard
library is the oracle: what it calls is called.
"""

from __future__ import annotations

import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from support.children import has_pidfds

PROGRAM = """
import importlib, os, sys

name, when, part, method = sys.argv[1:]
popen = {"fork": "popen_fork", "spawn": "popen_spawn_posix", "forkserver": "popen_forkserver"}[method]
places = {
    "_bootstrap": ("process", "BaseProcess"),
    "_after_fork": ("process", "BaseProcess"),
    "_run_after_forkers": ("util", None),
    "_launch": (popen, "Popen"),
    "dump": ("reduction", None),
}

def replace(package):
    module, cls = places[part]
    home = importlib.import_module(f"{package}.{module}")
    home = getattr(home, cls) if cls else home
    original = getattr(home, part)

    def replacement(*args, **options):
        os.write(1, f"{part} of the program\\n".encode())
        return original(*args, **options)

    replacement.__name__ = "another_name"
    setattr(home, part, staticmethod(replacement) if part == "_after_fork" else replacement)

def target():
    os.write(1, b"the target\\n")

if when == "before":
    replace("multiprocessing")  # in the child, too

if __name__ == "__main__":
    context = importlib.import_module(name).get_context(method)
    if when == "after":
        replace(name)
    child = context.Process(target=target)
    child.start()
    child.join()
    print(child.exitcode)
"""

# where the part is the interpreter's, and a class or function of ours calls it
BEFORE = [
    (part, method)
    for part, methods in {
        "_bootstrap": ("fork", "spawn", "forkserver"),
        "_run_after_forkers": ("fork",),
        "_launch": ("fork", "spawn", "forkserver"),
        "dump": ("spawn", "forkserver"),
    }.items()
    for method in methods
]
# where it is a part of ours
AFTER = [("_bootstrap", "fork"), ("_run_after_forkers", "fork")]
if hasattr(BaseProcess, "_after_fork"):  # new in 3.10
    AFTER.append(("_after_fork", "fork"))


@pytest.mark.skipif(not has_pidfds(), reason="the standard library starts the children")
@pytest.mark.parametrize(
    "when, part, method", [("before", *case) for case in BEFORE] + [("after", *case) for case in AFTER]
)
def test_what_is_replaced_before_the_first_start_is_called(
    when: str, part: str, method: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def told(*words: str) -> list[str]:
        """The lines, each once: what forks for the fork server is started as a child, too."""
        command = [sys.executable, *words, when, part, method]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=50, check=True)
        return list(dict.fromkeys(done.stdout.splitlines()))

    expected = told(str(program), "multiprocessing")
    assert f"{part} of the program" in expected and expected[-2:] == ["the target", "0"]
    assert told(str(program), "hasten.multiprocessing") == expected
