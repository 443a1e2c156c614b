"""Leaves out, where interpreters.py says that a chosen set of tests is enough, what tells nothing new there.

That is the standard library's side of the packages' tests: it shows that the tests ask for what the
standard library does, which one old, one new and one free-threaded interpreter show well enough; of its
processes, which are the same Python code without a GIL, the old and the new one alone.  Of hasten nothing is
left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import interpreters
import pytest

ORACLE = "stdlib"  # the parameter of the fixture impl, and of those like it
OF_PROCESSES = "packages/hasten-multiprocessing"


def is_oracle(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    return parameters is not None and ORACLE in parameters.id.split("-")


class ChosenTests:
    """Leaves out the standard library's side of what is tested in *folder* and below."""

    def __init__(self, folder: str = "packages") -> None:
        self.folder = folder
        self.left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        folder = Path(config.rootpath, self.folder)
        gone = [item for item in items if is_oracle(item) and folder in item.path.parents]
        self.left_out = len(gone)
        if gone:
            config.hook.pytest_deselected(items=gone)
            items[:] = [item for item in items if item not in set(gone)]

    def pytest_report_collectionfinish(self) -> str:
        where = f"on {interpreters.own_label()} (HASTEN_TESTS=full runs them)"
        return f"gate: {self.left_out} tests of the standard library's side left out {where}"


def plugins() -> list[object]:
    label = interpreters.own_label()
    if not interpreters.tests_everything(label):
        return [ChosenTests()]
    if label.endswith("t") and os.environ.get("HASTEN_TESTS") != "full":
        return [ChosenTests(OF_PROCESSES)]
    return []
