"""Builds a distribution's sdist in a copy of the repository, and tells what is in it."""

from __future__ import annotations

import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from distributions import Distribution
from interpreters import probe
from wheelhouse import LEFTOVERS, BuildEnvironment, one_at_a_time, run

BUILD = "import sys, setuptools.build_meta as backend; print(backend.build_sdist(sys.argv[1]))"
SOURCES = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".typed"}


def build(root: Path, distribution: Distribution, requires: list[str], scratch: Path) -> Path:
    """The sdist, built somewhere below `scratch`."""
    copy = scratch / "packages" / distribution.folder.name
    ignore = shutil.ignore_patterns(*LEFTOVERS)
    shutil.copytree(distribution.folder, copy, symlinks=True, ignore=ignore)
    if (root / "tools" / "include").is_dir():
        shutil.copytree(root / "tools" / "include", scratch / "tools" / "include")
    shutil.copy(root / "LICENSE", scratch)
    out = root / ".wheelhouse"
    interpreter = probe(sys.executable)
    with one_at_a_time(out, [interpreter]):
        environment = BuildEnvironment(out, interpreter, requires)
    run([environment.python, "-c", BUILD, str(scratch / "sdist")], cwd=copy)
    (built,) = (scratch / "sdist").glob("*.tar.gz")
    return built


def missing(sdist: Path, distribution: Distribution) -> list[str]:
    """What it has to have and has not."""
    with tarfile.open(sdist) as tar:
        shipped = {name.partition("/")[2] for name in tar.getnames()}
    return [needed for needed in expected(distribution.folder) if needed not in shipped]


def expected(folder: Path) -> Iterator[str]:
    """What somebody who has only the sdist needs in order to build, use and read it."""
    yield from (name for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"))
    for top in ("src", "include"):
        for path in sorted((folder / top).rglob("*")):
            if path.suffix in SOURCES and "__pycache__" not in path.parts:
                yield path.relative_to(folder).as_posix()
