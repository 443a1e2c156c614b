"""Rows of `threading`: what timers cost while they wait.

Each sample is a process of its own, which reads its resident memory before and after it has started the
timers. That leaves out what the kernel keeps for a thread, so it flatters a timer that has one of its own.
Stacks and allocators are as they are by default. Where the system does not allow as many threads as timers
are wanted, the sample is what those that could be started cost each.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from bench.cases import Case, expect
from bench.in_child import report_of

TIMERS = 10_000
FEWEST = 100  # a sample of less timers than this would say nothing
CHILD = """
def started(number):
    timer = source.Timer(86400, fired.append, (number,))
    timer.daemon = True
    timer.start()
    return timer

wanted, fired, timers = int(arguments[0]), [], []
first = started(0)
before, threads = resident(), len(os.listdir("/proc/self/task"))
refused = ""
try:
    for number in range(wanted):
        timers.append(started(number))
except (RuntimeError, MemoryError) as error:
    refused = repr(error)
while not quiet():
    pass
report(
    timers=len(timers), alive=sum(timer.is_alive() for timer in timers), fired=len(fired), refused=refused,
    bytes=resident() - before, threads=len(os.listdir("/proc/self/task")) - 1,
)
"""


@dataclass
class PendingTimers(Case):
    """Bytes for each pending timer, or OS threads for ten thousand of them."""

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        outcome = report_of(CHILD, state, TIMERS)
        return perf_counter_ns() - begin, outcome

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return outcome[self.unit] / outcome["timers"] * (1 if self.unit == "bytes" else TIMERS)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome["timers"] >= FEWEST, f"{outcome['timers']} timers started: {outcome['refused']}")
        expect(outcome["alive"] == outcome["timers"], f"{outcome['alive']} timers pend")
        expect(outcome["fired"] == 0, f"{outcome['fired']} timers fired before their time")
        expect(outcome["bytes"] > 0 and outcome["threads"] > 0, "timers that need nothing at all")
