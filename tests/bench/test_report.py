"""From samples to ratios, goals, tables, files and the chart."""

from __future__ import annotations

import importlib.util

import pytest

pytest.importorskip("tomllib", reason="the report is made on Python 3.11 and newer")

from bench import chart, report  # noqa: E402
from bench.cli import gate, matches  # noqa: E402
from bench.ratios import from_json, goal_for, load_goals, make_row, ratio_of, spread, to_json  # noqa: E402
from bench.suites import load_suite, names  # noqa: E402
from stress.soaking import grown, quarters, verdicts  # noqa: E402

SIDES = ("stdlib", "hasten")
GOALS = {"queue": {"put": {"3.11": 20, "any": 5}}}
META = {
    "machine": {"cpu": "a chip", "cpus": 2, "system": "Linux", "load": 0.5},
    "pythons": [{"version": "3.11.7", "gil": True, "compiler": "GCC"}],
    "rounds": 4,
    "sample_ms": 20,
}


def event(case="put", slow=(1000.0, 1200.0, 900.0, 1000.0), fast=(100.0, 100.0, 90.0, 110.0), **more):
    fields = {
        "suite": "queue",
        "case": case,
        "factor": False,
        "unit": "ns",
        "pinned": False,
        "missing": {},
        "operations": {},
    }
    return {**fields, "values": {"stdlib": list(slow), "hasten": list(fast)}, **more}


def row(python="3.11", **fields):
    return make_row(event(**fields), python, SIDES, GOALS)


def test_the_ratio_is_that_of_the_medians():
    assert ratio_of([10, 30, 20], [1, 2, 4], factor=False).median == 10


def test_its_spread_is_that_of_neighbours_in_time():
    # Both sides twice as slow in the second round: the ratios of the rounds do not notice.
    found = ratio_of([10, 20, 10, 10, 10], [1, 2, 1, 1, 1], factor=False)
    assert (found.low, found.median, found.high) == (10, 10, 10)


def test_a_factor_counts_the_other_way_round():
    assert ratio_of([0.5] * 4, [2.0] * 4, factor=True).median == 4


def test_quartiles_and_for_few_samples_extremes():
    assert spread([5, 1, 3]) == spread([1, 3, 5])
    assert (spread([5, 1, 3]).low, spread([5, 1, 3]).high) == (1, 5)
    assert (spread([1, 2, 3, 4, 5]).low, spread([1, 2, 3, 4, 5]).high) == (2, 4)


def test_goals_are_found_by_interpreter_or_for_any():
    assert goal_for(GOALS, "queue", "put", "3.11") == 20
    assert goal_for(GOALS, "queue", "put", "3.9") == 5
    assert goal_for(GOALS, "queue", "get", "3.11") is None


def test_every_goal_belongs_to_a_row():
    for suite, goals in load_goals().items():
        assert suite in names()
        assert set(goals) <= {case.name for case in load_suite(suite).cases}


def test_a_row_below_its_goal_is_marked():
    assert row().below_goal
    assert "10.0x" in report.ratio_cell(row())
    assert "**below 20**" in report.ratio_cell(row())
    assert not row(python="3.9").below_goal
    assert "below" not in report.ratio_cell(row(python="3.9"))


def test_the_gate_refuses_what_misses_its_share_of_the_goal():
    assert gate([row()], 0.7) == ["3.11 queue, put: 10.00x, below 70% of the goal 20"]
    assert gate([row()], 0.5) == []
    assert gate([row(python="3.9"), row(case="no goal")], 1.0) == []


def test_a_limit_for_hastens_own_value_is_told_and_gated():
    limited = {"queue": {"put": {"most": 80}}}
    found = make_row(event(), "3.11", SIDES, limited)
    assert found.goal is None and found.own == 100
    assert "**above 80.0 ns**" in report.ratio_cell(found)
    assert gate([found], 0.9) == ["3.11 queue, put: 100 ns, above 88.9 ns"]
    assert gate([found], 0.7) == []
    limited["queue"]["put"] = {"any": 5, "most": 100}
    assert report.misses(make_row(event(), "3.9", SIDES, limited)) == []
    both = make_row(event(unit="bytes"), "3.9", SIDES, {"queue": {"put": {"any": 20, "most": 9}}})
    assert report.misses(both) == ["below 20", "above 9.00 bytes"]
    assert report.misses(make_row(event(fast=()), "3.9", SIDES, limited)) == []


def test_a_row_that_is_no_time_names_its_unit():
    found = report.absolute_table([row(unit="bytes", slow=(9000.0,) * 4, fast=(500.0,) * 4)])
    assert "9000 bytes (9000 - 9000)" in found and "500 bytes" in found


