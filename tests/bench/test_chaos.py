"""tools/chaos: it counts what is planted: hangs, losses and leaks of games and of tests, on either side."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gate
import pytest
from chaos.cli import Deck, seed_of
from chaos.jobs import Crash, FaultTests
from chaos.names import Names
from chaos.table import Figures, table

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / "tools"

GAMES = """
import os, subprocess, sys, time
sys.path.insert(0, {here!r})
from fakes import side
from bench.cases import Suite, expect
from stress.faults import Hang

def hangs(module, dice):
    subprocess.Popen(["sleep", "1000"], start_new_session=True)  # goes with the game
    raise Hang("nobody wakes it")

def loses(module, dice):
    expect(module.name == "stdlib", "a total is off by one")
    return 1

def leaks(module, dice):
    os.open(os.devnull, os.O_RDONLY)
    time.sleep(0.01)
    return 1

def leaves_a_name(module, dice):
    open(f"/dev/shm/psm_chaos-{{os.getpid()}}", "w").close()
    return 1

def crashes(module, dice):
    os.abort()

def is_fine(module, dice):
    return 7

GAMES = (hangs, loses, leaks, leaves_a_name, crashes, is_fine)
SUITE = Suite(
    "planted", (side("stdlib", 1), side("hasten", 1)), (), stress_kills=True,
    stress=lambda module: {{game.__name__: lambda dice, game=game: game(module, dice) for game in GAMES}},
)
"""
TESTS = """
import os, signal, subprocess, sys, threading
import pytest
from support.leftovers import nothing_left_behind

@pytest.fixture(params=["stdlib", "hasten"])
def impl(request):
    return request.param

def test_killed(impl):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        child.kill()

@pytest.mark.timeout(1)
def test_interrupted_for_ever():
    threading.Event().wait()

def test_injected_and_lost(impl):
    assert impl == "stdlib"

def test_out_of_descriptors():
    os.open(os.devnull, os.O_RDONLY)

def test_of_something_else():
    assert False
