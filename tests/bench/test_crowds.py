"""A round of the kill stress: what it leaves behind, a player that ends, and a hang are faults."""

from __future__ import annotations

import os
import random
import time

import pytest
from bench import multiprocessing_crowds
from bench.cases import WrongResult
from bench.multiprocessing_crowds import Crowd, alone


def round_of(play):
    return alone(play, None, random.Random(1))


def rest():
    time.sleep(60)


def fine(module, dice):
    with Crowd() as crowd:
        crowd.start(rest)
        crowd.kill(crowd.one(dice))
        crowd.start(rest)
    return crowd.kills


def leaves_a_descriptor(module, dice):
    os.open(os.devnull, os.O_RDONLY)
    return 1


def leaves_a_child(module, dice):
    Crowd().start(rest)
    return 1


def has_a_player_that_fails(module, dice):
    with Crowd() as crowd:
        pid = crowd.start(lambda: 1 / 0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return 1


def hangs(module, dice):
    fine(module, dice)
    rest()
    return 1


def test_the_kills_are_counted():
    assert round_of(fine) == 2


@pytest.mark.parametrize("play", [leaves_a_descriptor, leaves_a_child, has_a_player_that_fails])
def test_a_fault_is_told(play):
    with pytest.raises(WrongResult, match="the round has failed"):
        round_of(play)


def test_a_round_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(multiprocessing_crowds, "ROUND", 0.3)
    with pytest.raises(WrongResult, match="the round hangs"):
        round_of(hangs)
