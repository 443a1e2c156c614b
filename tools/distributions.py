"""The distributions under packages/: what they are called, need and ship.

The other tools (wheelhouse, check_packages, new_package, noxfile.py) ask here, so that each rule about
names stands once.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
except ModuleNotFoundError as error:
    sys.exit(f"this tool needs {error.name}: python -m pip install -r tests/requirements.txt")

ROOT = Path(__file__).resolve().parent.parent
META = "hasten"


class UsageError(Exception):
    """What the user asked for can't be done; the text says why and what would work."""


@dataclass(frozen=True)
class Distribution:
    """One folder under packages/, as its pyproject.toml tells it."""

    folder: Path
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        return canonicalize_name(self.settings["project"]["name"])

    @property
    def version(self) -> str:
        return str(self.settings["project"]["version"])

    @property
    def factor(self) -> str:
        """The short name: 'queue', 'shared_memory'; that of hasten itself is 'meta'."""
        return factor_of(self.name)

    @property
    def siblings(self) -> list[Requirement]:
        """The requirements among the distributions of this repository."""
        lines = self.settings["project"].get("dependencies", [])
        return [r for r in map(Requirement, lines) if is_ours(r.name)]

    @property
    def build_requires(self) -> list[str]:
        return list(self.settings["build-system"]["requires"])

    @property
    def modules(self) -> list[str]:
        """The import packages it ships under hasten/; none for one that ships plain modules only."""
        home = self.folder / "src" / "hasten"
        found = sorted(p.parent.name for p in home.glob("*/__init__.py"))
        return [f"hasten.{name}" for name in found]


def factor_of(name: str) -> str:
    # with '_': tox would read dummy-thread as two factors, and run what stands under thread as well
    return "meta" if name == META else name[len(META) + 1 :].replace("-", "_")


def is_ours(name: str) -> bool:
    name = canonicalize_name(name)
    return name == META or name.startswith(META + "-")


def read(folder: Path) -> Distribution:
    path = folder / "pyproject.toml"
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    missing = [f"project.{key}" for key in ("name", "version") if key not in settings.get("project", {})]
    if "requires" not in settings.get("build-system", {}):
        missing.append("build-system.requires")
    if missing:
        raise UsageError(f"{path}: no {', no '.join(missing)}")
    return Distribution(folder, settings)


def discover(root: Path = ROOT) -> dict[str, Distribution]:
    """Every distribution by its name."""
    found = [read(path.parent) for path in sorted(root.glob("packages/*/pyproject.toml"))]
    if not found:
        raise UsageError(f"{root / 'packages'}: no folder with a pyproject.toml there")
    return {distribution.name: distribution for distribution in found}


def select(wanted: list[str], known: dict[str, Distribution]) -> list[Distribution]:
    """The named distributions ('queue' and 'hasten-queue' are the same one; none means all)."""
    by_name = {**known, **{d.factor: d for d in known.values()}}
    wanted = [name if name in by_name else name.replace("-", "_") for name in wanted]
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        known_names = ", ".join(d.factor for d in known.values())
        raise UsageError(f"no package named {', '.join(unknown)}; there are: {known_names}")
    return [by_name[name] for name in wanted] if wanted else list(known.values())


def required_to_build(known: dict[str, Distribution]) -> list[str]:
    """What builds any of them: so one environment per interpreter serves whichever is asked for."""
    return sorted({line for distribution in known.values() for line in distribution.build_requires})


def with_siblings(chosen: list[Distribution], known: dict[str, Distribution]) -> list[Distribution]:
    """The chosen ones and all they need, a needed one always before who needs it."""
    order: dict[str, Distribution] = {}

    def visit(distribution: Distribution) -> None:
        if distribution.name in order:
            return
        for requirement in distribution.siblings:
            name = canonicalize_name(requirement.name)
            if name in known:
                visit(known[name])
        order[distribution.name] = distribution

    for distribution in chosen:
        visit(distribution)
    return list(order.values())
