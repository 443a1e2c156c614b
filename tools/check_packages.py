"""Checks what holds the distributions under packages/ together; lists every finding and exits 1.

    python tools/check_packages.py            the source trees, and the wheels where some are built
    python tools/check_packages.py --sdist    also builds each sdist and looks into it

The rules are the functions below that are called rule_*; each tells what breaks without it.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import private_use
import sdist_contents
from distributions import ROOT, Distribution, UsageError, discover, required_to_build
from packaging.utils import canonicalize_name
from tox_factors import factors
from wheelhouse import BuildError

PASSED_OVER = {".git", ".tox", ".nox", ".venv", ".wheelhouse", ".cache", "build", "dist", "__pycache__"}
NOT_SHIPPED = {".pyx", ".pxd", ".h", ".c", ".pyc", ".so"}
CHANGELOG_ENTRY = re.compile(r"^##\s+\[?v?(\d[^\s\]]*)", re.MULTILINE)


@dataclass
class Repository:
    root: Path
    distributions: dict[str, Distribution]
    wheels: Path

    def show(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def wheel_files(self) -> Iterator[tuple[Path, str, list[str]]]:
        """Each built wheel, the distribution it is of, and the paths it ships."""
        for path in sorted(self.wheels.glob("*.whl")):
            name = canonicalize_name(path.name.split("-", 1)[0])
            with zipfile.ZipFile(path) as wheel:
                yield path, name, [n for n in wheel.namelist() if ".dist-info/" not in n]


def rule_namespace(repository: Repository) -> Iterator[str]:
    """One hasten/__init__ turns the namespace into a package of one distribution: all siblings vanish."""
    stack = [repository.root]
    while stack:
        for path in stack.pop().iterdir():
            if path.is_dir() and not path.is_symlink() and path.name not in PASSED_OVER:
                stack.append(path)
            elif path.name.startswith("__init__.") and path.parent.name == "hasten":
                yield f"{repository.show(path)}: must not be; hasten is a namespace package (PEP 420)"
    for wheel, _, files in repository.wheel_files():
        for name in files:
            if re.fullmatch(r"hasten/__init__\.\w+", name):
                yield f"{wheel.name}: ships {name}; hasten is a namespace package (PEP 420)"


def rule_one_owner(repository: Repository) -> Iterator[str]:
    """Of two distributions that ship one path, uninstalling either breaks the other."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for name, distribution in repository.distributions.items():
        source = distribution.folder / "src"
        for path in source.rglob("*"):
            if path.is_file() and path.suffix not in NOT_SHIPPED:
                owners[path.relative_to(source).as_posix()].add(name)
            elif path.suffix == ".pyx":  # its compiled form is shipped, under one name or another
                owners[path.relative_to(source).with_suffix("").as_posix()].add(name)
    for _, name, files in repository.wheel_files():
        for file in files:
            owners[file].add(name)
    for path_name, names in sorted(owners.items()):
        if len(names) > 1 and ".egg-info" not in path_name:
            yield f"{path_name}: shipped by {' and by '.join(sorted(names))}; one path has one owner"


def rule_sibling_ranges(repository: Repository) -> Iterator[str]:
    """pip install ./packages/* must not be impossible."""
    for distribution in repository.distributions.values():
        for requirement in distribution.siblings:
            sibling = repository.distributions.get(canonicalize_name(requirement.name))
            if sibling is None:
                yield f"{distribution.name}: needs {requirement}, which is not under packages/"
            elif not requirement.specifier:
                yield f"{distribution.name}: needs {requirement.name} without a range of versions"
            elif not requirement.specifier.contains(sibling.version, prereleases=True):
                yield f"{distribution.name}: needs {requirement}, but {sibling.name} is at {sibling.version}"


def rule_tox_factors(repository: Repository) -> Iterator[str]:
    """A package without a factor is never tested alone."""
    text = (repository.root / "tox.ini").read_text(encoding="utf-8")
    folders = {d.factor: d.folder.name for d in repository.distributions.values()}
    named = set(factors(text))
    for factor in sorted(named - set(folders)):
        yield f"tox.ini: factor {factor} has no folder under packages/"
    for factor, folder in sorted(folders.items()):
        if factor not in named:
            yield f"tox.ini: packages/{folder} has no factor {factor}"


def rule_headers(repository: Repository) -> Iterator[str]:
    """Shared C has one source, or a fix reaches one package and not the other."""
    shared = repository.root / "tools" / "include"
    for distribution in repository.distributions.values():
        if not any(distribution.folder.glob("src/**/*.pyx")):
            continue
        include = distribution.folder / "include"
        if not include.is_dir():
            yield f"{repository.show(include)}: missing; make it a symbolic link to ../../tools/include"
        elif include.resolve() != shared.resolve():
            yield from differing_copies(repository, include, shared)
        for header in sorted(distribution.folder.glob("src/**/*.h")):
            if (shared / header.name).exists():
                yield f"{repository.show(header)}: there is a tools/include/{header.name}; use that one"


