"""The rows and games of `threading`: they notice primitives that are broken."""

from __future__ import annotations

import random
import threading
import types

import pytest
from bench.cases import WrongResult
from bench.rows.threading import crowds, timers
from bench.suites import load_suite
from stress.threading_soak import soak
from stress.threading_stress import stress

CASES = {case.name: case for case in load_suite("threading").cases}


def altered(**changes):
    """The module `threading` with classes of our own."""
    return types.SimpleNamespace(**{**vars(threading), **changes})


def once(name: str, source, n: int = 96):
    case = CASES[name]
    state = case.setup(source)
    elapsed, outcome = case.run(state, n)
    case.verify(state, n, outcome)
    return case.value(elapsed, n, outcome)


class Open:
    """A lock that lets everyone in, and a semaphore that never runs out."""

    def __init__(self, value=1):
        self.value = value

    def acquire(self, blocking=True, timeout=None):
        return True

    def __enter__(self):
        return True

    def release(self, n=1):
        return None

    def __exit__(self, *ignored):
        return None


class Sticky(threading.Event):
    """An event that cannot be cleared."""

    def clear(self):
        return None


class Idle(threading.Thread):
    """A thread that never runs."""

    def start(self):
        return None

    def join(self, timeout=None):
        return None


class Alike(threading.Barrier):
    """Every index is 1."""

    def wait(self, timeout=None):
        super().wait(timeout)
        return 1


BROKEN = altered(Lock=Open, RLock=Open, Semaphore=Open, Event=Sticky, Barrier=Alike, Thread=Idle)


@pytest.mark.parametrize(
    "name",
    [
        "Lock acquire + release",
        "with Lock",
        "new Lock()",
        "RLock acquire + release",
        "with RLock",
        "new RLock()",
        "Semaphore acquire + release",
        "with Semaphore",
        "new Semaphore()",
        "Event set + clear",
        "Barrier(1).wait",
        "Thread(...) alone",
        "event round trip, unpinned",
        "semaphore round trip, unpinned",
        "start + join, unpinned",
        "300 threads that block, unpinned",
    ],
)
def test_what_is_broken_is_found_out(name):
    if name == "event round trip, unpinned" or name == "semaphore round trip, unpinned":
        # Neither player waits, so the turns get mixed up sooner or later
        with pytest.raises(WrongResult, match="out of turn"):
            for _ in range(50):
                once(name, BROKEN, 20_000)
    else:
        with pytest.raises(WrongResult):
            once(name, BROKEN)


def test_a_condition_that_does_not_ask_for_its_lock_is_found_out():
    class Careless(threading.Condition):
        def notify(self, n=1):
            return None

    with pytest.raises(WrongResult, match="notify"):
        once("with Condition: notify()", altered(Condition=Careless))


def test_a_waiter_that_is_not_woken_is_found_out(monkeypatch):
    class Forgetful(threading.Semaphore):
        def release(self, n=1):
            super().release(n - 1)

    monkeypatch.setattr(crowds, "PATIENCE", 1)
    monkeypatch.setattr(crowds, "CROWD", 5)
    case = CASES["wake 900 waiters of one Semaphore, unpinned"]
    semaphore, crowd = state = case.setup(altered(Semaphore=Forgetful))
    with pytest.raises(WrongResult, match="the last was awake"):
        case.run(state, 1)
    threading.Semaphore.release(semaphore)
    crowds.until("the last was awake", lambda: crowd.awake() == 5)
    crowd.dismiss()


def test_the_call_alone_is_a_part_of_the_waking(monkeypatch):
    monkeypatch.setattr(crowds, "CROWD", 50)
    assert once("Event.set() with 900 waiting, the call alone", threading) > 0


def test_a_timer_that_needs_a_thread_is_counted(monkeypatch):
    monkeypatch.setattr(timers, "TIMERS", 150)
    assert once("10,000 pending timers, OS threads", threading) == pytest.approx(150, abs=2)
    assert once("10,000 pending timers, memory of each", threading) > 1000


def test_timers_that_fire_at_once_are_found_out(tmp_path, monkeypatch):
    (tmp_path / "hasty.py").write_text(
        "import threading\n"
        "class Timer(threading.Timer):\n"
        "    def __init__(self, interval, *rest):\n"
        "        super().__init__(0, *rest)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(timers, "TIMERS", 100)
    with pytest.raises(WrongResult, match="timers"):
        once("10,000 pending timers, memory of each", types.SimpleNamespace(__name__="hasty"))


def test_the_soak_does_at_least_what_it_is_asked_for():
    looks = []
    assert soak(threading, 12_000, lambda: looks.append(1)) >= 12_000
    assert len(looks) > 1


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", stress(threading))
def test_the_games_come_out_right_with_the_stdlib(name, seed):
    assert stress(threading)[name](random.Random(seed)) > 0


def test_every_primitive_is_in_some_game():
    used: set[str] = set()

    class Watched:
        def __getattr__(self, name):
            used.add(name)
            return getattr(threading, name)

    for game in stress(Watched()).values():
        for seed in range(8):
            game(random.Random(seed))
    locks = {"Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"}
    assert used >= locks | {"Event", "Barrier", "Timer", "Thread", "local"}


@pytest.mark.parametrize(
    "name, changes",
    [
        ("exclusion", dict.fromkeys(("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"), Open)),
        ("permits", {"Semaphore": lambda units: threading.Semaphore(units + 1), "BoundedSemaphore": Open}),
        ("meetings", {"Barrier": Alike}),
        ("locals apart", {"local": lambda: types.SimpleNamespace()}),
        ("timers", {"Timer": lambda seconds, *rest: threading.Timer(seconds % 3600, *rest)}),
    ],
)
def test_a_game_finds_out_what_is_broken(name, changes, capsys):
    game = stress(altered(**changes))[name]
    with pytest.raises(Exception):  # noqa: B017  a game may also fail with what the broken one raises
        for seed in range(200):
            game(random.Random(seed))
