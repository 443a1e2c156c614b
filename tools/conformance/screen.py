"""What is shown while the suites run: bars on a terminal that can show them, else plain lines."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

from flaky_tests import line_of

from .judge import Loss, Verdict

DETAIL_LINES = 12


class Screen:
    """Plain lines."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def line(self, text: str) -> None:
        with self.lock:
            print(text, flush=True)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.stdout.flush()

    @contextlib.contextmanager
    def follow(self, label: str) -> Iterator[Callable[[dict], None]]:
        """A function that takes the events of one process."""
        tally = Tally()
        yield tally.take
        if tally.planned > 1:  # a test that is run again alone needs no line of its own
            self.line(f"  {label}: {tally}")

    def verdict(self, verdict: Verdict) -> None:
        """A suite's closing line, and what it takes to understand it."""
        lines = [verdict.line()]
        if not verdict.ok:
            lines += [f"  note: {indent(note)}" for note in verdict.notes]
        for title, losses in (("LOST", verdict.lost), ("flaky", verdict.flaky)):
            for loss in losses:
                lines += [f"  {title} {loss.id}: {loss.status}", *detail(loss)]
        lines += [line_of(f"conformance-py{verdict.python}", loss.id) for loss in verdict.flaky]
        lines += [f"  UNEXPECTED PASS {test}: take it out of the exemptions" for test in verdict.unexpected]
        self.line("\n".join(lines))


class Tally:
    """Counts the events of a process."""

    def __init__(self) -> None:
        self.planned = self.done = self.bad = 0

    def take(self, event: dict) -> None:
        if event["event"] == "plan":
            self.planned = max(self.planned, len(event["ids"]))
        elif event["event"] == "done":
            self.done += 1
            self.bad += event["status"] not in ("passed", "xfailed", "skipped")

    def __str__(self) -> str:
        return f"{self.done} of {self.planned} done" + (f", {self.bad} failed" if self.bad else "")


class BarScreen(Screen):
    """Bars by rich."""

    def __init__(self) -> None:
        super().__init__()
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Progress(*columns, transient=True)

    def __enter__(self) -> Screen:
        self.bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.bars.stop()

    def line(self, text: str) -> None:
        self.bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def follow(self, label: str) -> Iterator[Callable[[dict], None]]:
        tally, bar = Tally(), self.bars.add_task(label, total=None)

        def take(event: dict) -> None:
            tally.take(event)
            self.bars.update(bar, total=tally.planned or None, completed=tally.done)

        try:
            yield take
        finally:
            self.bars.remove_task(bar)


def indent(text: str) -> str:
    return "\n    ".join(text.splitlines()[-DETAIL_LINES:])


def detail(loss: Loss) -> list[str]:
    return [f"    {line}" for line in loss.text.strip().splitlines()[-DETAIL_LINES:]]


def open_screen() -> Screen:
    """Bars where there are rich and a terminal."""
    if not sys.stdout.isatty():
        return Screen()
    try:
        return BarScreen()
    except ImportError:
        return Screen()


def summary(verdicts: list[Verdict]) -> list[str]:
    """The table at the end: a line for each suite, a column for each interpreter, what was lost in it."""
    tags = list(dict.fromkeys(verdict.python for verdict in verdicts))
    cells = {(verdict.suite, verdict.python): cell(verdict) for verdict in verdicts}
    suites = list(dict.fromkeys(verdict.suite for verdict in verdicts))
    first = max([len(suite) for suite in suites] + [12])
    width = max([len(text) for text in cells.values()] + [8]) + 2
    rows = ["lost/run".ljust(first) + "".join(f"py{tag}".rjust(width) for tag in tags)]
    for suite in suites:
        rows.append(suite.ljust(first) + "".join(cells.get((suite, tag), "-").rjust(width) for tag in tags))
    return rows


def cell(verdict: Verdict) -> str:
    if verdict.refused:
        return "REFUSED"
    return f"{len(verdict.lost)}/{verdict.run}" + ("" if verdict.ok else " !")