def differing_copies(repository: Repository, include: Path, shared: Path) -> Iterator[str]:
    for path in sorted(p for p in include.rglob("*") if p.is_file()):
        original = shared / path.relative_to(include)
        if not original.exists():
            yield f"{repository.show(path)}: not in tools/include, where its source has to be"
        elif not filecmp.cmp(path, original, shallow=False):
            yield f"{repository.show(path)}: differs from {repository.show(original)}"


def rule_setup_py(repository: Repository) -> Iterator[str]:
    """Build settings drift apart otherwise."""
    template = repository.root / "tools/template/setup.py"
    for distribution in repository.distributions.values():
        path = distribution.folder / "setup.py"
        if path.exists():
            if not filecmp.cmp(path, template, shallow=False):
                yield f"{repository.show(path)}: differs from {repository.show(template)}"
        elif any(distribution.folder.glob("src/**/*.pyx")):
            yield f"{repository.show(path)}: missing, and there are .pyx files"


def rule_files(repository: Repository) -> Iterator[str]:
    """What every package has, so that it can be read, typed, built and published by itself."""
    for distribution in repository.distributions.values():
        folder = distribution.folder
        if folder.name != distribution.name:
            yield f"{repository.show(folder)}: the distribution in it is called {distribution.name}"
        for name in ("README.md", "CHANGELOG.md", "LICENSE"):
            if not (folder / name).is_file():
                yield f"{repository.show(folder / name)}: missing"
        for module in distribution.modules:
            home = folder / "src" / module.replace(".", "/")
            compiled = any(home.rglob("*.pyx"))
            for name in ("py.typed", "__init__.pyi") if compiled else ("py.typed",):
                if not (home / name).is_file():
                    yield f"{repository.show(home / name)}: missing; type checkers see nothing without it"
        if not any(folder.glob("tests/**/test_*.py")):
            yield f"{repository.show(folder / 'tests')}: no test_*.py there"


def rule_license(repository: Repository) -> Iterator[str]:
    """One license for all, its text in each distribution."""
    for distribution in repository.distributions.values():
        told = distribution.settings["project"].get("license")
        if told != "MIT":
            yield f"{distribution.name}: pyproject.toml has license = {told!r}, not 'MIT'"
        own = distribution.folder / "LICENSE"
        if own.is_file() and own.read_bytes() != (repository.root / "LICENSE").read_bytes():
            yield f"{repository.show(own)}: differs from the repository's LICENSE"


def rule_changelog(repository: Repository) -> Iterator[str]:
    """A version that the change log does not know was released by accident."""
    for distribution in repository.distributions.values():
        path = distribution.folder / "CHANGELOG.md"
        if not path.is_file():
            continue  # a finding of rule_files
        entry = CHANGELOG_ENTRY.search(path.read_text(encoding="utf-8"))
        if entry is None:
            yield f"{repository.show(path)}: no entry such as '## {distribution.version}'"
        elif entry[1] != distribution.version:
            yield f"{repository.show(path)}: top entry is {entry[1]}, the version is {distribution.version}"


def rule_private_use(repository: Repository) -> Iterator[str]:
    """A private module of a sibling may change in any release of it."""
    owners = {
        module: distribution.name
        for distribution in repository.distributions.values()
        for module in private_use.private_modules(distribution)
    }
    allowed = private_use.allowed(repository.root)
    used = set()
    for distribution in repository.distributions.values():
        for module, path in private_use.uses(distribution, owners):
            used.add((distribution.name, module))
            if (distribution.name, module) not in allowed:
                owner = owners[module]
                yield f"{repository.show(path)}: imports {module} of {owner}; share it in tools/include"
    for by, module in sorted(set(allowed) - used):
        yield f"{private_use.LIST}: {by} does not use {module}"


def rule_sdists(repository: Repository) -> Iterator[str]:
    """pip builds from the sdist where there is no wheel: it needs every source and header."""
    requires = required_to_build(repository.distributions)
    for distribution in repository.distributions.values():
        with tempfile.TemporaryDirectory(prefix="hasten-sdist-") as scratch:
            try:
                sdist = sdist_contents.build(repository.root, distribution, requires, Path(scratch))
            except BuildError as error:
                yield f"{distribution.name}: the sdist does not build:\n{error}"
                continue
            for needed in sdist_contents.missing(sdist, distribution):
                yield f"{distribution.name}: the sdist has no {needed}"


RULES: list[Callable[[Repository], Iterator[str]]] = [
    rule_namespace,
    rule_one_owner,
    rule_sibling_ranges,
    rule_tox_factors,
    rule_headers,
    rule_setup_py,
    rule_files,
    rule_license,
    rule_changelog,
    rule_private_use,
]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="check_packages.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sdist", action="store_true", help="also build each sdist and look into it")
    parser.add_argument("--wheels", type=Path, help="default: .wheelhouse, where there is one")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository; default: this one")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    rules = [*RULES, rule_sdists] if options.sdist else RULES
    try:
        repository = Repository(root, discover(root), options.wheels or root / ".wheelhouse")
        findings = [finding for rule in rules for finding in rule(repository)]
    except UsageError as error:
        print(f"check_packages: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(f"check_packages: {finding}")
    print(f"check_packages: {len(repository.distributions)} packages, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
