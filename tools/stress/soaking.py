"""What the soaks of all suites share: their kinds of work in turns, the readings of memory, the verdict.

Runs under the measured interpreter too: syntax of Python 3.9.
"""

from __future__ import annotations

from statistics import median
from typing import Any, Callable

STRETCH = 2000  # operations between two looks at the memory

ALLOWED = (
    4 * 2**20
)  # bytes: what allocators' arenas breathe; one kept 16-byte object an operation would be 16 MB

Kind = Callable[[Any, int], int]  # of the module and a number of operations; returns how many it counts for
Soak = Callable[[Any, int, Callable[[], None]], int]


def in_turns(*kinds: Kind) -> Soak:
    """The soak of a suite: at least so many operations, in turns of every kind. Returns how many it made."""

    def soak(module: Any, operations: int, note: Callable[[], None]) -> int:
        done = turn = 0
        while done < operations:
            done += kinds[turn % len(kinds)](module, STRETCH)
            turn += 1
            note()
        return done

    return soak


def quarters(readings: list[int]) -> list[int]:
    """Resident memory at the start, after each quarter, and at the end; a median of neighbours each, against
    spikes.
    """
    last = len(readings) - 1
    places = [last * quarter // 4 for quarter in range(5)]
    return [int(median(readings[max(0, place - 2) : place + 3])) for place in places]


def grown(readings: list[int]) -> int:
    """Growth from the first quarter to the end. The first quarter itself may still fill caches."""
    points = quarters(readings)
    return points[-1] - points[1]


def verdicts(soaks: list[dict[str, Any]]) -> list[str]:
    """Print each soak's readings; return those that failed."""
    failures = []
    for soak in soaks:
        points = quarters(soak["resident"])
        steps = ", ".join(f"{point / 2**20:.1f}" for point in points)
        growth = grown(soak["resident"])
        line = f"{soak['python']} {soak['suite']} soak, {soak['operations']} operations: resident MiB {steps}"
        print(f"{line} (growth after the first quarter {growth / 2**20:+.1f})")
        if growth > ALLOWED:
            failures.append(f"{soak['python']} {soak['suite']} soak: grew by {growth / 2**20:.1f} MiB")
    return failures
