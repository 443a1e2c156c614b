"""The package factors of tox.ini: `tox -e queue-py313` tests hasten-queue alone.

One section names them, and asks this tool what an environment's name means:

    [testenv:{meta,queue}-py3{9,10}]
    commands_pre =
        python tools/tox_factors.py install {env_name}
    commands =
        python tools/tox_factors.py test {env_name} {posargs}
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from distributions import ROOT, Distribution, UsageError, discover, select

HEADER = re.compile(r"^\[testenv:\{(?P<factors>[^}]*)\}-py3", re.MULTILINE)


def factors(text: str) -> list[str]:
    header = HEADER.search(text)
    if header is None:
        raise UsageError("tox.ini: no section [testenv:{...}-py3...] with the packages' factors")
    return [name.strip() for name in header["factors"].split(",")]


def add_factor(tox_ini: Path, factor: str) -> None:
    """Add the factor after the one named last."""
    text = tox_ini.read_text(encoding="utf-8")
    there = factors(text)
    text = text.replace("{" + ",".join(there) + "}-py3", "{" + ",".join([*there, factor]) + "}-py3", 1)
    tox_ini.write_text(text, encoding="utf-8")


def distribution_of(environment: str) -> Distribution:
    """The distribution that the environment `queue-py313` is for."""
    (distribution,) = select([environment.partition("-py")[0]], discover(ROOT))
    return distribution


def command(what: str, distribution: Distribution, more: list[str]) -> list[str]:
    tools = ROOT / "tools"
    if what == "install":
        return [sys.executable, str(tools / "wheelhouse.py"), "--install", distribution.factor]
    if what == "test":
        return [sys.executable, str(tools / "gate.py"), str(distribution.folder / "tests"), *more]
    raise UsageError(f"{what!r} is none of install, test")


def main(arguments: list[str]) -> int:
    try:
        what, environment, *more = arguments
        line = command(what, distribution_of(environment), more)
    except (UsageError, ValueError) as error:
        print(f"tox_factors: {error}", file=sys.stderr)
        return 2
    return subprocess.run(line).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
