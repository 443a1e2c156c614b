"""What the tests of the benchmark share: a suite in a file, as a user would give one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOOL = HERE.parent.parent / "tools" / "bench"


@pytest.fixture
def suite_file(tmp_path):
    """Writes a suite file; the text is the arguments of fakes.suite()."""

    def write(text: str = "") -> str:
        path = tmp_path / "fake.py"
        path.write_text(
            f"import sys\nsys.path.insert(0, {str(HERE)!r})\nfrom fakes import *\nSUITE = suite({text})\n"
        )
        return str(path)

    return write


@pytest.fixture
def bench():
    """Runs the tool. It wants Python 3.11; what it measures may be older."""
    if sys.version_info < (3, 11):
        pytest.skip("the tool itself runs on Python 3.11 and newer")

    def run(*words: str, **options):
        command = [sys.executable, str(TOOL), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=100, **options)

    return run
