"""Runs under the measured interpreter: tests in random order for some seconds, and what became of each.

    python tools/chaos/testing.py ORDER

ORDER is JSON: tests (pytest's names), side (`stdlib` or `hasten`), seed, seconds, report.  Each line of the
file `report` is JSON: `started`, a test; `test` and `text` where one was wrong; `passed` and `kills` at the
end.  A kill is one that the process of the tests has made: what its children do is not seen.  Syntax of
Python 3.9.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[1]
ROOT = TOOLS.parent
LAST = 3000  # characters of what a test said


class Chaos:
    """The plugin: one side's tests, in an order of the seed's, until the time is over."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.passed = self.kills = 0
        self.end = 0.0  # of the time, which begins with the first test

    def note(self, **fields: Any) -> None:
        with open(self.order["report"], "a") as file:
            file.write(json.dumps(fields) + "\n")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.kill", "os.killpg") and arguments[1] == signal.SIGKILL:
            self.kills += 1

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        from chosen_tests import of_oracle

        of_stdlib = self.order["side"] == "stdlib"
        items[:] = [item for item in items if of_oracle(item) == of_stdlib]
        random.Random(self.order["seed"]).shuffle(items)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.end = self.end or time.monotonic() + self.order["seconds"]
        self.note(started=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.note(test=report.nodeid, text=report.longreprtext[-LAST:])
        elif report.when == "call" and report.passed:
            self.passed += 1

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        if time.monotonic() > self.end:
            item.session.shouldstop = "the time is over"

    def pytest_sessionfinish(self) -> None:
        self.note(passed=self.passed, kills=self.kills)


def main(order: dict[str, Any]) -> int:
    os.chdir(ROOT)
    plugin = Chaos(order)
    sys.addaudithook(plugin.audit)
    # plugins by name: no others are to change what is tested
    options = [
        "-p",
        "pytest_timeout",
        "-p",
        "no:cacheprovider",
        f"--rootdir={ROOT}",
        f"-c{ROOT}/pyproject.toml",
    ]
    return int(pytest.main([*options, "-q", *order["tests"]], [plugin]))


if __name__ == "__main__":
    words = json.loads(sys.argv[1])
    sys.path[0] = str(TOOLS)
    import chosen_tests  # noqa: F401

    del sys.path[0]  # pytest's own command has no such entry
    sys.argv = ["pytest", *words["tests"]]
    sys.exit(main(words))
