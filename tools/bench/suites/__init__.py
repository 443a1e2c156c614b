"""One file a module: each defines SUITE. A new file here is a new name on the command line.

Read by the tool and by the measured interpreter: syntax of Python 3.9.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from bench.cases import Suite

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """The suites that stand in this folder."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def load_suite(name: str) -> Suite:
    """The suite of this name, or the one in this file. ValueError where there is none."""
    path = Path(name) if name.endswith(".py") else FOLDER / f"{name}.py"
    if not path.is_file():
        raise ValueError(
            f"there is no suite {name!r}; there are {', '.join(names())}, or give a file that defines SUITE"
        )
    spec = importlib.util.spec_from_file_location(f"bench.suites.{path.stem}", path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # dataclasses look their module up there
    spec.loader.exec_module(found)
    return found.SUITE
