"""The package factors of tox.ini: `tox -e queue-py313` tests hasten-queue alone.

One section lists them; each has a line that installs and a line that tests:

    [testenv:{meta,queue}-py3{9,10}]
    commands_pre =
        queue: python tools/wheelhouse.py --install queue
    commands =
        queue: python tools/gate.py packages/hasten-queue/tests {posargs}
"""

from __future__ import annotations

import re
from pathlib import Path

from distributions import UsageError

HEADER = re.compile(r"^\[testenv:\{(?P<factors>[^}]*)\}-py3", re.MULTILINE)


def install_line(factor: str) -> str:
    return f"    {factor}: python tools/wheelhouse.py --install {factor}"


def test_line(factor: str, folder: str) -> str:
    return f"    {factor}: python tools/gate.py packages/{folder}/tests {{posargs}}"


def factors(text: str) -> list[str]:
    header = HEADER.search(text)
    if header is None:
        raise UsageError("tox.ini: no section [testenv:{...}-py3...] with the packages' factors")
    return [name.strip() for name in header["factors"].split(",")]


def add_factor(tox_ini: Path, factor: str, folder: str) -> None:
    """Add the factor and its two lines, each after those of the factor named last."""
    text = tox_ini.read_text(encoding="utf-8")
    there = factors(text)
    last = there[-1]
    new_lines = {
        install_line(last): install_line(factor),
        f"    {last}: python tools/gate.py ": test_line(factor, folder),
    }
    for after, line in new_lines.items():
        at = text.find(after)
        if at < 0:
            raise UsageError(f"{tox_ini}: no line {after.strip()!r} to add the new one after")
        end = text.index("\n", at)
        text = f"{text[:end]}\n{line}{text[end:]}"
    text = text.replace("{" + ",".join(there) + "}-py3", "{" + ",".join([*there, factor]) + "}-py3", 1)
    tox_ini.write_text(text, encoding="utf-8")
