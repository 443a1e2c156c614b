"""tools/crashes: what it counts, and how it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
FINE = {"right": 60, "wrong": 0, "failed": 0, "unended": 0, "told": None, "usable": None, "error": None}


@pytest.fixture
def cli(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from crashes import cli

    return cli


def told(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOLS / "crashes"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("crash", ["killed in a task", "exits in a task"])
def test_a_crash_costs_one_task(crash, tmp_path) -> None:
    kept = tmp_path / "outcomes.json"
    done = told("--pool", "hasten, on_crash=fail-task", "--crash", crash, "--json", str(kept))
    assert done.returncode == 0, done.stderr
    [outcome] = json.loads(kept.read_text())["hasten, on_crash=fail-task"].values()
    assert (outcome["right"], outcome["failed"], outcome["unended"], outcome["wrong"]) == (59, 1, 0, 0)
    assert outcome["told"] is not None and outcome["usable"] is not None
    assert "1 failed; told after" in done.stdout


def test_a_retry_costs_nothing(tmp_path) -> None:
    kept = tmp_path / "outcomes.json"
    words = ["--crash", "kills under load", "--kills", "5", "--json", str(kept)]
    done = told("--pool", "hasten, on_crash=retry", *words)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(kept.read_text())["hasten, on_crash=retry"]["kills under load"]
    assert (outcome["right"], outcome["kills"]) == (100, 5)
    assert "5 kills, 100 right, nothing lost" in done.stdout


def test_tasks_of_the_stdlib_pool_do_not_end(tmp_path) -> None:
    done = told("--pool", "stdlib Pool", "--crash", "killed in a task")
    assert done.returncode == 0, done.stderr
    assert "1 without an end; told after never, usable after never" in done.stdout


def test_what_is_not_installed_says_so(cli) -> None:
    outcome = cli.run(sys.executable, "no such pool", "killed in a task", 1, 1)
    assert cli.cell("killed in a task", outcome) == "KeyError: 'no such pool'"


@pytest.mark.parametrize(
    ("crash", "outcome", "text"),
    [
        ("killed while idle", {}, "nothing lost"),
        ("killed while idle", {"failed": 2, "wrong": 1}, "2 failed, 1 wrong"),
        (
            "killed in a task",
            {"failed": 1, "told": 0.0123, "usable": 1.5},
            "1 failed; told after 12 ms, usable after 1500 ms",
        ),
        ("kills under load", {"kills": 9, "unended": 3}, "9 kills, 60 right, 3 without an end"),
    ],
)
def test_words(cli, crash, outcome, text) -> None:
    assert cli.cell(crash, {**FINE, **outcome}) == text


def test_table(cli) -> None:
    outcomes = {"a pool": {"killed while idle": FINE}}
    assert cli.table(outcomes, ["killed while idle"]).splitlines() == [
        "| pool | killed while idle |",
        "| --- | --- |",
        "| a pool | nothing lost |",
    ]
