"""The demo around the program: alternation, equal output, costs and the words of the verdict."""

from __future__ import annotations

import sys

import pytest

if sys.version_info < (3, 11):
    pytest.skip("the demo itself runs on Python 3.11 and newer", allow_module_level=True)

from demo import cli, costs  # noqa: E402
from demo.costs import DIRECT, HASTEN, PLAIN  # noqa: E402
from demo.runs import Run, RunFailed, Series, alternate, run  # noqa: E402


def say(text, status=0):
    return [sys.executable, "-c", f"print({text!r}); raise SystemExit({status})"]


def test_a_run_has_its_output_and_its_cost():
    spin = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.05: pass\nprint('spun')"]
    done = run(spin)
    assert done.output == "spun\n"
    assert done.cpu >= 0.05
    assert done.wall > 0


def test_a_failing_command_is_an_error():
    with pytest.raises(RunFailed, match="status 3"):
        run(say("x", 3))


def test_the_commands_alternate():
    series = Series("row", {"a": say("x"), "b": say("x"), "c": say("x")})
    assert list(alternate(series, 2)) == ["a", "b", "c", "b", "c", "a"]
    assert {name: len(runs) for name, runs in series.runs.items()} == {"a": 2, "b": 2, "c": 2}
    assert series.output == "x\n"


def test_different_output_is_an_error():
    with pytest.raises(RunFailed, match="row, b: printed something else"):
        list(alternate(Series("row", {"a": say("x"), "b": say("y")}), 1))


def series(plain, hasten, direct):
    """Runs whose wall and CPU times are these, in seconds."""
    times = {PLAIN: plain, HASTEN: hasten, DIRECT: direct}
    return Series("row", {}, {name: [Run("", t, t) for t in values] for name, values in times.items()})


def test_hand_over_is_what_the_direct_run_does_without():
    row = series([5.0, 5.1, 4.9], [2.0, 2.1, 1.9], [1.5, 1.5, 1.5])
    plain, hasten = costs.cost(row, PLAIN), costs.cost(row, HASTEN)
    assert plain.handover == pytest.approx(3.5) and plain.share == pytest.approx(0.7)
    assert costs.amount(plain) == "3.50 s (70%)"
    assert costs.ratio_of_handover(plain, hasten) == "7.0x"
    assert costs.verdict("Row", plain, hasten) == (
        "Row: handing over takes 70% of the stdlib's CPU time, "
        "and hasten makes the program 2.5 times as fast."
    )


def test_a_difference_within_the_noise_is_not_given_a_number():
    row = series([5.0, 5.2], [4.9, 5.1], [4.9, 5.0])
    plain, hasten = costs.cost(row, PLAIN), costs.cost(row, HASTEN)
    assert costs.amount(plain).startswith("below 0.20 s")
    assert costs.ratio_of_handover(plain, hasten) == "-"
    assert "too little to be seen" in costs.verdict("Row", plain, hasten)
    assert "wall times differ by 1.02x" in costs.verdict("Row", plain, hasten)


def test_a_gain_in_wall_time_alone_is_not_denied():
    row = series([5.0, 5.1], [3.8, 3.9], [4.95, 5.0])
    for runs in row.runs.values():
        runs[:] = [Run("", each.wall, 4.8 + each.wall / 100) for each in runs]
    text = costs.verdict("Row", costs.cost(row, PLAIN), costs.cost(row, HASTEN))
    assert "nothing for hasten to gain" not in text
    assert "in wall time hasten is 1.31 times as fast" in text


def test_every_size_of_the_demo_names_every_row():
    for size in range(3):
        assert [row.title for row in cli.rows("python", 4, size)] == list(cli.FILES)
    sizes = [[int(n or 10**9) for n in files] for files in cli.FILES.values()]
    assert all(files == sorted(files) for files in sizes)


def test_a_gain_within_the_noise_is_called_so():
    row = series([5.0, 6.0], [4.9, 5.9], [1.0, 1.1])
    text = costs.verdict("Row", costs.cost(row, PLAIN), costs.cost(row, HASTEN))
    assert "within the noise of these runs (1.02 times as fast)" in text


def test_a_loss_is_called_a_loss():
    row = series([2.0, 2.0], [3.0, 3.0], [1.0, 1.0])
    text = costs.verdict("Row", costs.cost(row, PLAIN), costs.cost(row, HASTEN))
    assert "costs 1.00 s of CPU time more here (0.67 times as fast)" in text


def fake_python(tmp_path, script):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "script, message",
    [
        ("echo No module named hasten >&2; exit 1", "pip install ./packages/*"),
        ("echo '  queue    not installed' >&2", "does not replace all modules (queue)"),
        ("true", "does not replace all modules (no report)"),
    ],
)
def test_a_python_without_the_launcher_is_refused(tmp_path, capsys, script, message):
    assert cli.main(["--python", fake_python(tmp_path, script)]) == 2
    shown = capsys.readouterr().err
    assert message in shown and len(shown.splitlines()) == 1


def test_the_table_names_both_sides_and_ends_with_the_verdict(capsys):
    pytest.importorskip("rich")
    row = series([5.0, 5.1, 4.9], [2.0, 2.1, 1.9], [1.5, 1.5, 1.5])
    for runs in row.runs.values():
        runs[:] = [Run("files 3\n", each.wall, each.cpu) for each in runs]
    cli.show([row], 3, "python3.11")
    shown = capsys.readouterr().out
    assert "files 3" in shown and "3.50 s (70%)" in shown and "2.50x" in shown
    assert "2.5 times as fast" in shown.replace("\n", " ")
