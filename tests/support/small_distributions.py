"""Distributions of one module, small enough to be built by a test."""

from __future__ import annotations

from pathlib import Path

SETTINGS = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "{version}"
description = "A distribution of a test"
readme = "README.md"
dependencies = {needs}
[tool.setuptools]
package-dir = {{ "" = "src" }}
packages = ["hasten.{module}"]
"""
NEEDS_LOW = ["hasten-low>=0.1,<0.2"]


def module_of(requirement: str) -> str:
    """The module of a distribution: low, of hasten-low>=0.1."""
    return requirement.partition(">")[0].rpartition("-")[2]


def write_distribution(root: Path, name: str, needs: list[str], version: str = "0.1.0") -> Path:
    """The folder of a distribution in the repository *root*; its module imports those of what it needs."""
    folder, module = root / "packages" / name, module_of(name)
    home = folder / "src" / "hasten" / module
    home.mkdir(parents=True, exist_ok=True)
    imports = "".join(f"import hasten.{module_of(need)}\n" for need in needs)
    (home / "__init__.py").write_text(f"{imports}ANSWER = 1\n")
    settings = SETTINGS.format(name=name, version=version, needs=needs, module=module)
    (folder / "pyproject.toml").write_text(settings)
    (folder / "README.md").write_text(f"# {name}\n")
    return folder
