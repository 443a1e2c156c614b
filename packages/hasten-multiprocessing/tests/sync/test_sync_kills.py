"""A short round of each game of the kill stress: users of every primitive are killed at random moments.

Each round is led by a process of its own, whose descriptors, children and names in /dev/shm are counted at
its end; see tools/stress/multiprocessing_crowds.py.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from stress import multiprocessing_gap_kills, multiprocessing_lock_kills
from stress.multiprocessing_crowds import alone

from hasten.multiprocessing import queues, synchronize

KILLS = 4


@pytest.mark.parametrize("name", multiprocessing_lock_kills.GAMES)
def test_users_of_a_primitive_are_killed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing_lock_kills, "KILLS", KILLS)
    game: Any = multiprocessing_lock_kills.GAMES[name]
    assert alone(game, synchronize, random.Random()) >= KILLS


@pytest.mark.parametrize("name", multiprocessing_gap_kills.GAMES)
def test_a_gap_is_what_a_killed_consumer_had(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing_gap_kills, "KILLS", KILLS)
    game: Any = multiprocessing_gap_kills.GAMES[name]
    assert alone(game, queues, random.Random()) >= KILLS
