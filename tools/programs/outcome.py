"""How the outcome of a run is read: what must be the same under plain python and under python -m hasten."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

from programs.running import Run

Reader = Callable[[Run, Path], dict[str, str]]  # a run and its folder -> name of a part: how that went

UNITTEST = re.compile(r"^(\w+ \([\w.]+\)).*? \.\.\. (ok|FAIL|ERROR|skipped)\b", re.MULTILINE)
REPORT = "report.xml"  # pytest's, in the folder of the run


def lines(run: Run, folder: Path) -> dict[str, str]:
    """A job of ours: each line of its standard output is a result, in any order."""
    return {line: "printed" for line in run.out.splitlines() if line.strip()}


def tests(run: Run, folder: Path) -> dict[str, str]:
    """pytest: how each test ended."""
    report = folder / REPORT
    if not report.exists():
        return {}
    result: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        state = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        name = f"{case.get('classname')}::{case.get('name')}"
        worst = result.get(name, "passed")
        result[name] = worst if worst in ("failure", "error") else state
    return result


def unittests(run: Run, folder: Path) -> dict[str, str]:
    """unittest's verbose output: how each test ended."""
    return dict(UNITTEST.findall(run.err + run.out))


def reason(run: Run, read: dict[str, str], wanted: int | None) -> str:
    """Why the run counts as failed as a whole, or nothing."""
    if run.status is None:
        return "hangs"
    if run.status < 0:
        return f"killed by signal {-run.status}"
    if wanted is not None and run.status != wanted:
        return f"exit status {run.status}"
    if not read:
        return f"no result (status {run.status})"
    return ""


def passes(read: dict[str, str]) -> int:
    return sum(state in ("passed", "printed", "ok") for state in read.values())


def differences(plain: dict[str, str], ours: dict[str, str]) -> list[str]:
    """What went well under plain python and not under hasten, and what only hasten printed."""
    lost = [f"{name}: {ours.get(name, 'missing')}" for name in plain if plain[name] != ours.get(name)]
    return lost + [f"{name}: only under hasten" for name in ours if name not in plain]
