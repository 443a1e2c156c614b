"""Which of the tests are about faults, and of what kind: by the words of their names, and by what they do.

A file whose name says so is taken whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# kind: in a name, in the text of a test
KINDS = {
    "kills": (r"kill|die[sd]|dead|owner|crash", r"SIGKILL|\.kill\(|killpg|\.terminate\("),
    "signals": (r"signal|interrupt|sigint", r"pthread_kill|setitimer|raise_signal|SIGINT|SIGUSR|SIGALRM"),
    "exhaustion": (
        r"out_of_|exhaust|no_memory|_space|without_descriptors|few_descriptors|little_|limit",
        r"RLIMIT|EMFILE|ENFILE|ENOSPC|ENOMEM|MemoryError",
    ),
    "injected errors": (r"inject|undo|faults", r"at_each_line|Injected|injection"),
    "fork": (r"fork|abandoned", r"os\.fork\(|forked\("),
}


def kind_of_name(name: str) -> str | None:
    return next((kind for kind, (words, _) in KINDS.items() if re.search(words, name)), None)


def kind_of_test(name: str, text: str) -> str | None:
    in_text = (kind for kind, (_, marks) in KINDS.items() if re.search(marks, text))
    return kind_of_name(name) or next(in_text, None)


def functions(nodes: list[ast.stmt], within: str = "") -> Iterator[tuple[str, ast.stmt]]:
    """The tests, with their names as pytest has them."""
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from functions(node.body, f"{within}{node.name}::")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield within + node.name, node


def of_file(path: Path) -> dict[str, list[str]]:
    """By kind: the tests of a file, as pytest takes them."""
    whole = kind_of_name(path.stem)
    if whole:
        return {whole: [str(path)]}
    found: dict[str, list[str]] = {}
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for name, node in functions(ast.parse(text).body):
        kind = kind_of_test(name, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
        if kind:
            found.setdefault(kind, []).append(f"{path}::{name}")
    return found


def folders() -> list[Path]:
    return sorted(ROOT.glob("packages/*/tests"))


def of_folder(folder: Path) -> dict[str, list[str]]:
    """By kind: the tests of a distribution."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for kind, tests in of_file(path).items():
            found.setdefault(kind, []).extend(tests)
    return found
