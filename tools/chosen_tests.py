"""Leaves out, where interpreters.py says that a chosen set of tests is enough, what tells nothing new there.

That is the standard library's side of the packages' tests: it shows that the tests ask for what the
standard library does, which one old, one new and one free-threaded interpreter show well enough.  Of hasten
nothing is left out.
"""

from __future__ import annotations

from pathlib import Path

import interpreters
import pytest

ORACLE = "stdlib"  # the parameter of the fixture impl, and of those like it


def is_oracle(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    return parameters is not None and ORACLE in parameters.id.split("-")


class ChosenTests:
    def __init__(self) -> None:
        self.left_out = 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        packages = Path(config.rootpath, "packages")
        gone = [item for item in items if is_oracle(item) and packages in item.path.parents]
        self.left_out = len(gone)
        if gone:
            config.hook.pytest_deselected(items=gone)
            items[:] = [item for item in items if item not in set(gone)]

    def pytest_report_collectionfinish(self) -> str:
        where = f"on {interpreters.own_label()} (HASTEN_TESTS=full runs them)"
        return f"gate: {self.left_out} tests of the standard library's side left out {where}"


def plugins() -> list[object]:
    return [] if interpreters.tests_everything(interpreters.own_label()) else [ChosenTests()]
