"""Makes the tool and the helpers of these tests importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools")]

from planting import Tool  # noqa: E402


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path)
