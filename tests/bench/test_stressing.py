"""The watch over a stress: what it tells, and that it ends when a game fails or is stuck."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from bench.cases import expect
from stress import stressing
from stress.stressing import run_stress, summary

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(stressing.__file__).parents[1])}


@pytest.fixture
def told(monkeypatch):
    """What was said, while the watch looks often."""
    monkeypatch.setattr(stressing, "LOOK", 0.02)
    return []


def play(games, told, seconds=0.1, seed=7):
    return run_stress(games, seconds, seed, lambda event, **fields: told.append((event, fields)))


def test_all_games_are_played_until_the_time_is_up(told):
    drawn = {"left": [], "right": []}

    def game(name):
        def one_round(dice):
            drawn[name].append(dice.random())
            return 10

        return one_round

    seconds = 0.1
    while not told or told[0][0] != "progress":  # it was over at the first look
        told.clear()
        drawn.update(left=[], right=[])
        assert play({name: game(name) for name in drawn}, told, seconds)
        seconds *= 2
    event, fields = told[-1]
    assert event == "stress" and fields["seconds"] >= 0.1
    for name, (rounds, operations) in fields["games"].items():
        assert rounds == len(drawn[name]) and operations == 10 * rounds
    assert told[0][0] == "progress"
    line = summary({**fields, "python": "3.11", "suite": "fake"})
    assert "seed 7" in line and "nothing stuck" in line


def test_a_round_draws_the_same_numbers_again_with_the_same_seed(told):
    def first_numbers(seed):
        numbers, seconds = [], 0.05
        while len(numbers) < 3:  # in time that short there may be no three rounds
            numbers.clear()
            assert play({"game": lambda dice: numbers.append(dice.random()) or 1}, told, seconds, seed)
            seconds *= 2
        return numbers[:3]

    assert first_numbers(1) == first_numbers(1) != first_numbers(2)


def test_a_wrong_total_ends_the_stress_and_names_the_round(told):
    turns = []

    def lossy(dice):
        turns.append(1)
        expect(len(turns) < 3, "a total is off by one")
        return 1

    assert not play({"lossy": lossy}, told, seconds=60)
    event, fields = told[-1]
    assert event == "failed"
    assert "game 'lossy', round 2, seed 7" in fields["reason"] and "off by one" in fields["reason"]


def test_a_game_that_is_stuck_ends_the_stress_with_stacks_though_others_go_on(told, monkeypatch, capfd):
    # it would end this process, if the watch were late by three times the short limit
    monkeypatch.setattr(stressing.faulthandler, "dump_traceback_later", lambda seconds, exit: None)
    gate = threading.Event()

    def blocked_for_good(dice):
        monkeypatch.setattr(stressing, "STUCK", 0.3)  # from now on, so that the stacks show this
        gate.wait()
        return 1

    try:
        assert not play({"stuck": blocked_for_good, "busy": lambda dice: 1}, told, seconds=2)
    finally:
        gate.set()
    event, fields = told[-1]
    assert (
        event == "failed"
        and "game 'stuck', round 0" in fields["reason"]
        and "nothing has moved" in fields["reason"]
    )
    assert "blocked_for_good" in capfd.readouterr().err


FAILED_WITH_CHILDREN = """
import subprocess, sys
from stress.stressing import end_process
child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"], stdout=-1)
child.stdout.readline()
print(child.pid)
end_process(fine=False)
"""


def is_over(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # which init may leave there
    except psutil.NoSuchProcess:
        return True


def test_a_failed_stress_leaves_no_process():
    done = subprocess.run([sys.executable, "-c", FAILED_WITH_CHILDREN], env=ENVIRONMENT, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    while not is_over(int(done.stdout)):
        time.sleep(0.01)
