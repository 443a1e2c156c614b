"""One interpreter's worker process, seen from the tool: its rows, its failures, and its progress."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cases import Suite
from bench.environments import NoEnvironment
from bench.ratios import Row, make_row
from bench.report import misses
from bench.sampler import Plan

BENCH = Path(__file__).resolve().parent
SECONDS_A_LINE = 30.0  # of progress, in a log


@dataclass
class Job:
    """What to measure, the same for every interpreter. `suites` maps what the user wrote to the suite it
    names.
    """

    suites: dict[str, Suite]
    cases: dict[str, list[str]]
    plan: Plan
    limit: float
    soak: int
    stress: float  # minutes; 0 for none
    seed: int
    goals: dict[str, Any]


@dataclass
class Findings:
    """What one or several workers reported."""

    pythons: list[dict[str, Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    soaks: list[dict[str, Any]] = field(default_factory=list)
    stresses: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def show(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


class Listener:
    """Follows the lines of one worker."""

    def __init__(self, job: Job, findings: Findings) -> None:
        self.job, self.findings = job, findings
        self.sides = {suite.name: (suite.baseline, suite.candidate) for suite in job.suites.values()}
        self.label, self.current, self.done = "", "", 0
        self.total = len(job.suites) if job.soak or job.stress else sum(map(len, job.cases.values()))
        self.finished = False
        self.next_line = 0.0

    def hello(self, event: dict[str, Any]) -> None:
        self.label = event["label"]
        self.findings.pythons.append(event)

    def suite(self, event: dict[str, Any]) -> None:
        for side in self.sides[event["suite"]]:
            if side in event["missing"]:
                raise NoEnvironment(
                    f"Python {self.label} has no {side} for {event['suite']} ({event['missing'][side]}); "
                    f"install it: python{self.label} -m pip install ./packages/hasten-{event['suite']}"
                )
        for name, reason in event["missing"].items():
            show(f"{self.label} {event['suite']}: peer {name} left out ({reason})")

    def started(self, event: dict[str, Any]) -> None:
        self.done += 1
        self.current = event["case"]
        show(f"{self.label:5} {event['suite']} {self.done:2}/{self.total} {self.current:34} ", end="")

    def skipped(self, event: dict[str, Any]) -> None:
        self.done += 1
        self.findings.skipped[f"{event['case']} on {self.label}"] = event["reason"]

    def failed(self, event: dict[str, Any]) -> None:
        show("FAILED")
        show(event["reason"])
        last = event["reason"].strip().splitlines()[-1]
        self.findings.failures.append(f"{self.label} {event['suite']}, {event['case']}: {last}")

    def row(self, event: dict[str, Any]) -> None:
        row = make_row(event, self.label, self.sides[event["suite"]], self.job.goals)
        self.findings.rows.append(row)
        if row.ratio is None:
            show("not measured: " + "; ".join(f"{name}: {why}" for name, why in row.missing.items()))
        else:
            missed = misses(row)
            show(f"{row.ratio.median:6.2f}x" + (f"  ({', '.join(missed)})" if missed else ""))

    def soak(self, event: dict[str, Any]) -> None:
        show(f"{event['operations']} operations")
        self.findings.soaks.append({**event, "python": self.label})

    def progress(self, event: dict[str, Any]) -> None:
        """The state of a stress: on a terminal in place, elsewhere a line now and then."""
        minutes = f"{event['seconds'] / 60:5.1f} of {event['of'] / 60:g} min"
        rounds = ", ".join(f"{name} {count[0]}" for name, count in event["games"].items())
        if sys.stderr.isatty():
            show(f"\r{self.label:5} {event['suite']} stress {minutes}: rounds {rounds}"[:200], end="")
        elif event["seconds"] >= self.next_line:
            self.next_line += SECONDS_A_LINE
            show(f"\n{minutes}: {rounds}", end="")

    def stress(self, event: dict[str, Any]) -> None:
        show("")
        self.findings.stresses.append({**event, "python": self.label})

    def finish(self, event: dict[str, Any]) -> None:
        self.finished = True
        if event["gil"] != self.findings.pythons[-1]["gil"]:
            self.findings.failures.append(f"{self.label}: an extension module switched the GIL on")

    def hear(self, line: str) -> None:
        event = json.loads(line)
        kind = event.pop("event")
        getattr(self, {"done": "finish"}.get(kind, kind))(event)


def run_worker(python: str, job: Job, findings: Findings) -> None:
    """Measure under this interpreter. A worker that dies or hangs is a failure of its row."""
    order = {
        "suites": list(job.suites),
        "cases": job.cases,
        "plan": asdict(job.plan),
        "limit": job.limit,
        "soak": job.soak,
        "stress": job.stress,
        "seed": job.seed,
    }
    command = [python, str(BENCH), "--worker", json.dumps(order)]
    listener = Listener(job, findings)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                listener.hear(line)
        except BaseException:
            worker.kill()
            raise
    if not listener.finished:
        where = f" in {listener.current!r}" if listener.current else ""
        findings.failures.append(
            f"{listener.label or python}: the worker ended{where} with status {worker.returncode}"
        )
