"""Rows of `subprocess`: megabytes to a child, from a child, and both ways, through run()."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter_ns
from typing import Any

from bench.cases import expect
from bench.programs import program
from bench.rows.subprocess.starts import NeedsChild

MEGABYTE = 2**20


@lru_cache(maxsize=1)
def produced(count: int) -> bytes:
    """What `child produce` writes: numbered columns, 64 to a line."""
    line = bytes(ord("0") + column for column in range(63)) + b"\n"
    return line * (count // 64) + line[: count % 64]


@dataclass
class Transfer(NeedsChild):
    """One run() of a child that reads, writes, or echoes. A sample is one such run; so is an operation."""

    megabytes: int = 10
    way: str = "both"  # or "feed", or "capture"
    text: bool = False
    captured: bool = True  # also where the child prints nothing

    def data(self) -> Any:
        data = produced(self.megabytes * MEGABYTE)
        return data.decode() if self.text else data

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        count, data = str(self.megabytes * MEGABYTE), self.data()
        words = {"both": ["echo"], "feed": ["sink", count], "capture": ["produce", count]}[self.way]
        options: dict[str, Any] = {"text": True} if self.text else {}
        if self.way != "capture":
            options["input"] = data
        if self.captured:
            options["capture_output"] = True
        begin = perf_counter_ns()
        done = state.run([program("child"), *words], **options)
        return perf_counter_ns() - begin, done

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome.returncode == 0, "the child got something else, or failed")
        wanted = b"" if self.way == "feed" else self.data()
        if self.captured:
            expect(outcome.stdout == wanted, "something else was captured than the child has written")
