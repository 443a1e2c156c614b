"""One run of a command, with its output and what it cost; and rounds of several commands in alternation."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


class RunFailed(Exception):
    """A command failed, or two that should agree did not."""


@dataclass(frozen=True)
class Run:
    """Wall and CPU seconds of a finished command. CPU is user and system time of it and its children."""

    output: str
    wall: float
    cpu: float


def run(command: list[str]) -> Run:
    """Run to the end. The output goes to a file, so that reading it costs the command nothing."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=output)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RunFailed(f"{' '.join(command)} ended with status {child.returncode}")
        output.seek(0)
        return Run(output.read().decode(), wall, usage.ru_utime + usage.ru_stime)


@dataclass
class Series:
    """All runs of the commands of one row, by name."""

    title: str
    commands: dict[str, list[str]]
    runs: dict[str, list[Run]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return next(iter(self.runs.values()))[0].output


def alternate(series: Series, rounds: int) -> Iterator[str]:
    """Every command once a round, the order rotating. All must print the same, every time.

    Yields the name of each finished run, for the progress display.
    """
    names = list(series.commands)
    series.runs = {name: [] for name in names}
    reference: Run | None = None
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            done = run(series.commands[name])
            reference = reference or done
            if done.output != reference.output:
                raise RunFailed(f"{series.title}, {name}: printed something else than the first run")
            series.runs[name].append(done)
            yield name
