"""The interpreters hasten is tested on, and how much of CPython's own suite each of them runs.

    python tools/matrix.py                 those that are found here
    python tools/matrix.py envs            the same as tox environments: py39,py313t
    python tools/matrix.py wheels          build every wheel for each of them
    python tools/matrix.py conformance     build their wheels and run tools/conformance over them

The usual suites run on the oldest and the newest interpreter found, the quick ones on the others: all of them
on all take longer than the gate may.  HASTEN_CONFORMANCE=full (all suites, the long ones too, on all), quick
or none says otherwise.  CI_PYTHONS ("3.9 3.13t") narrows what counts as found.
"""

from __future__ import annotations

import os
import subprocess
import sys

import wheelhouse
from distributions import ROOT, UsageError
from interpreters import NotFound, found

CONFORMANCE = ROOT / "tools" / "conformance"
KEPT = ROOT / ".cache" / "conformance"  # the standard library's results; HASTEN_KEPT names another folder


def conformance_runs() -> list[list[str]]:
    """The arguments of each run of tools/conformance: one of many suites, one of the quick ones."""
    told = os.environ.get("HASTEN_CONFORMANCE", "")
    if told not in ("", "full", "quick", "none"):
        raise UsageError(f"HASTEN_CONFORMANCE: {told!r} is none of full, quick, none")
    labels = found() if told != "none" else []
    full = {"full": set(labels), "quick": set()}.get(told, set(labels[:1] + labels[-1:]))
    many = [] if told == "full" else ["--usual"]
    runs = [
        [*many, *(f"--python=python{label}" for label in labels if label in full)],
        ["--quick", *(f"--python=python{label}" for label in labels if label not in full)],
    ]
    return [run for run in runs if any(argument.startswith("--python") for argument in run)]


def build_wheels() -> int:
    return wheelhouse.main([f"--python=python{label}" for label in found()])


def run_conformance(options: list[str]) -> int:
    runs = conformance_runs()
    if not runs:
        print("conformance: left out, HASTEN_CONFORMANCE=none")
        return 0
    built = build_wheels()
    if built:
        return built
    kept = os.environ.get("HASTEN_KEPT") or str(KEPT)
    common = [sys.executable, str(CONFORMANCE), "--wheels", str(ROOT / ".wheelhouse"), "--keep", kept]
    # all of them, also after one that failed: the reader wants the whole table
    return max(subprocess.run([*common, *options, *run]).returncode for run in runs)


def main(arguments: list[str]) -> int:
    command, *options = arguments or ["labels"]
    try:
        if command == "conformance":
            return run_conformance(options)
        if command == "wheels":
            return build_wheels()
        if command == "envs":
            print(",".join("py" + label.replace(".", "") for label in found()))
        elif command == "labels":
            print(" ".join(found()))
        else:
            raise UsageError(f"unknown command {command!r}; there are: labels, envs, wheels, conformance")
    except (UsageError, NotFound) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
