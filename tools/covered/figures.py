"""What part of the lines ran: of each package and of all, of Python and of Cython."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from distributions import META, discover

from covered import measuring
from covered.places import DATA, SETTINGS, TREE

LANGUAGES = {".py": "Python", ".pyx": "Cython"}
SHOWN = 15  # files with the most lines that no test runs


@dataclass(frozen=True)
class Lines:
    """A source file: how many lines can run, and which of them did not."""

    file: Path
    package: str
    count: int
    missing: tuple[int, ...]


def packages() -> dict[str, str]:
    """The distribution of each folder under hasten/."""
    return {m.partition(".")[2]: d.name for d in discover().values() for m in d.modules if d.name != META}


def read() -> list[Lines]:
    """Every source in the tree, also those that no test imports."""
    import coverage

    os.environ["COVERAGE_FILE"] = str(DATA)
    sys.path.append(str(measuring.PLUGIN))
    data = coverage.Coverage(config_file=str(SETTINGS))
    data.load()
    homes, found = packages(), []
    for file in sorted(path for path in TREE.rglob("*") if path.suffix in LANGUAGES):
        data.get_data().touch_file(str(file), measuring.TRACER if file.suffix == ".pyx" else "")
        _, statements, _, missing, _ = data.analysis2(str(file))
        package = homes.get(file.relative_to(TREE / "hasten").parts[0], META)
        found.append(Lines(file.relative_to(TREE), package, len(statements), tuple(missing)))
    return found


def share(lines: Iterable[Lines]) -> str:
    lines = list(lines)
    count = sum(one.count for one in lines)
    ran = count - sum(len(one.missing) for one in lines)
    return f"{ran / count:6.1%} of {count:5}" if count else ""


def table(lines: list[Lines]) -> str:
    """A row for each package, the last for all."""
    rows = [f"{'':24}{LANGUAGES['.py']:>16}{LANGUAGES['.pyx']:>18}"]
    for name in [*sorted({one.package for one in lines}), ""]:
        of_package = [one for one in lines if name in (one.package, "")]
        cells = [share(one for one in of_package if one.file.suffix == suffix) for suffix in LANGUAGES]
        rows.append(f"{name or 'all':24}{cells[0]:>16}  {cells[1]:>16}")
    return "\n".join(rows)


def ranges(numbers: Iterable[int]) -> str:
    """1, 2, 3, 7: 1-3 7"""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return " ".join("-".join(map(str, run)) for run in runs)


def least_covered(lines: list[Lines], shown: int = SHOWN) -> str:
    found = sorted((one for one in lines if one.missing), key=lambda one: -len(one.missing))[:shown]
    return "\n".join(f"{one.file}: {len(one.missing)} of {one.count}: {ranges(one.missing)}" for one in found)
