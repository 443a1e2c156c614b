"""The C programs of the rows of `subprocess`: compiled once a process, into a folder that ends with it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WARNINGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
OPTIONS = {
    "child": ("-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"),
    "floor": (),
}


class NoCompiler(Exception):
    """The program cannot be compiled here; the text says why."""


@cache
def home() -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="hasten-bench-programs-")


@cache
def program(name: str) -> str:
    """The path of this program; raises NoCompiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise NoCompiler("needs gcc, to compile the program that is started")
    target = Path(home().name) / name
    command = [compiler, *WARNINGS, *OPTIONS[name], "-o", str(target), str(FOLDER / f"{name}.c")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise NoCompiler(f"gcc does not compile {name}.c: {done.stdout.strip()}")
    return str(target)


def lacking(name: str) -> str | None:
    """Why there is no such program here, or None."""
    try:
        program(name)
    except NoCompiler as reason:
        return str(reason)
    return None
