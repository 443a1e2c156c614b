"""Objects whose `__init__` did not run: every method and attribute ends, with an ordinary error or none."""

from __future__ import annotations

import functools
from typing import Any

from support.public_names import Side
from support.stepwise import outcomes

ORDINARY = (
    "AttributeError: ",
    "RuntimeError: ",
    "AssertionError: ",
    "NotImplementedError: ",
    "TypeError: ",
    "ValueError: ",
    "Empty: ",
    "Full: ",
    "StopIteration: ",
    "TimeoutError: ",
    "BrokenBarrierError: ",
    "returned",
    "not callable",
    "attribute: ",
    "shown: ",
    "initialised late",
)


@functools.cache
def found_on(side: str) -> dict[str, str]:
    return outcomes("uninitialised", side)


def test_no_crash_no_hang_and_an_ordinary_error(side: Side, faults: Any) -> None:
    found = found_on(side.name)
    assert len(found) > 300
    for label, outcome in found.items():
        faults.check(outcome.startswith(ORDINARY), f"{label}: {outcome}")


def test_a_late_init_makes_a_whole_object(side: Side, faults: Any) -> None:
    found = found_on(side.name)
    late = {label: outcome for label, outcome in found.items() if label.endswith(": late __init__")}
    assert len(late) > 15
    for label, outcome in late.items():
        faults.compare(label, outcome, "initialised late")
