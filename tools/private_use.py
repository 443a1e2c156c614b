"""Which distributions import a private module of another one, and why they may.

Versions are independent: a private module may change in any release, and the other distribution breaks.  So
what several distributions need is shared when they are compiled (tools/include); what is left stands with its
reason in private_use.toml, which the owner of the module has to keep in mind.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from distributions import Distribution

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = "tools/private_use.toml"
SOURCES = (".py", ".pyx", ".pxd")
IMPORT = re.compile(
    r"^[ \t]*(?:from\s+(hasten[\w.]*)\s+c?import\s+(\([^)]*\)|[^#\n]*)"
    r"|c?import\s+(hasten[\w.]*))",
    re.MULTILINE,
)


def imported_names(text: str) -> Iterator[str]:
    """What a source imports of hasten: of `from a import b` both a and a.b, whichever is a module."""
    for module, names, plain in IMPORT.findall(text):
        yield module or plain
        yield from (f"{module}.{name}" for name in re.findall(r"\w+", names))


def private_modules(distribution: Distribution) -> set[str]:
    """The modules inside the packages that a distribution ships, compiled or not, that have a private name
    or are in a package that has.
    """
    source = distribution.folder / "src"
    found = set()
    for module in distribution.modules:
        package = source / module.replace(".", "/")
        for path in package.rglob("*"):
            parts = path.relative_to(package).with_suffix("").parts
            private = any(part.startswith("_") and not part.startswith("__") for part in parts)
            if private and path.suffix in SOURCES and parts[-1] != "__init__":
                found.add(".".join((module, *parts)))
    return found


def uses(distribution: Distribution, owners: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Private modules of others that a distribution imports, and where.  owners: module -> distribution."""
    for path in sorted((distribution.folder / "src").rglob("*")):
        if path.suffix in SOURCES:
            for name in sorted(set(imported_names(path.read_text(encoding="utf-8")))):
                if owners.get(name, distribution.name) != distribution.name:
                    yield name, path


def allowed(root: Path) -> dict[tuple[str, str], str]:
    """(distribution, private module that it uses) -> why."""
    path = root / LIST
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["use"] if path.exists() else []
    return {(entry["by"], entry["module"]): entry["why"] for entry in entries}
