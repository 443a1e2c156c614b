"""Rows of starting: what a program pays before its first line, under the launcher or by importing ours.

The CPU time of the whole process; four modules are threading, queue, concurrent.futures and subprocess.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from bench.cases import Case, Implementation, Suite, expect

SEEN = "import sys{imports}; print(any(name.startswith('hasten.') for name in sys.modules))"
FOUR = ("threading", "queue", "concurrent.futures", "subprocess")
OURS = {  # the standard library's module, and ours
    "_thread": "hasten._thread",
    "threading": "hasten.threading",
    "queue": "hasten.queue",
    "sched": "hasten.sched",
    "subprocess": "hasten.subprocess",
    "concurrent.futures": "hasten.futures",
}


def patched() -> bool:
    import hasten.patch  # noqa: F401

    return True


@dataclass
class Start(Case):
    """A new interpreter imports some modules and ends: under `python -m hasten`, or ours by their names."""

    imports: tuple[str, ...] = ()
    by_name: bool = False
    most_rounds: int = 21

    def command(self, ours: bool) -> list[str]:
        names = [OURS[name] for name in self.imports] if ours and self.by_name else self.imports
        code = SEEN.format(imports="".join(f", {name}" for name in names))
        launcher = ["-m", "hasten"] if ours and not self.by_name else []
        return [sys.executable, *launcher, "-c", code]

    def setup(self, module: bool) -> Any:
        return module, self.command(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        _, command = state
        spent, said = 0.0, []
        for _ in range(n):
            read, write = os.pipe()
            pid = os.posix_spawn(
                command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]
            )
            os.close(write)
            with open(read, "rb") as output:
                text = output.read()
            _, status, usage = os.wait4(pid, 0)
            spent += usage.ru_utime + usage.ru_stime
            said.append((status, text))
        return int(spent * 1e9), said

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        ours, _ = state
        expect(
            outcome == [(0, f"{ours}\n".encode())] * n, "a start failed, or imported the other side's modules"
        )


SUITE = Suite(
    name="start_up",
    packages=("meta",),
    imports="hasten.patch",
    implementations=(Implementation("stdlib", lambda: False), Implementation("hasten", patched)),
    cases=(
        Start("start-up"),
        Start("start-up and import threading", imports=("threading",)),
        Start("start-up and import of four modules", imports=FOUR),
        *(Start(f"import {name}", imports=(name,), by_name=True) for name in OURS),
    ),
)
