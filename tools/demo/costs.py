"""What the runs of a row tell: time spent in handing over, the ratio, and both in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from demo.runs import Run, Series

PLAIN, HASTEN, DIRECT = "stdlib", "hasten", "direct"
EXPLANATION = (
    "Hand-over is the CPU time of a run less that of the same program with --direct, which does the same "
    "steps with neither queues, pools, threads nor processes; nothing is measured inside the program, and "
    "the launcher's start counts against hasten."
)


@dataclass(frozen=True)
class Cost:
    """Medians of one side, in seconds. The noises are what a difference of times cannot resolve here."""

    wall: float
    cpu: float
    handover: float
    noise: float
    wall_noise: float

    @property
    def resolved(self) -> bool:
        return self.handover > self.noise

    @property
    def share(self) -> float:
        """The part of the CPU time that goes into handing over."""
        return max(0.0, self.handover) / self.cpu


def middle(runs: list[Run], what: str) -> float:
    return median(getattr(run, what) for run in runs)


def span(runs: list[Run], what: str) -> float:
    values = [getattr(run, what) for run in runs]
    return max(values) - min(values)


def cost(series: Series, side: str) -> Cost:
    """One side of a row, against its direct runs."""
    runs, direct = series.runs[side], series.runs[DIRECT]
    without = middle(direct, "cpu")
    cpu = middle(runs, "cpu")
    noise = max(span(runs, "cpu"), span(direct, "cpu"), 0.01 * without)
    return Cost(middle(runs, "wall"), cpu, cpu - without, noise, span(runs, "wall"))


def amount(side: Cost) -> str:
    """The hand-over as text."""
    if not side.resolved:
        return f"below {side.noise:.2f} s of noise"
    return f"{side.handover:.2f} s ({side.share:.0%})"


def ratio_of_handover(plain: Cost, hasten: Cost) -> str:
    """How much less hasten spends, where both sides can be told from noise."""
    return f"{plain.handover / hasten.handover:.1f}x" if plain.resolved and hasten.resolved else "-"


def verdict(title: str, plain: Cost, hasten: Cost) -> str:
    """One sentence that says how much this row gains, and why."""
    wall = plain.wall / hasten.wall
    more = hasten.cpu - plain.cpu
    if more > max(plain.noise, hasten.noise):
        return f"{title}: hasten costs {more:.2f} s of CPU time more here ({wall:.2f} times as fast)."
    same_wall = abs(plain.wall - hasten.wall) <= max(plain.wall_noise, hasten.wall_noise)
    if not plain.resolved:
        cpu = plain.cpu / hasten.cpu
        if not same_wall:
            return (
                f"{title}: what handing over costs is below the noise in CPU time (which differs by "
                f"{cpu:.2f}x), but not in waiting: in wall time hasten is {wall:.2f} times as fast."
            )
        return (
            f"{title}: handing over costs too little to be seen beside the work, so there is nothing "
            f"for hasten to gain (wall times differ by {wall:.2f}x, CPU times by {cpu:.2f}x)."
        )
    part = f"{title}: handing over takes {plain.share:.0%} of the stdlib's CPU time"
    if same_wall:
        return f"{part}; the gain in wall time is within the noise of these runs ({wall:.2f} times as fast)."
    return f"{part}, and hasten makes the program {wall:.1f} times as fast."
