"""Stand-ins for hasten.queue, and a way to let the conformance tool loose upon them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NEWER = sys.version_info >= (3, 11)

needs_driver = pytest.mark.skipif(not NEWER, reason="the tool itself runs on Python 3.11 or newer")

# A module that passes all tests: the standard library's classes under names of its own.
FAITHFUL = """
import queue as _stdlib
from queue import Empty, Full, SimpleQueue
from queue import *
from queue import _PySimpleQueue

class Queue(_stdlib.Queue):
    pass

class LifoQueue(_stdlib.LifoQueue):
    pass
"""

# The third item never arrives.
DROPS = FAITHFUL.replace(
    "    pass",
    """
    def _put(self, item):
        if self._qsize() != 2:
            super()._put(item)
""",
    1,
)

NOWAIT = ("--match", "*.Py*QueueTest.test_nowait")


@dataclass
class Result:
    status: int
    output: str
    report: dict

    @property
    def suite(self) -> dict:
        (only,) = self.report["suites"]
        return only

    def lost(self) -> dict[str, dict]:
        return {loss["id"].split("test_queue.")[-1]: loss for loss in self.suite["lost"]}


class Tool:
    """Runs the command on a stand-in for hasten.queue."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.gate = folder / "gate"  # a list of flaky tests of its own

    def plant(self, source: str, name: str = "queue") -> None:
        with zipfile.ZipFile(self.wheels / f"hasten_{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"hasten/{name}.py", source)

    def known(self, text: str) -> Path:
        file = self.folder / "known.toml"
        file.write_text(text)
        return file

    def run(self, *options: object, suite: str = "queue") -> Result:
        report = self.folder / "report.json"
        command = [sys.executable, TOOLS / "conformance", "--suite", suite, "--python", sys.executable]
        command += ["--wheels", self.wheels, "--json", report, *options]
        if "--known" not in options:
            command += ["--known", self.known("")]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        clean["HASTEN_GATE"] = str(self.gate)
        answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=clean)
        facts = json.loads(report.read_text()) if report.exists() else {}
        return Result(answer.returncode, answer.stdout + answer.stderr, facts)
