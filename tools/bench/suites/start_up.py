"""Rows of starting: what a program pays before its first line, under the launcher or by importing ours.

The CPU time of the whole process; four modules are threading, queue, concurrent.futures and subprocess.  All
that is imported has been compiled before, as it has at the second start of a program.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import tempfile
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


QUIET = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)


@functools.cache
def compiled() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hasten-bench-")


def environment() -> dict[str, str]:
    """Where compiled modules can be kept, whoever owns the folders that the modules are in."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": compiled().name,
    }


def patched() -> bool:
    import hasten.patch  # noqa: F401

    return True


@dataclass
class Start(Case):
    """A new interpreter imports some modules and ends: under the launcher, or ours by their names."""

    imports: tuple[str, ...] = ()
    by_name: bool = False
    by_script: bool = False  # the installed script in place of `python -m hasten`
    most_rounds: int = 21

    def command(self, ours: bool) -> list[str]:
        names = [OURS[name] for name in self.imports] if ours and self.by_name else self.imports
        code = SEEN.format(imports="".join(f", {name}" for name in names))
        script = os.path.join(sysconfig.get_path("scripts"), "hasten")
        launcher = [script] if self.by_script else ["-m", "hasten"]
        return [sys.executable, *(launcher if ours and not self.by_name else []), "-c", code]

    def setup(self, module: bool) -> Any:
        command = self.command(module)
        os.waitpid(os.posix_spawn(command[0], command, environment(), file_actions=[QUIET]), 0)
        return module, command

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        _, command = state
        spent, said = 0.0, []
        for _ in range(n):
            read, write = os.pipe()
            pid = os.posix_spawn(
                command[0], command, environment(), file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]
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
    about=(
        "What a program pays before its first line: CPU time of the whole process, so below 1 is what "
        "starting costs more.  *Start-up* is `python -m hasten` against `python`: more than half of the "
        "difference is what `-m` itself imports before ours begins (`runpy`, 8.7 ms on 3.11), and the "
        "installed script, `hasten app.py`, does without.  The imports are those of our modules by their "
        "own names."
    ),
    packages=("meta",),
    imports="hasten.patch",
    implementations=(Implementation("stdlib", lambda: False), Implementation("hasten", patched)),
    cases=(
        Start("start-up"),
        Start("start-up, by the script", by_script=True),
        Start("start-up and import threading", imports=("threading",)),
        Start("start-up and import of four modules", imports=FOUR),
        Start("start-up and import of four modules, by the script", imports=FOUR, by_script=True),
        *(Start(f"import {name}", imports=(name,), by_name=True) for name in OURS),
    ),
)
