"""CPython's own tests: which interpreters have them, and which modules make up a test."""

from __future__ import annotations

from pathlib import Path

from interpreters import MATRIX, Interpreter, NotFound, probe


class Unusable(NotFound):
    """An interpreter that cannot be tested; the message says why."""


def find(name: str) -> Interpreter:
    """The interpreter of this name or path, which has its tests."""
    python = probe(name)
    if python.tests is None:
        raise Unusable(f"{name}: has no `test` package (CPython's own tests are not installed)")
    return python


def find_all() -> tuple[list[Interpreter], list[str]]:
    """Every supported interpreter on PATH, and why each missing one is not among them."""
    found, missing = [], []
    for label in MATRIX:
        try:
            found.append(find(f"python{label}"))
        except NotFound as reason:
            missing.append(str(reason))
    return found, missing


def donor(folder: str, but_not: Interpreter) -> Interpreter | None:
    """The newest interpreter whose tests include `folder`: single modules came before packages."""
    for label in ("3.13", "3.10", "3.9"):
        try:
            other = find(f"python{label}")
        except NotFound:
            continue
        if other.label != but_not.label and test_modules(other.tests, folder):
            return other
    return None


def test_modules(tests: Path | None, name: str) -> list[str]:
    """The modules that make up the test `name` in a folder of tests, dotted, below that folder."""
    if tests is None:
        return []
    if (tests / f"{name}.py").is_file():
        return [name]
    return sorted(f"{name}.{file.stem}" for file in (tests / name).glob("test_*.py"))
