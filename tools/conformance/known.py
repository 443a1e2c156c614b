"""The exemptions: tests that hasten may lose, each with a reason (known.toml)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import tomllib

from .suites import SUITES

FIELDS = {"suite", "id", "reason", "versions", "may_pass"}


class BadEntry(Exception):
    """An entry that cannot be understood; the message names it."""


@dataclass
class Entry:
    suite: str  # a name or a pattern: "mp_[fs]*"
    id: str  # a pattern in the manner of fnmatch
    reason: str
    versions: tuple[str, ...] = ()  # none named: all; "3.13" covers "3.13t" too
    may_pass: bool = False  # unreliable with the standard library itself: a pass is no surprise
    matched: bool = field(default=False, compare=False)
    tried: bool = field(default=False, compare=False)

    def names(self, suite: str, tag: str) -> bool:
        if not fnmatchcase(suite, self.suite):
            return False
        return not self.versions or tag in self.versions or tag.rstrip("t") in self.versions

    def __str__(self) -> str:
        return f"{self.suite} {self.id}"


def parse(raw: dict, number: int) -> Entry:
    where = f"exemption {number} ({raw.get('suite', '?')} {raw.get('id', '?')})"
    if unknown := set(raw) - FIELDS:
        raise BadEntry(f"{where}: unknown field {sorted(unknown)[0]!r}; known: {', '.join(sorted(FIELDS))}")
    for name in ("suite", "id", "reason"):
        if not isinstance(raw.get(name), str) or not raw[name].strip():
            raise BadEntry(f"{where}: {name!r} must be a text")
    if not any(fnmatchcase(name, raw["suite"]) for name in SUITES):
        raise BadEntry(f"{where}: no suite is called {raw['suite']!r}")
    versions = raw.get("versions", [])
    if not isinstance(versions, list) or not all(isinstance(version, str) for version in versions):
        raise BadEntry(f"{where}: 'versions' must be a list of texts such as \"3.13\"")
    return Entry(raw["suite"], raw["id"], raw["reason"], tuple(versions), bool(raw.get("may_pass", False)))


def load(file: Path) -> list[Entry]:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadEntry(f"{file}: {error}") from error
    return [parse(entry, number) for number, entry in enumerate(raw.get("exempt", []), 1)]


class Exemptions:
    """The entries, and which of them a run has come upon."""

    def __init__(self, entries: list[Entry]):
        self.entries = entries

    def of(self, suite: str, tag: str, ids: list[str]) -> dict[str, Entry]:
        """The exempted ones among the tests of a suite on a version."""
        found = {}
        for entry in self.entries:
            if not entry.names(suite, tag):
                continue
            entry.tried = True
            for test in ids:
                if fnmatchcase(test, entry.id):
                    entry.matched = True
                    found[test] = entry
        return found

    def patterns(self, suite: str, tag: str) -> tuple[str, ...]:
        return tuple(entry.id for entry in self.entries if entry.names(suite, tag))

    def stale(self) -> list[Entry]:
        """Entries that matched no test of any version that they name and that was run."""
        return [entry for entry in self.entries if entry.tried and not entry.matched]
