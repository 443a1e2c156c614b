"""The command line: builds, runs the tests, tells the figures."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from distributions import ROOT
from wheelhouse import BuildError

from covered import building, figures, measuring
from covered.places import DATA, HOME, SETTINGS

ABOUT = """\
Which lines of hasten the tests run.

Builds everything with Cython's line tracing into .cache/coverage and runs each file of the packages' tests
over that, as many at a time as there are CPUs.  For CPython up to 3.11, where Cython tells coverage of its
lines in the interpreter's own way.  The tests are the chosen set of tools/chosen_tests.py; HASTEN_TESTS=full
runs all.  Lines that run without the GIL are not counted; nor is what a process ran that a signal ends.
Failed tests are the gate's business, not this one's.
"""


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/covered", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("paths", nargs="*", type=Path, metavar="PATH", help="files or folders of tests; default: all")
    add("--jobs", type=int, default=cpus(), metavar="N", help="files at a time; default: the CPUs")
    return parser.parse_args(words)


def cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(words: list[str] | None = None) -> int:
    options, began = arguments(words), time.monotonic()
    if sys.prefix == sys.base_prefix:
        print("covered: run it in a virtual environment, as tox -e cov does", file=sys.stderr)
        return 2
    try:
        modules, compiled = building.build(options.jobs)
    except BuildError as error:
        print(f"covered: {error}", file=sys.stderr)
        return 1
    print(f"covered: {modules} modules, {compiled} compiled, {time.monotonic() - began:.0f} s", flush=True)
    SETTINGS.write_text(measuring.SETTINGS_TEXT)
    given = options.paths or sorted(ROOT.glob("packages/*/tests"))
    files = [file for path in given for file in (sorted(path.rglob("test_*.py")) or [path])]
    with measuring.installed():
        done = list(measuring.measure_all(files, options.jobs))
        DATA.unlink(missing_ok=True)
        parts = [path for one in done if (path := measuring.folder_of(one.file) / "data").exists()]
        measuring.combine(DATA, parts, "--keep")
    for one in done:
        if not one.finished:
            print(f"covered: {measuring.name_of(one.file)} came to no end: {one.outcome}")
    lines = figures.read()
    (HOME / "missing.txt").write_text(figures.least_covered(lines, len(lines)) + "\n")
    print(f"covered: the most lines that no test runs (all: {HOME / 'missing.txt'}):")
    print(figures.least_covered(lines), figures.table(lines), sep="\n")
    print(f"covered: {len(done)} files of tests in {(time.monotonic() - began) / 60:.1f} min")
    return 0
