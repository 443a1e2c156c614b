"""A suite of its own for tools/gate.py, and what a run of it said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributions import ROOT

# What a suite counts with, across processes: calls() is 1 the first time it is called
COUNTING = """
import os
from pathlib import Path

def calls(name="test"):
    counter = Path(__file__).with_name(name + ".calls")
    with open(counter, "a") as file:
        file.write(".")
    return counter.stat().st_size
"""


@dataclass
class Result:
    status: int
    output: str

    @property
    def closing(self) -> str:
        """pytest's closing line, without its time."""
        (line,) = re.findall(r"^=+ (.* in [\d.]+s.*) =+$", self.output, re.MULTILINE)
        return line.partition(" in ")[0]

    @property
    def flaky(self) -> list[str]:
        return re.findall(r"^FLAKY (.*)$", self.output, re.MULTILINE)


class Suite:
    """Files of tests, and a gate that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        (folder / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")

    def add(self, name: str, source: str) -> None:
        (self.folder / f"test_{name}.py").write_text(COUNTING + source)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "tools" / "gate.py"), *arguments]

    def environment(self, name: str = "py") -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "HASTEN", "TOX"))}
        told = {"HASTEN_GATE": str(self.gate), "TOX_ENV_NAME": name}
        return {**inherited, **told, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # for the time it takes

    def run(self, *arguments: str, environment: str = "py") -> Result:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Result(done.returncode, done.stdout)

    def calls(self, name: str = "test") -> int:
        return len((self.folder / f"{name}.calls").read_text())


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)