def test_the_tables_have_rows_by_interpreters_and_absolute_medians():
    peer = event(case="get")
    peer["values"]["culsans"] = [2_500_000.0] * 4
    rows = [row(), row(python="3.9"), make_row(peer, "3.11", SIDES, GOALS)]
    text = report.markdown(rows, META)
    lines = text.splitlines()
    assert "### queue" in lines
    header = next(line for line in lines if line.startswith("| stdlib / hasten"))
    assert [cell.strip() for cell in header.strip("|").split("|")] == ["stdlib / hasten", "3.11", "3.9"]
    get = next(line for line in lines if line.startswith("| get"))
    assert get.rstrip(" |").endswith("-"), "an interpreter without this row has a dash"
    assert "2.50 ms (2.50 ms - 2.50 ms)" in text
    assert "1.00 us" in text and "100 ns" in text
    assert "4 rounds of at least 20 ms" in text and "3.11.7 (GCC)" in text


@pytest.mark.parametrize(
    "nanoseconds, text",
    [(0.5, "0.50 ns"), (99.94, "99.9 ns"), (1234, "1.23 us"), (12_345_678, "12.3 ms"), (2.5e9, "2.50 s")],
)
def test_durations(nanoseconds, text):
    assert report.duration(nanoseconds) == text


def test_a_file_of_results_comes_back_whole(tmp_path):
    rows = [row(), row(python="3.9", fast=())]
    assert rows[1].ratio is None
    report.save(tmp_path / "a.json", rows, META)
    assert report.load([tmp_path / "a.json"]) == (rows, META)
    assert from_json(to_json(rows[0])) == rows[0]


def test_files_of_several_runs_go_together_and_the_later_wins(tmp_path):
    report.save(tmp_path / "a.json", [row(), row(python="3.9")], META)
    faster = row(fast=(50.0,) * 4)
    report.save(tmp_path / "b.json", [faster], {**META, "pythons": [{"version": "3.9.1"}]})
    rows, meta = report.load([tmp_path / "a.json", tmp_path / "b.json"])
    assert rows == [faster, row(python="3.9")]
    assert [python["version"] for python in meta["pythons"]] == ["3.11.7", "3.9.1"]


def test_another_tools_file_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(ValueError, match="not a result of this tool"):
        report.load([tmp_path / "x.json"])


def draw(bench, tmp_path, rows):
    """In a process of its own: matplotlib keeps its fonts open."""
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("needs matplotlib")
    report.save(tmp_path / "r.json", rows, META)
    return bench("--from-json", tmp_path / "r.json", "--chart", tmp_path / "c.svg")


def test_the_chart_is_an_svg_with_a_bar_for_each_row_and_a_png(bench, tmp_path):
    rows = [row(), row(case="get", slow=(80.0,) * 4), row(python="3.15"), row(python="3.15", case="get")]
    assert draw(bench, tmp_path, rows).returncode == 0
    svg = (tmp_path / "c.svg").read_text()
    assert svg.count("10.0x") >= 3 and "0.80x" in svg, "each bar has its ratio beside it"
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_chart_of_nothing_is_refused(bench, tmp_path):
    done = draw(bench, tmp_path, [row(fast=())])
    assert done.returncode == 2
    assert "there is no ratio to draw" in done.stderr


def test_a_missing_matplotlib_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(chart.NoChart, match="pip install -r tools/bench/requirements.txt"):
        chart.draw([row()], [tmp_path / "c.svg"])


@pytest.mark.parametrize(
    "pattern, hit", [("ping", True), ("PING*pinned", True), ("1 -> 1", False), ("ping-pong, pinned", True)]
)
def test_filters(pattern, hit):
    assert matches("ping-pong, pinned", [pattern]) is hit


def test_growth_counts_from_the_first_quarter():
    megabyte = 2**20
    flat = [10 * megabyte] * 20 + [50 * megabyte] * 80
    assert grown(flat) == 0
    rising = [step * megabyte for step in range(101)]
    assert quarters(rising)[2] == 50 * megabyte
    assert 70 * megabyte < grown(rising) < 80 * megabyte


def test_a_soak_that_grows_fails(capsys):
    soak = {"suite": "queue", "python": "3.11", "operations": 1000}
    assert verdicts([{**soak, "resident": [2**24] * 50}]) == []
    assert "16.0, 16.0, 16.0, 16.0, 16.0" in capsys.readouterr().out
    failed = verdicts([{**soak, "resident": [2**24 + step * 2**18 for step in range(50)]}])
    assert len(failed) == 1 and "grew by" in failed[0]