"""


def told(*words: object) -> subprocess.CompletedProcess[str]:
    if sys.version_info < (3, 11):
        pytest.skip("the tool itself runs on Python 3.11 and newer")
    command = [sys.executable, str(TOOLS / "chaos"), "--seed", "1", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.fixture
def planted(tmp_path: Path):
    """Plays what is planted, each game and test once: the exit status, and what was found."""
    suite, tests, report = tmp_path / "planted.py", tmp_path / "fakes" / "tests", tmp_path / "report"
    suite.write_text(GAMES.format(here=str(HERE)))
    tests.mkdir(parents=True)
    (tests / "test_planted.py").write_text(TESTS)

    def play(kind: str, *words: str) -> tuple[int, dict[str, Any]]:
        source = ["--suite", suite] if kind == "games" else ["--tests", tests]
        done = told(*source, "--once", "--minutes", "0.01", "--json", report, *words)
        assert report.exists(), done.stderr
        return done.returncode, json.loads(report.read_text())

    return play


def faults(found: dict[str, Any], side: str) -> set[tuple[str, str]]:
    """The jobs of a side with the kinds of their faults."""
    return {(each["job"].split(": ")[-1], each["kind"]) for each in found["faults"] if each["side"] == side}


def figures(found: dict[str, Any], group: str, side: str) -> dict[str, int]:
    [row] = [row for row in found["figures"] if (row["group"], row["side"]) == (group, side)]
    return row


def test_each_fault_of_a_game_is_counted(planted) -> None:
    before = sleepers()
    status, found = planted("games", "--side", "hasten")
    told = {("hangs", "hangs"), ("loses", "losses"), ("crashes", "losses"), ("leaks", "leaks")}
    assert (status, faults(found, "hasten")) == (1, told | {("leaves_a_name", "leaks")})
    row = figures(found, "games of planted", "hasten")
    assert (row["jobs"], row["hangs"], row["losses"]) == (6, 1, 2) and row["leaks"] >= 2
    assert row["kills"] > row["runs"]  # a round of the one that is fine is seven
    assert sleepers() <= before  # a game's processes go with it


def test_faults_of_the_standard_library_are_no_failure(planted) -> None:
    status, found = planted("games", "--only", "hangs", "--side", "stdlib")
    assert (status, faults(found, "stdlib")) == (0, {("hangs", "hangs")})


def test_both_sides_of_a_game(planted) -> None:
    status, found = planted("games", "--only", "loses")
    assert (status, faults(found, "stdlib"), faults(found, "hasten")) == (1, set(), {("loses", "losses")})
    row = figures(found, "games of planted", "stdlib")
    assert row["runs"] == row["kills"] > 0


def test_each_fault_of_a_test_is_counted(planted) -> None:
    status, found = planted("tests", "--side", "hasten")
    assert status == 1
    for kind, expected in (
        ("kills", (0, 0, 0)),
        ("signals", (1, 0, 0)),
        ("injected errors", (0, 1, 0)),
        ("exhaustion", (0, 0, 1)),
    ):
        row = figures(found, f"tests of {kind}", "hasten")
        assert (row["hangs"], row["losses"], row["leaks"]) == expected
        assert (row["runs"], row["kills"]) == (1, int(kind == "kills"))
    assert len(found["figures"]) == 4  # and nothing of the test that is about something else


def test_tests_of_the_standard_library(planted) -> None:
    status, found = planted("tests", "--side", "stdlib")
    assert (status, faults(found, "stdlib")) == (0, set())
    assert {row["group"] for row in found["figures"]} == {"tests of kills", "tests of injected errors"}


def sleepers() -> set[str]:
    """The processes that a game of ours starts."""
    found = set()
    for entry in os.listdir("/proc"):
        try:
            command = Path("/proc", entry, "cmdline").read_bytes()
        except OSError:
            continue
        if command == b"sleep\x001000\x00":
            found.add(entry)
    return found


@pytest.mark.parametrize(
    ("crash", "found", "expected"),
    [
        ("killed in a task", {"failed": 1}, []),
        ("killed in a task", {"failed": 2}, ["losses"]),
        ("killed while idle", {"failed": 1}, ["losses"]),
        ("kills under load", {"failed": 3, "kills": 3}, []),
        ("kills under load", {"unended": 5, "kills": 3}, ["hangs"]),
        ("kills under load", {"wrong": 1, "kills": 3}, ["losses"]),
        ("kills under load", {"missing": "no end in 60 s"}, ["hangs"]),
        ("kills under load", {"missing": "KeyError: 1"}, ["losses"]),
    ],
)
def test_what_a_crash_may_cost(crash, found, expected) -> None:
    fine = {"right": 60, "wrong": 0, "failed": 0, "unended": 0, "error": None}
    told = found if "missing" in found else {**fine, **found}
    outcome = Crash("", "hasten", "", "hasten Pool", crash).outcome(told)
    assert [fault.kind for fault in outcome.faults] == expected


def test_the_same_seed_is_the_same_order() -> None:
    some = [FaultTests(f"job {number}", "hasten", "", []) for number in range(20)]

    def first_names(seed: int) -> list[str]:
        order = Deck(some, seed).order
        return [next(order).name for _ in range(40)]

    assert first_names(1) == first_names(1) != first_names(2)
    assert sorted(first_names(1)[:20]) == sorted(first_names(1)[20:]) == sorted(job.name for job in some)
    assert seed_of(1, "a", 0) == seed_of(1, "a", 0) != seed_of(1, "a", 1)


def test_the_table() -> None:
    found = {
        ("games", "hasten"): Figures(1, 2, 3, 0, 0, 0),
        ("games", "stdlib"): Figures(1, 2, 3, 4, 5, 6),
    }
    found["tests", "hasten"] = Figures(1, 10, 0, 0, 0, 0)
    lines = table(["games", "tests", "never played"], found).splitlines()
    assert lines[2] == "| games | 2 | 3 | 0 | 0 | 0 | 2 | 3 | 4 | 5 | 6 |"
    assert lines[3] == "| tests | 10 | 0 | 0 | 0 | 0 | - | - | - | - | - |"
    assert lines[4] == "| all | 12 | 3 | 0 | 0 | 0 | 2 | 3 | 4 | 5 | 6 |"


def test_names_are_told_where_others_make_some_too(monkeypatch) -> None:
    """Without a /dev/shm of our own: only those that nobody has mapped, and they stay."""
    monkeypatch.setattr(gate, "mount_own_shm", lambda: False)
    names = Names()
    paths = [Path(f"/dev/shm/hasten-chaos-{os.getpid()}-{end}") for end in ("left", "mapped")]
    try:
        for path in paths:
            path.write_bytes(bytes(4096))
        with open(paths[1], "r+b") as file, mmap.mmap(file.fileno(), 4096):
            left = names.left()
        assert paths[0].name in left and paths[1].name not in left
        assert paths[0].exists()
    finally:
        for path in paths:
            path.unlink()


def test_the_list_names_games_crashes_and_tests() -> None:
    done = told("--list", "--side", "hasten")
    assert done.returncode == 0, done.stderr
    names = done.stdout.splitlines()
    for name in (
        "hasten: game multiprocessing_queues: killed holders of a Lock",
        "hasten: game process_pool: killed workers",
        "hasten: crash of hasten Pool: kills under load",
        "hasten: tests of signals: hasten-queue",
        "hasten: tests of injected errors: hasten-subprocess",
    ):
        assert name in names


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--only", "no such job"], "no job matches"),
        (["--python", "/no/such/python"], "No such file"),
        (["--suite", "no such suite"], "there is no suite"),
        (["--minutes", "0"], "--minutes must be above 0"),
    ],
)
def test_a_mistake_in_the_call(words, text) -> None:
    done = told(*words)
    assert done.returncode == 2 and text in done.stderr
