"""Leaves out, where interpreters.py says that a chosen set of tests is enough, what tells nothing new there.

That is, of the packages' tests:

- The standard library's side: it shows that the tests ask for what the standard library does, which one old
  and one new interpreter show well enough; without a GIL it is the same Python code.
- Minutes of killed processes, and the examples of the texts under every start method: what they meet is C
  that does not know the interpreter, and what differs between interpreters has short tests.

Of hasten nothing else is left out, and nothing at all on the interpreters that are fully tested.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import interpreters
import pytest

ORACLE = "stdlib"  # the parameter of the fixture impl, and of those like it
LONG = ("test_*kills.py", "test_examples.py")


def of_oracle(item: pytest.Item) -> bool:
    """Whether the test is one of the standard library's side."""
    parameters = getattr(item, "callspec", None)
    return parameters is not None and ORACLE in parameters.id.split("-")


def is_oracle(item: pytest.Item) -> bool:
    """The same, of the packages' own tests alone: those under tests/ ask something else of that side."""
    return of_oracle(item) and Path(item.config.rootpath, "packages") in item.path.parents


def is_long(item: pytest.Item) -> bool:
    return any(fnmatch(item.path.name, pattern) for pattern in LONG)


class ChosenTests:
    """Leaves out the tests of which one of *kinds* is true."""

    def __init__(self, *kinds: Callable[[pytest.Item], bool]) -> None:
        self.kinds = kinds
        self.left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        gone = [item for item in items if any(kind(item) for kind in self.kinds)]
        self.left_out = len(gone)
        if gone:
            config.hook.pytest_deselected(items=gone)
            items[:] = [item for item in items if item not in set(gone)]

    def pytest_report_collectionfinish(self) -> str:
        where = f"on {interpreters.own_label()} (HASTEN_TESTS=full runs them)"
        return f"gate: {self.left_out} tests left out {where}"


def plugins() -> list[object]:
    label = interpreters.own_label()
    if not interpreters.tests_everything(label):
        return [ChosenTests(is_oracle, is_long)]
    if label.endswith("t") and os.environ.get("HASTEN_TESTS") != "full":
        return [ChosenTests(is_oracle)]
    return []
