"""Processes that take turns by a condition, on one CPU and on several: there who waits spins at first."""

from __future__ import annotations

import multiprocessing
import os
import random
from typing import Any

import pytest
from support.shared_state import LONG, Maker, ended, forked, killed
from support.tasks import until

KEPT = multiprocessing.RawValue("i")  # the heap keeps a descriptor from now on
STOP = -1


@pytest.fixture(params=["one CPU", "CPUs"])
def cpus(request: pytest.FixtureRequest) -> list[int]:
    """The CPUs of the players, in turn."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(usable) < 2:
        pytest.skip("needs two CPUs to choose from")
    return usable[:1] if request.param == "one CPU" else usable[:2]


class Table:
    """Players have the turn one after the other, until *turns* were had or the turn is STOP."""

    def __init__(self, condition: Any, players: int, cpus: list[int]) -> None:
        self.condition, self.players, self.cpus = condition, players, cpus
        self.turn, self.had = multiprocessing.RawArray("q", 2), multiprocessing.RawArray("q", players)

    def play(self, player: int, turns: int) -> None:
        os.sched_setaffinity(0, {self.cpus[player % len(self.cpus)]})
        while self.turn[1] < turns:
            with self.condition:
                if self.turn[0] == STOP:
                    return
                if self.turn[1] < turns and self.turn[0] != player:
                    self.condition.wait(LONG)
                    continue
                if self.turn[1] < turns:
                    self.turn[1] += 1
                    self.had[player] += 1
                    self.turn[0] = (player + 1) % self.players
                self.condition.notify_all()

    def begin(self, turns: int) -> list[int]:
        return [forked(self.play, player, turns) for player in range(self.players)]


@pytest.mark.parametrize("lock", ["Lock", "RLock", "Semaphore"])
@pytest.mark.parametrize("players", [2, 3])
def test_each_has_the_same_number_of_turns(impl: Maker, cpus: list[int], lock: str, players: int) -> None:
    table = Table(impl.Condition(getattr(impl, lock)()), players, cpus)
    pids = table.begin(600)
    assert [ended(pid) for pid in pids] == [0] * players
    assert list(table.had) == [600 // players] * players
    with table.condition:
        assert table.condition._sleeping_count.get_value() in (0, players)  # the standard library's lags


def test_a_player_who_is_killed_stops_nobody(ours: Maker, cpus: list[int]) -> None:
    """At any moment: while he spins, sleeps, has the lock, or has been notified."""
    chance = random.Random(1)
    for _ in range(8):
        condition = ours.Condition(ours.Lock())
        table = Table(condition, 2, cpus)
        pids = table.begin(1 << 40)
        goal = chance.randrange(50, 500)
        until(lambda: table.turn[1] >= goal)  # noqa: B023 (called here)
        killed(pids.pop(chance.randrange(2)))
        with condition:
            table.turn[0] = STOP
            condition.notify_all()
        assert [ended(pid, 10) for pid in pids] == [0]


def test_the_next_waiters_are_notified_after_kills(ours: Maker, cpus: list[int]) -> None:
    """What killed sleepers have left (they count as asleep for ever) wakes nobody too few."""
    condition = ours.Condition(ours.Lock())
    table = Table(condition, 2, cpus)
    pids = table.begin(1 << 40)
    until(lambda: table.turn[1] > 500)
    for pid in pids:
        killed(pid)
    table = Table(condition, 3, cpus)
    assert [ended(pid) for pid in table.begin(30)] == [0, 0, 0]
    assert list(table.had) == [10, 10, 10]
