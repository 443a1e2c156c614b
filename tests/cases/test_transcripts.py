"""Programs that tell at length what they see: unmodified, they tell the same under `python -m hasten`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("hasten.patch")

LIMIT = 60
PROGRAMS = Path(__file__).with_name("transcripts")
NAMES = sorted(file.stem for file in PROGRAMS.glob("*.py") if file.stem != "prelude")


def told(program: Path, folder: Path, *launcher: str) -> list[str]:
    """What the program prints, and its status."""
    done = subprocess.run(
        [sys.executable, *launcher, str(program)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return [*done.stdout.splitlines(), f"status {done.returncode}", *errors(done.stderr)]


def errors(text: str) -> list[str]:
    """The last lines of tracebacks; warnings and logs name objects and places."""
    return [line for line in text.splitlines() if line.startswith(("Exception ignored", "Fatal"))]


@pytest.mark.timeout(3 * LIMIT)
@pytest.mark.parametrize("name", NAMES)
def test_it_tells_the_same(name: str, tmp_path: Path) -> None:
    program = PROGRAMS / f"{name}.py"
    expected = told(program, tmp_path)
    assert expected[-1] == "status 0" and len(expected) > 10
    assert told(program, tmp_path, "-m", "hasten") == expected
