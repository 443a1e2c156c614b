"""packages/hasten/docs/benchmarks.md, made from tools/bench/results: `nox -s report`.

Each row and interpreter has one number, in one place.  A suite's `about` stands above its table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.ratios import Row
from bench.report import compiled, distinct, how_to_read, load, ratio_cell, ratio_table, table
from bench.suites import load_suite

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"
ROOT = BENCH.parent.parent
TARGET = ROOT / "packages" / "hasten" / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- made by nox -s report -->\n", "<!-- end -->\n"
# What the README shows: (in words, suite, case).  The last ones lose.
CHOSEN = (
    ("a queue of threads: put and get", "queue", "put + get, one thread"),
    ("the same, from thread to thread", "queue", "1 -> 1, unbounded"),
    ("a call in a pool of threads", "futures", "100k submit + result, 4 workers"),
    ("a call in a pool of processes", "process_pool", "20k submit + result"),
    ("a tuple through a queue of processes", "multiprocessing_queues", "small tuple"),
    ("an array of 1 MiB through it", "multiprocessing_queues", "array 1 MiB"),
    ("arrays of 1 MB by a pool's map", "pool", "map of arrays of 1 MB"),
    ("a thread, start and join", "thread", "start + join, unpinned"),
    ("the start of the launcher", "start_up", "start-up"),
)
HEAD = """# How much faster

Made by `nox -s report` from the samples in [tools/bench/results](../../../tools/bench/results), a file for
each suite and Python: change nothing here.  `nox -s bench -- queue` measures anew.

{runs}

Machine: {machines}

{how_to_read}  **Below** marks what misses the goal that is set for that row in `tools/bench/goals.toml`."""


def version(label: str) -> list[int]:
    """3.9 is before 3.11, and 3.13t beside 3.13."""
    return [int(part) for part in label.rstrip("t").split(".")]


def order(path: Path) -> tuple[str, list[int]]:
    """By suite, then by version."""
    suite, _, label = path.stem.rpartition("-")
    return suite, version(label)


def runs(paths: list[Path]) -> str:
    """A table of what was measured when."""
    body = []
    for path in paths:
        meta = json.loads(path.read_text(encoding="utf-8"))["meta"]
        pythons = ", ".join(map(compiled, meta["pythons"]))
        body.append([order(path)[0], pythons, str(meta["rounds"]), meta["date"]])
    return table(["suite", "CPython", "rounds", "measured on"], body)


def machines(paths: list[Path]) -> str:
    hosts = [json.loads(path.read_text(encoding="utf-8"))["meta"]["machine"] for path in paths]
    return "; ".join(distinct([f"{host['cpus']} x {host['cpu']}, {host['system']}" for host in hosts])) + "."


def section(suite: str, rows: list[Row]) -> str:
    about = load_suite(suite).about
    return "\n\n".join([f"## {suite}", *([about] if about else []), ratio_table(rows)])


def document(folder: Path = RESULTS) -> str:
    """The whole page."""
    paths = sorted(folder.glob("*.json"), key=order)
    rows: list[Row] = load(paths)[0]
    head: dict[str, Any] = {
        "how_to_read": how_to_read("as many rounds as the table says, of at least 5 ms each,"),
        "machines": machines(paths),
        "runs": runs(paths),
    }
    suites = distinct([row.suite for row in rows])
    parts = [section(suite, [row for row in rows if row.suite == suite]) for suite in suites]
    return "\n\n".join([HEAD.format(**head), *parts]) + "\n"


def chosen(folder: Path = RESULTS) -> str:
    """The README's table."""
    rows = {(row.suite, row.case, row.python): row for row in load(sorted(folder.glob("*.json")))[0]}
    pythons = sorted({python for *_, python in rows}, key=version)
    body = [
        [words, *(ratio_cell(rows.get((suite, case, python))) for python in pythons)]
        for words, suite, case in CHOSEN
    ]
    return table(["stdlib / hasten", *pythons], body) + "\n"


def readme() -> str:
    """The README with that table in its place."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + chosen() + END + rest.partition(END)[2]


def write() -> list[Path]:
    TARGET.write_text(document(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    return [TARGET, README]
