"""A class may have any two bases that it could have with the standard library's classes."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from stepwise import outcomes


@pytest.mark.parametrize("kind", ["hasten", "dummy"])
def test_whatever_the_stdlib_allows_works(kind: str, faults: Any) -> None:
    """Class statement, both __init__, and a use as each of the two."""
    needed = "hasten.patch" if kind == "hasten" else "hasten.dummy_threading"
    if importlib.util.find_spec("hasten") is None or importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    stdlib, ours = outcomes("layouts", "stdlib"), outcomes("layouts", kind)
    assert sum(outcome == "works" for outcome in stdlib.values()) > 300  # the oracle itself
    for label, outcome in stdlib.items():
        faults.check(outcome != "works" or ours.get(label) == "works", f"{label}: {ours.get(label)}")
    faults.check("(the child's end)" not in ours, f"the end: {ours.get('(the child' + chr(39) + 's end)')}")
