"""The bar chart: one bar a row and interpreter, logarithmic, with the line where nothing is gained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.ratios import Row
from bench.report import distinct, number

COLOURS = ("#3b6fb6", "#e08a2e", "#4f9a5b", "#a1559e", "#8a6a4a", "#6b7280", "#c04848", "#2f9c9c")
TICKS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


class NoChart(Exception):
    """The chart cannot be drawn; the text says what to do."""


def draw(rows: list[Row], targets: list[Path]) -> None:
    """Write the chart to every target; the ending says which format."""
    try:
        import matplotlib
    except ImportError as error:
        raise NoChart(
            "the chart needs matplotlib: python -m pip install -r tools/bench/requirements.txt"
        ) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = [row for row in rows if row.ratio is not None]
    if not drawn:
        raise NoChart("there is no ratio to draw")
    suites = distinct([row.suite for row in drawn])
    pythons = distinct([row.python for row in drawn])
    heights = [len(distinct([row.case for row in drawn if row.suite == suite])) for suite in suites]
    figure, axes = pyplot.subplots(
        len(suites),
        squeeze=False,
        height_ratios=heights,
        layout="constrained",
        sharex=True,
        figsize=(9, 1.2 + sum(heights) * (0.14 + 0.17 * len(pythons))),
    )
    for axis, suite in zip(axes[:, 0], suites):
        panel(axis, [row for row in drawn if row.suite == suite], pythons, suite)
    scale(axes[-1, 0], drawn)
    axes[0, 0].legend(
        title="CPython", loc="lower left", bbox_to_anchor=(0, 1), ncols=len(pythons), frameon=False
    )
    for target in targets:
        figure.savefig(target, dpi=150, metadata={"Date": None} if target.suffix == ".svg" else None)
    pyplot.close(figure)


def panel(axis: Any, rows: list[Row], pythons: list[str], title: str) -> None:
    """The rows of one suite."""
    cases = distinct([row.case for row in rows])
    thickness = 0.8 / len(pythons)
    for index, python in enumerate(pythons):
        mine = [row for row in rows if row.python == python]
        places = [cases.index(row.case) + (index - (len(pythons) - 1) / 2) * thickness for row in mine]
        medians = [row.gain.median for row in mine]
        # A bar on a logarithmic axis starts where the reader should compare from: at 1.
        axis.barh(
            places,
            [value - 1 for value in medians],
            left=1,
            height=thickness * 0.92,
            label=python,
            color=COLOURS[index % len(COLOURS)],
            xerr=[
                [row.gain.median - row.gain.low for row in mine],
                [row.gain.high - row.gain.median for row in mine],
            ],
            error_kw={"elinewidth": 0.8, "ecolor": "#333333"},
        )
        for place, row in zip(places, mine):
            edge = max(row.gain.high, 1)
            axis.annotate(
                f"{number(row.gain.median)}x",
                (edge, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
    axis.set_yticks(range(len(cases)), cases, fontsize=8)
    axis.set_ylim(len(cases) - 0.4, -0.6)
    axis.axvline(1, color="black", linewidth=1)
    axis.grid(axis="x", which="major", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_ylabel(title, fontsize=10, fontweight="bold")


def scale(axis: Any, rows: list[Row]) -> None:
    """A logarithmic axis with readable numbers, that has room for the labels at the bars' ends."""
    low = min(0.7, min(row.gain.low for row in rows) * 0.8)
    high = max(2.5, max(row.gain.high for row in rows) * 1.6)
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axis.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("how many times faster than the standard library (log scale; 1x = as fast)")
