"""Finds the interpreters to test and learns from each what it is."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from interpreters import MATRIX, on_path

# Runs under any Python from 3.8 on.
PROBE = """
import importlib.util, json, os, site, sys, sysconfig
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
tests = importlib.util.find_spec("test")
homes = [p for p in sys.path if os.path.isdir(os.path.join(p, "hasten"))]
editable = [p for p in site.getsitepackages() if os.path.isdir(p)
            and any("hasten" in n and n.endswith(".pth") for n in os.listdir(p))]
print(json.dumps({
    "tag": "%d.%d%s" % (sys.version_info[0], sys.version_info[1], "t" if free else ""),
    "full": sys.version.split()[0],
    "free_threaded": free,
    "lib": os.path.dirname(os.__file__),
    "tests": os.path.dirname(tests.origin) if tests and tests.origin else "",
    "homes": homes + editable,
}))
"""


class Unusable(Exception):
    """An interpreter that cannot be tested; the message says why."""


@dataclass(frozen=True)
class Interpreter:
    exe: str
    tag: str  # "3.13t"
    full: str  # "3.13.5"
    free_threaded: bool
    lib: Path
    tests: Path
    homes: tuple[str, ...]  # folders on its path where hasten modules are installed

    def __str__(self) -> str:
        return f"py{self.tag}"


def probe(exe: str) -> Interpreter:
    try:
        answer = subprocess.run([exe, "-I", "-c", PROBE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"{exe}: does not run ({error})") from error
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or ["no output"]
        raise Unusable(f"{exe}: does not run ({last[0]})")
    facts = json.loads(answer.stdout)
    if not facts["tests"]:
        raise Unusable(f"{exe}: has no `test` package (CPython's own tests are not installed)")
    facts["lib"], facts["tests"] = Path(facts["lib"]), Path(facts["tests"])
    facts["homes"] = tuple(dict.fromkeys(facts["homes"]))
    return Interpreter(exe=exe, **facts)


def find(name: str) -> Interpreter:
    exe = on_path(name)
    if exe is None:
        raise Unusable(f"{name}: no such interpreter")
    return probe(exe)


def find_all() -> tuple[list[Interpreter], list[str]]:
    """Every supported interpreter on PATH, and why each missing one is not among them."""
    found, missing = [], []
    for version in MATRIX:
        try:
            found.append(find(f"python{version}"))
        except Unusable as reason:
            missing.append(str(reason))
    return found, missing


def donor(folder: str, but_not: Interpreter) -> Interpreter | None:
    """The newest interpreter whose tests include `folder`: single modules came before packages."""
    for version in ("3.13", "3.10", "3.9"):
        try:
            other = find(f"python{version}")
        except Unusable:
            continue
        if other.tag != but_not.tag and test_modules(other.tests, folder):
            return other
    return None


def test_modules(tests: Path, name: str) -> list[str]:
    """The modules that make up the test `name` in a folder of tests, dotted, below that folder."""
    if (tests / f"{name}.py").is_file():
        return [name]
    return sorted(f"{name}.{file.stem}" for file in (tests / name).glob("test_*.py"))
