"""The interpreters of this machine: which there are, what each of them is, and how much is tested on it.

wheelhouse.py, matrix.py, gate.py, tools/conformance and tools/bench ask here.

On FULLY_TESTED all tests run: the oldest interpreter, the newest, and one without a GIL (there without the
standard library's side).  On the others a chosen set runs (chosen_tests.py).  Where none of FULLY_TESTED is
found, the oldest and the newest found take their place.  HASTEN_TESTS=full or chosen says otherwise for all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

MATRIX = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
FULLY_TESTED = ("3.9", "3.13t", "3.15")

# A folder of an editable install is one whose name a .pth file of ours has.
PROBE = """
import importlib.util, json, os, site, sys, sysconfig
tests = importlib.util.find_spec("test")
print(json.dumps({
    "label": "%d.%d" % sys.version_info[:2] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
    "version": sys.version.split()[0],
    "identity": [sys.version, sys.base_prefix, sysconfig.get_config_var("EXT_SUFFIX")],
    "in_env": sys.prefix != sys.base_prefix,
    "lib": os.path.dirname(os.__file__),
    "tests": tests and tests.origin and os.path.dirname(tests.origin),
    "homes": [p for p in sys.path if os.path.isdir(os.path.join(p, "hasten"))]
        + [p for p in site.getsitepackages() if os.path.isdir(p)
           and any("hasten" in n and n.endswith(".pth") for n in os.listdir(p))],
}))
"""


class NotFound(Exception):
    """There is no such interpreter, or it does not run."""


@dataclass(frozen=True)
class Interpreter:
    command: str
    label: str  # 3.13t
    key: str  # the label and a digest of what makes it this interpreter and no other
    in_env: bool
    version: str  # 3.13.5
    lib: Path  # the standard library
    tests: Path | None  # its `test` package, where that is installed
    homes: tuple[str, ...]  # folders on its path where hasten modules are installed

    @property
    def free_threaded(self) -> bool:
        return self.label.endswith("t")

    def __str__(self) -> str:
        return f"py{self.label}"


def on_path(name: str) -> str | None:
    """The executable for `python3.13`, `3.13` or a path."""
    return shutil.which(name) or shutil.which(f"python{name}")


def probe(command: str) -> Interpreter:
    path = on_path(command)
    if path is None:
        raise NotFound(f"no interpreter {command!r} found; give a path or a name on PATH")
    try:
        told = subprocess.run([path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFound(f"{command} does not run: {error}") from error
    if told.returncode:
        raise NotFound(f"{command} does not run: {told.stderr.strip() or f'exit status {told.returncode}'}")
    facts = json.loads(told.stdout)
    identity = hashlib.sha256(json.dumps(facts["identity"], sort_keys=True).encode()).hexdigest()
    key = f"{facts['label']}-{identity[:8]}"
    return Interpreter(
        os.path.abspath(path),
        facts["label"],
        key,
        facts["in_env"],
        facts["version"],
        Path(facts["lib"]),
        Path(facts["tests"]) if facts["tests"] else None,
        tuple(dict.fromkeys(facts["homes"])),
    )


def own_label() -> str:
    """The label of the interpreter that runs this."""
    without_gil = sysconfig.get_config_var("Py_GIL_DISABLED")
    return f"{sys.version_info[0]}.{sys.version_info[1]}{'t' if without_gil else ''}"


def runs(label: str) -> bool:
    """Is there such an interpreter?  A pyenv shim is on PATH even where its version is not active."""
    path = on_path(f"python{label}")
    return path is not None and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0


def wanted() -> list[str]:
    """All of MATRIX, or those that CI_PYTHONS ("3.9 3.13t") names."""
    told = os.environ.get("CI_PYTHONS", "").replace(",", " ").split()
    for label in told:
        if label not in MATRIX:
            raise NotFound(f"CI_PYTHONS: {label!r} is none of {' '.join(MATRIX)}")
    return [label for label in MATRIX if not told or label in told]


def found() -> list[str]:
    return [label for label in wanted() if runs(label)]


def tests_everything(label: str) -> bool:
    """Whether all tests run on this interpreter, and not a chosen set."""
    told = os.environ.get("HASTEN_TESTS", "")
    if told not in ("", "full", "chosen"):
        raise NotFound(f"HASTEN_TESTS: {told!r} is none of full, chosen")
    if told or label in FULLY_TESTED:
        return told != "chosen"
    if any(runs(other) for other in FULLY_TESTED if other in wanted()):
        return False
    there = found()
    return label in (there[0], there[-1]) if there else True
