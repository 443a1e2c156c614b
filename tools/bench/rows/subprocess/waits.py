"""Rows of `subprocess`: how soon wait(timeout) notices that a child ended, and what it does until then."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

from bench.cases import expect
from bench.programs import program
from bench.rows.subprocess.starts import NeedsChild

PATIENCE = 10  # seconds: the timeout, which never passes
LIVES = (3, 11, 23, 37, 52, 71)  # milliseconds: who looks now and then is late by other times for each


def start_clock(module: Any, milliseconds: int) -> Any:
    """A child that lives so long and writes down when it ends, by the clock of time.monotonic_ns()."""
    return module.Popen([program("child"), "clock", str(milliseconds)], stdout=module.PIPE)


def end_of(child: Any) -> int:
    with child.stdout as written:
        return int.from_bytes(written.read(), sys.byteorder)


@dataclass
class Notice(NeedsChild):
    """From the child's last moment until wait(timeout) has returned, the mean of several children."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        late, statuses = [], []
        for milliseconds in LIVES:
            child = start_clock(state, milliseconds)
            statuses.append(child.wait(timeout=PATIENCE))
            back = time.monotonic_ns()
            late.append(back - end_of(child))
        return sum(late), (late, statuses)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(LIVES)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        late, statuses = outcome
        expect(statuses == [0] * len(LIVES), f"the children ended with {statuses}")
        expect(min(late) > 0, "a wait was over before its child was")


@dataclass
class Switches(NeedsChild):
    """How often the waiting thread was put to sleep during one wait(timeout) of 0.3 s. Once is the least."""

    unit: str = "switches"
    life: int = 300

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        import resource

        child = start_clock(state, self.life)
        begin = time.perf_counter_ns()
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        status = child.wait(timeout=PATIENCE)
        switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
        elapsed = time.perf_counter_ns() - begin
        end_of(child)
        return elapsed, (status, switches)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return outcome[1]

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        status, switches = outcome
        expect(status == 0, f"the child ended with {status}")
        expect(switches > 0, "a wait that did not sleep")

    def unavailable(self) -> str | None:
        if not sys.platform.startswith("linux"):
            return "only Linux counts the switches of one thread"
        return super().unavailable()
