"""The command line: a process for each contender and scenario, the progress, and the table."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import ending

from crashes.contenders import CONTENDERS
from crashes.scenarios import SCENARIOS

TOOLS = Path(__file__).resolve().parent.parent
LIMIT = 60  # seconds for one run, and what the kills take; what has not ended by then waits for ever
FOR_A_KILL = 0.5  # seconds
MARK = "HASTEN_CRASHES_RUN"  # in the environment of what belongs to a run


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/crashes",
        description="Kills workers of process pools, hasten's and others, and counts what that costs: tasks "
        "that failed, tasks that never end, the time until the crash is told and the pool usable again.",
        epilog=f"Pools: {', '.join(CONTENDERS)}.  Crashes: {', '.join(SCENARIOS)}.",
    )
    add = parser.add_argument
    add("--python", default=sys.executable, help="the interpreter, with hasten and the others installed")
    for one, names in (("pool", CONTENDERS), ("crash", SCENARIOS)):
        only = f"only this {one}; may be repeated"
        add(f"--{one}", action="append", choices=names, metavar="NAME", help=only)
    add("--seed", type=int, default=1, help="of the random kills; default 1")
    add("--kills", type=int, default=10, metavar="N", help="workers killed under load; default 10")
    add("--json", metavar="FILE", help="write every outcome")
    return parser.parse_args(words)


def run(python: str, pool: str, crash: str, seed: int, kills: int) -> dict[str, Any]:
    """The outcome of one run, or why there is none."""
    limit = LIMIT + kills * FOR_A_KILL
    with tempfile.TemporaryDirectory(prefix="hasten-crashes-") as name:
        folder = Path(name)
        with open(folder / "said", "w") as said:  # no pipes: workers that are left would keep them open
            process = subprocess.Popen(
                [python, "-m", "crashes.scenarios", pool, crash, name, str(seed), str(kills)],
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(TOOLS), MARK: name},
            )
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                return {"missing": f"no end in {limit:.0f} s"}
            finally:
                ending.end_all(process.pid, f"{MARK}={name}")
                process.wait()
        if process.returncode == 0:
            return dict(json.loads((folder / "outcome").read_text()))
        lines = (folder / "said").read_text().strip().splitlines()
        return {"missing": lines[-1] if lines else f"exit status {process.returncode}"}


def milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"


def cell(crash: str, outcome: dict[str, Any]) -> str:
    """How an outcome reads in the table."""
    if "missing" in outcome:
        return str(outcome["missing"])
    lost = [f"{outcome[kind]} {word}" for kind, word in COUNTS if outcome[kind]]
    text = ", ".join(lost) or "nothing lost"
    if "kills" in outcome:
        return f"{outcome['kills']} kills, {outcome['right']} right, {text}"
    if crash.endswith("in a task"):
        told, usable = milliseconds(outcome["told"]), milliseconds(outcome["usable"])
        text += f"; told after {told}, usable after {usable}"
    return text


COUNTS = (("failed", "failed"), ("unended", "without an end"), ("wrong", "wrong"))


def table(outcomes: dict[str, dict[str, dict[str, Any]]], crashes: list[str]) -> str:
    head = ["pool", *crashes]
    rows = [[name, *(cell(crash, each[crash]) for crash in crashes)] for name, each in outcomes.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    crashes = options.crash or list(SCENARIOS)
    outcomes: dict[str, dict[str, dict[str, Any]]] = {}
    for pool in options.pool or CONTENDERS:
        outcomes[pool] = {}
        for crash in crashes:
            print(f"{pool}, {crash} ...", end=" ", file=sys.stderr, flush=True)
            outcomes[pool][crash] = run(options.python, pool, crash, options.seed, options.kills)
            print(cell(crash, outcomes[pool][crash]), file=sys.stderr)
    print(table(outcomes, crashes))
    if options.json:
        Path(options.json).write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")
    return 0
