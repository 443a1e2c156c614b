"""From samples to a row of the report: medians, spread, the ratio, and whether its goal is met."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import tomllib

GOALS = Path(__file__).with_name("goals.toml")


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles around it."""

    low: float
    median: float
    high: float


@dataclass
class Row:
    """One row on one interpreter. `ratio` is what hasten gains: above 1 it is the faster."""

    suite: str
    case: str
    python: str
    factor: bool
    pinned: bool
    medians: dict[str, Spread]
    ratio: Spread | None
    goal: float | None
    missing: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    unit: str = "ns"
    most: float | None = None  # what hasten's own value may be at most, in the row's unit
    own: float | None = None  # and what it is

    @property
    def gain(self) -> Spread:
        """The ratio of a row that has one."""
        if self.ratio is None:
            raise ValueError(f"{self.case} on {self.python} has no ratio")
        return self.ratio

    def below(self, share: float) -> bool:
        """Whether the ratio misses this share of the goal. A row without ratio or goal misses nothing."""
        return self.ratio is not None and self.goal is not None and self.ratio.median < share * self.goal

    @property
    def below_goal(self) -> bool:
        return self.below(1)

    def above(self, share: float) -> bool:
        """Whether hasten's own value exceeds its limit, divided by this share."""
        return self.own is not None and self.most is not None and self.own > self.most / share


def spread(values: list[float]) -> Spread:
    """Median and quartiles; of less than four values the extremes, since quartiles would be made up."""
    if len(values) < 4:
        return Spread(min(values), median(values), max(values))
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high)


def ratio_of(baseline: list[float], candidate: list[float], factor: bool) -> Spread:
    """The ratio of the medians; around it the spread of the ratios of each round's neighbours in time."""
    if factor:
        baseline, candidate = candidate, baseline
    rounds = spread([first / second for first, second in zip(baseline, candidate)])
    middle = median(baseline) / median(candidate)
    return Spread(min(rounds.low, middle), middle, max(rounds.high, middle))


def load_goals(path: Path = GOALS) -> dict[str, dict[str, dict[str, float]]]:
    """goals[suite][case][interpreter]; the interpreter `any` stands for all that are not named. In the place
    of an interpreter, `most` is a limit for hasten's own value.
    """
    return tomllib.loads(path.read_text(encoding="utf-8"))


def goal_for(goals: dict[str, Any], suite: str, case: str, python: str) -> float | None:
    wanted = goals.get(suite, {}).get(case, {})
    return wanted.get(python, wanted.get("any"))


def make_row(event: dict[str, Any], python: str, sides: tuple[str, str], goals: dict[str, Any]) -> Row:
    """The report's row for what a worker measured; `sides` names the baseline and the candidate."""
    values = {name: samples for name, samples in event["values"].items() if samples}
    first, second = (values.get(side) for side in sides)
    case_goals = goals.get(event["suite"], {}).get(event["case"], {})
    return Row(
        suite=event["suite"],
        case=event["case"],
        python=python,
        factor=event["factor"],
        pinned=event["pinned"],
        medians={name: spread(samples) for name, samples in values.items()},
        ratio=ratio_of(first, second, event["factor"]) if first and second else None,
        goal=goal_for(goals, event["suite"], event["case"], python),
        missing=event["missing"],
        samples=values,
        operations=event["operations"],
        unit=event["unit"],
        most=case_goals.get("most"),
        own=median(second) if second else None,
    )


def to_json(row: Row) -> dict[str, Any]:
    return asdict(row)


def from_json(data: dict[str, Any]) -> Row:
    """The inverse of to_json()."""
    medians = {name: Spread(**value) for name, value in data["medians"].items()}
    ratio = Spread(**data["ratio"]) if data["ratio"] else None
    return Row(**{**data, "medians": medians, "ratio": ratio})
