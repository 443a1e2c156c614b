"""Each distribution from its wheel: alone with what it declares, upgraded alone, and taken away again.

What is under test is what pip makes of the wheels, so that each step is pip's own.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import wheelhouse
from distributions import Distribution, discover, with_siblings
from interpreters import probe
from packaging.utils import canonicalize_name

KNOWN = discover()
EACH = pytest.mark.parametrize("name", sorted(KNOWN))
# The modules of a distribution, and where those of ours are from that came with them.
IMPORTS = """
import importlib, json, sys

for module in sys.argv[1:]:
    importlib.import_module(module)
files = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("hasten.")
         and getattr(module, "__file__", None)}
print(json.dumps(files))
"""


Wheels = dict[str, Path]  # by the name of the distribution


@pytest.fixture(scope="module")
def wheels() -> Wheels:
    """Those of every distribution for this interpreter, which tox has built already."""
    built = wheelhouse.build_all_for([probe(sys.executable)])
    return {canonicalize_name(wheel.name.partition("-")[0]): wheel for wheel in built}


class Environment:
    """A virtual environment without anything in it; pip works on it from outside."""

    def __init__(self, home: Path, wheels: Wheels) -> None:
        wheelhouse.run([sys.executable, "-m", "virtualenv", "-q", "--no-seed", str(home)])
        self.home, self.shelf = home, next(iter(wheels.values())).parent
        self.python = str(home / "bin" / "python")

    def pip(self, command: str, *arguments: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python, command, "-q"]
        wheelhouse.run([*pip, *arguments], env=wheelhouse.without_pip_settings())

    def install(self, *names: str, also_from: tuple[Path, ...] = ()) -> None:
        shelves = (f"--find-links={shelf}" for shelf in (self.shelf, *also_from))
        self.pip("install", "--no-index", *shelves, *names)

    def records(self) -> Iterator[tuple[str, str, Path]]:
        """Name, version and list of files of each distribution that is there."""
        for record in self.home.glob("lib/python*/site-packages/*.dist-info/RECORD"):
            name, _, version = record.parent.name[: -len(".dist-info")].partition("-")
            yield canonicalize_name(name), version, record

    def versions(self) -> dict[str, str]:
        return {name: version for name, version, _ in self.records()}

    def files(self) -> dict[str, set[str]]:
        """What each distribution has installed and is there, but for the mark of what was asked for."""
        found = {}
        for name, _, record in self.records():
            with open(record, newline="") as lines:
                paths = [record.parent.parent / row[0] for row in csv.reader(lines)]
            kept = (path for path in paths if path.suffix != ".pyc" and path.name != "REQUESTED")
            found[name] = {str(path) for path in kept if path.exists()}
        return found

    def imports(self, *distributions: Distribution) -> dict[str, str]:
        modules = [module for distribution in distributions for module in distribution.modules]
        command = [self.python, "-c", IMPORTS, *modules]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.home, env=clean())
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def declared(distribution: Distribution) -> set[str]:
    return {needed.name for needed in with_siblings([distribution], KNOWN)}


@EACH
def test_alone_with_what_it_declares(name, tmp_path, wheels):
    distribution = KNOWN[name]
    environment = Environment(tmp_path / "env", wheels)
    environment.install(name)
    assert set(environment.versions()) == declared(distribution)
    home = str(environment.home)
    assert all(file.startswith(home) for file in environment.imports(distribution).values())


@pytest.fixture(scope="module")
def everything(tmp_path_factory, wheels) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("everything") / "env", wheels)
    environment.install("hasten")
    return environment


def test_hasten_brings_all(everything):
    assert set(everything.versions()) == set(KNOWN)


@EACH
def test_taken_away_it_leaves_the_others(name, everything):
    before = everything.files()
    everything.pip("uninstall", "-y", name)
    try:
        after = everything.files()
        assert after == {other: files for other, files in before.items() if other != name}
        gone = [file for file in before[name] if os.path.exists(file)]
        assert gone == []
        everything.imports(*(other for other in KNOWN.values() if name not in declared(other)))
    finally:
        everything.install(name)
    assert everything.files() == before


def next_version(wheel: Path, distribution: Distribution, folder: Path) -> str:
    """The same wheel as the one of the next release: pip goes by the metadata and by the name of the file."""
    old, new = distribution.version, re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), distribution.version)
    stem = wheel.name.partition("-")[0]
    renamed = f"{stem}-{old}.dist-info/", f"{stem}-{new}.dist-info/"
    rows = []
    target = folder / wheel.name.replace(f"-{old}-", f"-{new}-", 1)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as made:
        for entry in source.namelist():
            data, path = source.read(entry), entry.replace(*renamed)
            if path == f"{renamed[1]}RECORD":
                continue
            if path == f"{renamed[1]}METADATA":
                data = data.replace(f"\nVersion: {old}\n".encode(), f"\nVersion: {new}\n".encode(), 1)
            made.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((path, f"sha256={digest}", len(data)))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (f"{renamed[1]}RECORD", "", "")])
        made.writestr(f"{renamed[1]}RECORD", text.getvalue())
    return new


@EACH
def test_upgraded_alone(name, everything, wheels, tmp_path):
    distribution = KNOWN[name]
    before, files = everything.versions(), everything.files()
    new = next_version(wheels[name], distribution, tmp_path)
    everything.install("--upgrade", name, also_from=(tmp_path,))
    try:
        assert everything.versions() == {**before, name: new}
        after = everything.files()
        assert {**after, name: set()} == {**files, name: set()}
        everything.imports(*KNOWN.values())
    finally:
        everything.install("--force-reinstall", "--no-deps", f"{name}=={distribution.version}")
    assert everything.versions() == before
