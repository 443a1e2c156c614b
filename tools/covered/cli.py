"""The command line: builds, runs the tests, tells the figures."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from distributions import ROOT
from wheelhouse import BuildError

from covered import building, figures, measuring
from covered.places import DATA, HOME, RUNS, SETTINGS

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
    add("--more", action="store_true", help="only what the last run of the same sources did not come to")
    add("--jobs", type=int, default=cpus(), metavar="N", help="files at a time; default: the CPUs")
    return parser.parse_args(words)


def cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def of_this_run(files: list[Path], digest: str, more: bool) -> list[Path]:
    """The files that are to run; what an earlier run has measured goes, unless it is to count too."""
    of = RUNS / "sources"
    if not more or not of.exists() or of.read_text() != digest:
        shutil.rmtree(RUNS, ignore_errors=True)
        RUNS.mkdir(parents=True)
        of.write_text(digest)
    return [file for file in files if not measuring.data_of(file).exists()]


def measured(files: list[Path], jobs: int) -> list[measuring.Measured]:
    """How the files went, as far as they ran before an interrupt."""
    done: list[measuring.Measured] = []
    try:
        for one in measuring.measure_all(files, jobs):
            done.append(one)
    except KeyboardInterrupt:
        print(f"covered: interrupted; --more runs the other {len(files) - len(done)} files", flush=True)
    return done


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
        done = measured(of_this_run(files, building.digest_of_tree(), options.more), options.jobs)
        DATA.unlink(missing_ok=True)
        measuring.combine(DATA, sorted(RUNS.glob("*/data")), "--keep")
    for one in done:
        if not one.finished:
            print(f"covered: {measuring.name_of(one.file)} came to no end: {one.outcome}")
    lines = figures.read()
    (HOME / "missing.txt").write_text(figures.least_covered(lines, len(lines)) + "\n")
    print(f"covered: the most lines that no test runs (all: {HOME / 'missing.txt'}):")
    print(figures.least_covered(lines), figures.table(lines), sep="\n")
    minutes, parts = (time.monotonic() - began) / 60, len(list(RUNS.glob("*/data")))
    print(f"covered: {parts} files of tests, {len(done)} of them in these {minutes:.1f} min")
    return 0
