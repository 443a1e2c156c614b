"""A class may have any two bases that it could have with the standard library's classes."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from support.stepwise import outcomes

# A metaclass lets isinstance() take the standard library's futures for ours: see the README of hasten-futures
HAVE_A_METACLASS = ("Future", "PoolExecutor")
NOT_WITH_ONE = ("WithMeta", "ABC", "local", "ProcessPoolExecutor")


@pytest.mark.parametrize(
    ("kind", "needed"), [("hasten", "hasten.patch"), ("dummy", "hasten.dummy_threading")]
)
def test_whatever_the_stdlib_allows_works(faults: Any, kind: str, needed: str) -> None:
    """Class statement, both __init__, and a use as each of the two."""
    if importlib.util.find_spec("hasten") is None or importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    stdlib, ours = outcomes("layouts", "stdlib"), outcomes("layouts", kind)
    assert sum(outcome == "works" for outcome in stdlib.values()) > 300  # the oracle itself
    assert sum(label in stdlib for label in ours) > 200
    for label, outcome in stdlib.items():
        if kind == "dummy" and label not in ours:
            continue  # with a class of another module
        if any(name in label for name in HAVE_A_METACLASS) and any(name in label for name in NOT_WITH_ONE):
            continue
        faults.check(outcome != "works" or ours.get(label) == "works", f"{label}: {ours.get(label)}")
    faults.check("(the child's end)" not in ours, f"the end: {ours.get('(the child' + chr(39) + 's end)')}")
