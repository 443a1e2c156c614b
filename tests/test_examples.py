"""The programs in the texts do what the texts say.

In a Markdown file a block ```python is a program, and a block ```text after it is what that prints.  A
comment `<!-- given: ... -->` before a program has lines that it needs and that do not matter to the reader;
one that is not for running says `<!-- not run: why -->`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import interpreters
import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXTS = sorted([ROOT / "README.md", *ROOT.glob("packages/*/README.md"), *ROOT.glob("packages/*/docs/*.md")])
METHODS = ["fork", "spawn", "forkserver"]
GUARD = 'if __name__ == "__main__":\n'
LIMIT = 60  # seconds
# From 3.12 on the interpreter warns of it; bars of progress have a thread.
FORKED_WITH_THREADS = "ignore:This process:DeprecationWarning"
BLOCK = re.compile(
    r"(?:<!-- (?P<note>given|not run): (?P<said>.*?) -->\n\n?)?"
    r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?",
    re.DOTALL,
)


@dataclass
class Example:
    text: Path
    line: int
    code: str
    output: str | None
    runs: bool

    @property
    def label(self) -> str:
        return f"{self.text.relative_to(ROOT)}:{self.line}"

    def needs(self) -> list[str]:
        """The modules of ours that it imports."""
        return sorted(set(re.findall(r"\bhasten\.\w+", self.code)))

    def methods(self) -> list[str]:
        """The start methods under which it is run; an empty word where they do not matter."""
        if GUARD not in self.code:
            return [""]
        return METHODS if interpreters.tests_everything(interpreters.own_label()) else METHODS[1:2]


def examples() -> list[Example]:
    found = []
    for text in TEXTS:
        source = text.read_text(encoding="utf-8")
        for match in BLOCK.finditer(source):
            given = match["said"] + "\n" if match["note"] == "given" else ""
            line = source.count("\n", 0, match.start("code")) + 1
            found.append(
                Example(text, line, given + match["code"], match["output"], match["note"] != "not run")
            )
    return found


EXAMPLES = examples()
RUNS = [
    pytest.param(example, method, id=f"{example.label}-{method}".rstrip("-"))
    for example in EXAMPLES
    if example.runs
    for method in example.methods()
]


def test_there_are_some() -> None:
    assert len(EXAMPLES) > 30


@pytest.mark.parametrize(("example", "method"), RUNS)
def test_it_prints_what_the_text_says(example: Example, method: str, tmp_path: Path) -> None:
    for name in example.needs():
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    code = example.code
    if method:
        chosen = f"    import multiprocessing\n\n    multiprocessing.set_start_method({method!r})\n"
        code = code.replace(GUARD, GUARD + chosen)
    program = tmp_path / "program.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", FORKED_WITH_THREADS, str(program)],
        cwd=tmp_path,
        env={**os.environ, "TQDM_DISABLE": "1"},  # its bars go to stderr
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if example.output is not None:
        assert done.stdout == example.output
