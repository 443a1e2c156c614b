"""A round of the kill stress: what it leaves behind, a player that ends, and a hang are faults."""

from __future__ import annotations

import os
import queue
import random
import time

import pytest
from bench.cases import WrongResult, expect
from stress import multiprocessing_crowds
from stress.faults import HANG, LEAK, LOSS, Hang, kind_of
from stress.multiprocessing_crowds import Crowd, alone


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


def waits_in_vain(module, dice):
    if dice.random() != random.Random(0).random():  # not in the round that warms up
        queue.Queue().get(timeout=0.01)
    return 1


def hangs_and_then_fails(module, dice):
    """The first fault counts."""
    try:
        waits_in_vain(module, dice)
    except queue.Empty:
        expect(False, "undoing it fails, too")
    return 1


def hangs(module, dice):
    fine(module, dice)
    rest()
    return 1


def test_the_kills_are_counted():
    assert round_of(fine) == 2


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (leaves_a_descriptor, LEAK),
        (leaves_a_child, LEAK),
        (has_a_player_that_fails, LOSS),
        (waits_in_vain, HANG),
        (hangs_and_then_fails, HANG),
    ],
)
def test_a_fault_is_told_with_its_kind(play, kind):
    with pytest.raises(WrongResult, match="the round has failed") as told:
        round_of(play)
    assert kind_of(told.value) == kind


def test_a_round_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(multiprocessing_crowds, "ROUND", 0.3)
    with pytest.raises(Hang, match="the round hangs"):
        round_of(hangs)
