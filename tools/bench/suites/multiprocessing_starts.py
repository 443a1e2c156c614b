"""Rows of `multiprocessing`: a child that does nothing, started and joined."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import Case, Suite, expect, module

PROGRAM = Path(__file__).resolve().parent.parent / "programs" / "starts.py"


@dataclass
class Starts(Case):
    """Children one after the other, in a program of its own, whose main module spawned children load."""

    method: str = "fork"
    children: int = 20
    most_rounds: int = 21

    def setup(self, module: Any) -> Any:
        return [sys.executable, str(PROGRAM), module.__name__, self.method, str(self.children)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        outputs = [subprocess.run(state, capture_output=True, text=True) for _ in range(n)]
        spent = [int(output.stdout.split()[0]) if output.stdout else 0 for output in outputs]
        return sum(spent), [output.stdout.split()[1:] + [output.stderr] for output in outputs]

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / n / self.children

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == [[str(self.children), ""]] * n, f"the children ended otherwise: {outcome}")


SUITE = Suite(
    name="multiprocessing_starts",
    packages=("multiprocessing",),
    imports="hasten.multiprocessing",
    implementations=(module("stdlib", "multiprocessing"), module("hasten", "hasten.multiprocessing")),
    cases=(
        Starts("start and join, fork", method="fork", children=100),
        Starts("start and join, spawn", method="spawn"),
        Starts("start and join, forkserver", method="forkserver", children=40),
    ),
)
