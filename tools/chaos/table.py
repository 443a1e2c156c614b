"""The figures of both sides, and how they read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from chaos.jobs import HASTEN, STDLIB, Job, Outcome


@dataclass
class Figures:
    """jobs: processes with a game, a crash or tests; runs: their rounds, tasks and tests."""

    jobs: int = 0
    runs: int = 0
    kills: int = 0
    hangs: int = 0
    losses: int = 0
    leaks: int = 0

    def add(self, outcome: Outcome) -> None:
        self.jobs += 1
        self.runs += outcome.runs
        self.kills += outcome.kills
        for fault in outcome.faults:
            setattr(self, fault.kind, getattr(self, fault.kind) + 1)


@dataclass
class Findings:
    """figures: by group and side.  faults: what was wrong, with all that is needed to play it again."""

    seed: int
    minutes: float = 0.0
    figures: dict[tuple[str, str], Figures] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def add(self, job: Job, turn: int, outcome: Outcome) -> None:
        self.figures.setdefault((job.group, job.side), Figures()).add(outcome)
        for fault in outcome.faults:
            self.faults.append({"side": job.side, "job": job.name, "turn": turn, **asdict(fault)})

    def failed(self) -> bool:
        return any(fault["side"] == HASTEN for fault in self.faults)

    def told(self) -> dict[str, Any]:
        """For JSON."""
        rows = [{"group": g, "side": s, **asdict(f)} for (g, s), f in self.figures.items()]
        return {"seed": self.seed, "minutes": self.minutes, "figures": rows, "faults": self.faults}

    def merge(self, told: dict[str, Any]) -> None:
        """What the process of the other side has told."""
        self.minutes = max(self.minutes, told["minutes"])
        self.faults += told["faults"]
        for row in told["figures"]:
            key = row.pop("group"), row.pop("side")
            self.figures[key] = Figures(**row)


def total(figures: list[Figures]) -> Figures:
    return Figures(*(sum(getattr(each, f.name) for each in figures) for f in fields(Figures)))


def table(groups: list[str], found: dict[tuple[str, str], Figures]) -> str:
    """In markdown.  found: by group and side; a group without a side has nothing to play there."""
    names = [f.name for f in fields(Figures)][1:]
    sides = [side for side in (HASTEN, STDLIB) if any(key[1] == side for key in found)]
    head = ["", *(f"{side}: {names[0]}" if name == names[0] else name for side in sides for name in names)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]

    def row(label: str, figures: list[Figures | None]) -> list[str]:
        cells: list[str] = []
        for each in figures:
            cells += [str(value) for value in list(asdict(each).values())[1:]] if each else ["-"] * len(names)
        return [label, *cells]

    for group in groups:
        if any((group, side) in found for side in sides):
            rows.append(row(group, [found.get((group, side)) for side in sides]))
    rows.append(row("all", [total([f for (_, s), f in found.items() if s == side]) for side in sides]))
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
