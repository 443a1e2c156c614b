"""Rows whose work is done by a small program of its own, which measures itself.

It prints the nanoseconds that it took, and how many of its steps went well.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.cases import Case, expect

RUNS = 5  # of the program in a sample, which each take far longer than a sample should at least
PROGRAMS = Path(__file__).resolve().parent / "programs"


@dataclass
class OwnProgram(Case):
    """A program of PROGRAMS that does `steps` steps, one after the other."""

    program: ClassVar[str]
    steps: int = 20

    def words(self, module: Any) -> list[str]:
        """What the program is told, before the number of steps."""
        raise NotImplementedError

    def setup(self, module: Any) -> Any:
        return [sys.executable, str(PROGRAMS / self.program), *self.words(module), str(self.steps)]

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        runs = min(n, RUNS)
        outputs = [subprocess.run(state, capture_output=True, text=True) for _ in range(runs)]
        spent = [int(output.stdout.split()[0]) if output.stdout else 0 for output in outputs]
        return sum(spent) * n // runs, [output.stdout.split()[1:] + [output.stderr] for output in outputs]

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / n / self.steps

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome == [[str(self.steps), ""]] * min(n, RUNS), f"the program ended otherwise: {outcome}")
