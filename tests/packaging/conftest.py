"""A small repository in a temporary folder, in which every rule of tools/check_packages.py is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import check_packages
import new_package
import pytest
from distributions import ROOT

TOX_INI = """\
[tox]
no_package = true

[testenv:{base}-py3{9,10}]
commands =
    python tools/tox_factors.py test {env_name} {posargs}
"""


@pytest.fixture(scope="module")
def build_environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests of a file: making a build environment takes seconds."""
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two packages made from the template; the second needs the first."""
    root = tmp_path / "repository"
    (root / "packages").mkdir(parents=True)
    for name in ("tools/template", "tools/include"):
        shutil.copytree(ROOT / name, root / name, symlinks=True)
    shutil.copy(ROOT / "LICENSE", root)
    # new_package adds a factor after the last one; the first package has none to come after
    (root / "tox.ini").write_text(TOX_INI)
    new_package.make(root, "base", "_base")
    tox_ini = root / "tox.ini"
    tox_ini.write_text(TOX_INI)
    new_package.make(root, "upper", "upper")
    edit(
        root / "packages/hasten-upper/pyproject.toml",
        "dependencies = []",
        'dependencies = ["hasten-base>=0.1,<0.2"]',
    )
    return root


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} does not say {old!r}"
    path.write_text(text.replace(old, new))


@pytest.fixture
def findings(repository: Path, capsys: pytest.CaptureFixture[str]):
    """Runs the check and returns its findings, having compared their number with the exit status."""

    def check(*options: str) -> list[str]:
        capsys.readouterr()
        status = check_packages.main(["--root", str(repository), *options])
        told = capsys.readouterr().out.splitlines()
        *lines, last = [line for line in told if line.startswith("check_packages: ")]
        assert last.endswith(f"{len(lines)} findings")
        assert status == (1 if lines else 0)
        return [line.removeprefix("check_packages: ") for line in lines]

    return check
