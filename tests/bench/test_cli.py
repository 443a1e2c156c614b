"""The tool as a user runs it, on a suite with made-up times."""

from __future__ import annotations

import json

ROUNDS = ("--rounds", "4")


def test_ratios_tables_and_json(bench, suite_file, tmp_path):
    done = bench(suite_file(), *ROUNDS, "--json", tmp_path / "r.json", "--table", tmp_path / "t.md")
    assert done.returncode == 0, done.stderr
    assert "10.0x (10.0 - 10.0)" in done.stdout
    assert (tmp_path / "t.md").read_text() in done.stdout + "\n"
    assert "first" in done.stderr and "10.00x" in done.stderr, "progress shows each row's ratio"
    rows = {row["case"]: row for row in json.loads((tmp_path / "r.json").read_text())["rows"]}
    assert rows["first"]["samples"] == {"stdlib": [1000] * 4, "hasten": [100] * 4, "peer": [500] * 4}
    assert rows["second"]["missing"] == {"peer": "the peer has no such thing"}


def test_earlier_results_are_reported_and_gated_without_measuring(bench, suite_file, tmp_path):
    file = tmp_path / "r.json"
    bench(suite_file(), *ROUNDS, "--json", file)
    assert bench("--from-json", file, "--gate").returncode == 0
    document = json.loads(file.read_text())
    document["rows"][0]["goal"] = 15
    file.write_text(json.dumps(document))
    done = bench("--from-json", file, "--gate")
    assert done.returncode == 1
    assert "FAILED" in done.stderr and "below 70% of the goal 15" in done.stderr
    assert bench("--from-json", file, "--gate", "0.5").returncode == 0


def test_a_wrong_result_fails_the_run_but_not_the_other_rows(bench, suite_file):
    cases = "cases=(Claimed('good'), Hanging('bad')), result='lost'"
    done = bench(suite_file(cases.replace("Hanging", "Claimed")), *ROUNDS)
    assert done.returncode == 1
    assert "fake, good: wrong result: got 'lost'" in done.stderr
    assert "fake, bad: wrong result: got 'lost'" in done.stderr


def test_a_row_that_hangs_ends_with_stacks(bench, suite_file):
    done = bench(suite_file("cases=(Hanging('stuck'),)"), "--limit", "1")
    assert done.returncode == 1
    assert "in wait" in done.stderr, "faulthandler shows where"
    assert "the worker ended in 'stuck'" in done.stderr


def test_memory_that_a_soak_keeps_fails_the_run(bench, suite_file):
    done = bench(suite_file("soak=growing"), "--soak", "100000")
    assert done.returncode == 1
    assert "soak: grew by" in done.stderr
    assert "resident MiB" in done.stdout


def test_a_stress_tells_what_it_has_verified(bench, suite_file):
    done = bench(suite_file("stress=peaceful"), "--stress", "0.02", "--seed", "11")
    assert done.returncode == 0, done.stderr
    assert "seed 11" in done.stderr
    assert "operations verified, nothing stuck" in done.stdout and "calm" in done.stdout


def test_a_stress_with_a_wrong_total_fails_the_run(bench, suite_file):
    done = bench(suite_file("stress=losing"), "--stress", "1", "--seed", "11")
    assert done.returncode == 1
    assert "game 'lossy', round 0, seed 11" in done.stderr and "a total is off by one" in done.stderr


def test_the_list_and_the_filter(bench, suite_file):
    done = bench(suite_file(), "--list", "--filter", "SEC*")
    assert done.returncode == 0
    assert done.stdout.split() == [f"{suite_file()}:", "second"]


def test_mistakes_are_one_line_and_status_2(bench, suite_file, tmp_path):
    for words, text in [
        (["nosuch"], "there is no suite 'nosuch'"),
        ([suite_file(), "--filter", "xyz"], "no row matches 'xyz'"),
        (["queue", "--python", "no-such-python"], "no-such-python is not on PATH"),
        (["--from-json", tmp_path / "absent.json"], "absent.json"),
    ]:
        done = bench(*words)
        assert done.returncode == 2, words
        assert text in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_candidate_names_the_command_that_installs_it(bench, suite_file, tmp_path):
    (tmp_path / "lacking.py").write_text(
        "from bench.cases import Suite, module\n"
        "SUITE = Suite('queue', (module('stdlib', 'queue'), module('hasten', 'hasten_not_there')), ())\n"
    )
    (tmp_path / "lacking.py").write_text(
        (tmp_path / "lacking.py")
        .read_text()
        .replace("())\n", "(Case('x'),))\n")
        .replace("Suite,", "Case, Suite,", 1)
    )
    done = bench(tmp_path / "lacking.py")
    assert done.returncode == 2
    assert "pip install ./packages/hasten-queue" in done.stderr
