"""The tables, in markdown, and the file of all numbers."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from bench.ratios import Row, from_json, to_json

FORMAT = 1


def machine() -> dict[str, Any]:
    """Where the numbers come from."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux: the platform module's word stands
    return {"cpu": model, "cpus": os.cpu_count(), "system": platform.system(), "load": os.getloadavg()[0]}


def number(value: float) -> str:
    """Three significant digits, never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(nanoseconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{number(nanoseconds / size)} {unit}"
    return f"{number(nanoseconds)} ns"


def amount(row: Row, value: float) -> str:
    """A value in the row's unit."""
    if row.unit == "ns" and not row.factor:
        return duration(value)
    return f"{number(value)} {'of 2' if row.factor else row.unit}"


def value(row: Row, name: str) -> str:
    """A median with its quartiles."""
    spread = row.medians[name]
    short = duration if row.unit == "ns" and not row.factor else number
    return f"{amount(row, spread.median)} ({short(spread.low)} - {short(spread.high)})"


def misses(row: Row) -> list[str]:
    """The goal and the limit, where the row misses them."""
    missed = [f"below {row.goal:g}"] if row.below_goal else []
    return missed + ([f"above {amount(row, row.most)}"] if row.most is not None and row.above(1) else [])


def ratio_cell(row: Row | None) -> str:
    """A ratio with its spread, and the goal or the limit where it is missed."""
    if row is None or row.ratio is None:
        return "-"
    text = f"{number(row.ratio.median)}x ({number(row.ratio.low)} - {number(row.ratio.high)})"
    return ", ".join([text, *(f"**{missed}**" for missed in misses(row))])


def table(header: list[str], body: list[list[str]]) -> str:
    """A markdown table whose columns line up as plain text too."""
    widths = [max(len(line[column]) for line in [header, *body]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *body]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    )


def distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def ratio_table(rows: list[Row]) -> str:
    """Rows by interpreters: what hasten gains."""
    pythons = distinct([row.python for row in rows])
    cells = {(row.case, row.python): row for row in rows}
    body = [
        [case, *(ratio_cell(cells.get((case, python))) for python in pythons)]
        for case in distinct([row.case for row in rows])
    ]
    return table(["stdlib / hasten", *pythons], body)


def absolute_table(rows: list[Row]) -> str:
    """Rows of one interpreter by implementations: medians."""
    names = distinct([name for row in rows for name in row.medians])
    body = [[row.case, *(value(row, name) if name in row.medians else "-" for name in names)] for row in rows]
    return table([f"time per operation, {rows[0].python}", *names], body)


def how_to_read(rounds: str) -> str:
    return (
        "A ratio is the stdlib's median time over hasten's; in brackets the middle half of the ratios of "
        f"single rounds. Both sides took turns in one process, {rounds} "
        "after a warm-up round, every result verified; the garbage collector is "
        "on and runs before each sample. Pinned rows keep all threads on one CPU; unpinned ones leave them "
        "to the scheduler, so their spread is wide. Factors (`of 2`) are the throughput of two threads over "
        "that of one; their ratio is hasten's over the stdlib's."
    )


def compiled(python: dict[str, Any]) -> str:
    """An interpreter, and what it was compiled with."""
    return f"{python['version']}{'' if python['gil'] else ' free-threaded'} ({python['compiler']})"


def legend(meta: dict[str, Any]) -> str:
    """How to read the tables."""
    host = meta["machine"]
    return (
        how_to_read(f"{meta['rounds']} rounds of at least {meta['sample_ms']} ms each")
        + f"\n\nCPython {', '.join(map(compiled, meta['pythons']))}; {host['cpus']} x {host['cpu']}, "
        f"{host['system']}, load {host['load']:.1f} at the start."
    )


def markdown(rows: list[Row], meta: dict[str, Any]) -> str:
    """The whole report."""
    parts = []
    for suite in distinct([row.suite for row in rows]):
        mine = [row for row in rows if row.suite == suite]
        parts += [f"### {suite}", ratio_table(mine)]
        for python in distinct([row.python for row in mine]):
            parts.append(absolute_table([row for row in mine if row.python == python]))
    return "\n\n".join([*parts, legend(meta)]) + "\n"


def save(path: Path, rows: list[Row], meta: dict[str, Any]) -> None:
    document = {"format": FORMAT, "meta": meta, "rows": [to_json(row) for row in rows]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load(paths: list[Path]) -> tuple[list[Row], dict[str, Any]]:
    """Rows of several files together; a later file's row replaces an earlier one's of the same name."""
    rows: dict[tuple[str, str, str], Row] = {}
    meta: dict[str, Any] = {}
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"{path} is not a result of this tool, or of another version")
        known = meta.get("pythons", [])
        new = [python for python in document["meta"]["pythons"] if python not in known]
        meta = {**document["meta"], "pythons": known + new}
        for row in map(from_json, document["rows"]):
            rows[row.suite, row.case, row.python] = row
    return list(rows.values()), meta
