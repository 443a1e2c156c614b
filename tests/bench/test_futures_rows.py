"""The rows, the soak and the games of `futures`: they notice pools and waits that are broken."""

from __future__ import annotations

import concurrent.futures as futures
import dataclasses
import importlib.util
import random
import subprocess
import sys
import types
from pathlib import Path

import pytest
from bench.cases import NotOffered, WrongResult
from bench.rows.futures import memory, peers
from bench.rows.futures.peers import FuturesPool, pool_of
from bench.suites import load_suite
from stress.futures_soak import soak
from stress.futures_stress import stress

CASES = {case.name: case for case in load_suite("futures").cases}
POOL_ROWS = [
    "submit, the worker busy",
    "100k submit + result, 4 workers",
    "map of 100k, 4 workers",
    "submit().result(), unpinned",
    "submit + result, 10 us of work each",
    "400 tasks that sleep 0.5 ms, 8 workers",
    "8 threads submit to 4 workers",
    "20k submitted, as_completed",
]


def altered(**changes):
    """The module `concurrent.futures` with classes and functions of our own."""
    public = {name: getattr(futures, name) for name in futures.__all__ if hasattr(futures, name)}
    return types.SimpleNamespace(**{**public, "__name__": "concurrent.futures", **changes})


def once(name, source, n=40):
    """One sample of a row, with few operations where it has a number of its own."""
    case = CASES[name]
    sizes = {
        field: min(getattr(case, field), 400) for field in ("count", "completed") if hasattr(case, field)
    }
    case = dataclasses.replace(case, **sizes)
    state = case.setup(source)
    elapsed, outcome = case.run(state, n)
    case.verify(state, n, outcome)
    return case.value(elapsed, n, outcome)


class Shifted(futures.ThreadPoolExecutor):
    """Every task gets the arguments of another one."""

    def submit(self, function, *items):
        return super().submit(function, *(item + 1 for item in items))


@pytest.mark.parametrize("name", POOL_ROWS)
def test_a_pool_that_mixes_up_its_tasks_is_found_out(name):
    with pytest.raises(WrongResult):
        once(name, altered(ThreadPoolExecutor=Shifted))


def test_a_pool_that_is_not_busy_is_found_out():
    class Wide(futures.ThreadPoolExecutor):
        def __init__(self, workers):
            super().__init__(workers + 1)

        def submit(self, function, *items):
            future = super().submit(function, *items)
            if items:
                future.result()
            return future

    with pytest.raises(WrongResult, match="while the worker was busy"):
        once("submit, the worker busy", altered(ThreadPoolExecutor=Wide))


def test_a_future_without_its_own_result_is_found_out():
    class Forgetful(futures.Future):
        def result(self, timeout=None):
            return 0

    with pytest.raises(WrongResult):
        once("Future() + set_result + result", altered(Future=Forgetful))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("wait ")])
@pytest.mark.parametrize("fault", ["nothing is done", "the first is lost", "all are done"])
def test_a_wait_that_tells_something_else_is_found_out(name, fault):
    def wait(given, timeout=None, return_when=futures.ALL_COMPLETED):
        done, pending = futures.wait(given, timeout, return_when)
        if fault == "nothing is done":
            return set(), done | pending
        if fault == "the first is lost":
            return set(list(done)[1:]), pending
        return (done | pending, set()) if pending else (set(), done)

    with pytest.raises((WrongResult, futures.TimeoutError)):
        once(name, altered(wait=wait, Future=Patient))


class Patient(futures.Future):
    """Gives up, so that a row which takes a pending future for a completed one ends."""

    def result(self, timeout=None):
        return super().result(timeout=5 if self.done() else 0)


@pytest.mark.parametrize("name", [name for name in CASES if "as_completed" in name])
def test_an_as_completed_that_doubles_futures_is_found_out(name):
    def as_completed(given, timeout=None):
        for future in futures.as_completed(given, timeout):
            yield future
            if future.result() == 3:
                yield future

    with pytest.raises(WrongResult):
        once(name, altered(as_completed=as_completed))


def test_futures_that_complete_by_themselves_are_not_taken_for_pending(tmp_path, monkeypatch):
    (tmp_path / "hasty.py").write_text(
        "import concurrent.futures\n"
        "class Future(concurrent.futures.Future):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.set_result(None)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(memory, "FUTURES", 500)
    hasty = types.SimpleNamespace(__name__="hasty", Future=None)
    with pytest.raises(WrongResult, match="0 of 500"):
        once("memory of a pending future", hasty)
    for name in ("memory of a pending future", "memory of a task that waits"):
        assert once(name, futures) > 100


@pytest.mark.parametrize("name", CASES)
def test_what_a_peer_does_not_have_is_not_offered(name):
    class Bare:
        most = 10

        def close(self):
            closed.append(name)

    closed: list[str] = []
    with pytest.raises(NotOffered):
        once(name, types.SimpleNamespace(pool=lambda workers: Bare()))


PEER = """
import sys
sys.path.insert(0, sys.argv[1])
from bench.cases import NotOffered
from bench.rows.futures.peers import POOLS, pool_of
[peer] = [peer for peer in POOLS if peer.name == sys.argv[2]]
for way in ("one_by_one", "all_at_once", "mapped"):
    try:
        pool = pool_of(peer.load(), 3, way)
    except NotOffered:
        continue
    elapsed, results = getattr(pool, way)(lambda item: item * 2, list(range(30)))
    pool.close()
    assert list(results) == list(range(0, 60, 2)) and elapsed > 0, (way, results)
    print(way)
"""


@pytest.mark.parametrize(
    "name, ways",
    [
        ("joblib", ["mapped"]),
        ("pebble", ["one_by_one", "all_at_once", "mapped"]),
        ("anyio", ["one_by_one", "all_at_once"]),
        ("trio", ["one_by_one", "all_at_once"]),
    ],
)
def test_a_peer_calls_the_function_for_every_item(name, ways):
    """In a process of its own: they keep threads and helpers for a while."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs {name}")
    tools = Path(peers.__file__).parents[3]
    words = [sys.executable, "-c", PEER, str(tools), name]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ways


def test_the_stdlib_offers_every_way():
    for way in ("one_by_one", "all_at_once", "mapped"):
        pool = pool_of(futures, 2, way)
        assert isinstance(pool, FuturesPool)
        assert getattr(pool, way)(abs, [-1, -2])[1] == [1, 2]
        pool.close()


def test_the_soak_does_at_least_what_it_is_asked_for():
    looks = []
    assert soak(futures, 18_000, lambda: looks.append(1)) >= 18_000
    assert len(looks) > 8, "every kind has had its turn"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", stress(futures))
def test_the_games_come_out_right_with_the_stdlib(name, seed):
    assert stress(futures)[name](random.Random(seed)) > 0


class Deaf(futures.ThreadPoolExecutor):
    """Calls a callback twice, and takes no notice of cancel()."""

    def submit(self, function, *arguments):
        future = super().submit(function, *arguments)
        future.cancel = lambda: True
        add = future.add_done_callback
        future.add_done_callback = lambda call: (add(call), add(call))
        return future


def lost(given, timeout=None, return_when=futures.ALL_COMPLETED):
    done, pending = futures.wait(given, timeout, return_when)
    return set(list(done)[1:]), pending


@pytest.mark.parametrize(
    "name, changes",
    [
        ("submitters", {"ThreadPoolExecutor": Shifted}),
        ("submitters", {"ThreadPoolExecutor": Deaf}),
        ("callers off", {"ThreadPoolExecutor": Deaf}),
        ("waiters", {"wait": lost}),
        ("iterators", {"as_completed": lambda given: iter(given)}),
        ("mapping", {"ThreadPoolExecutor": Shifted}),
    ],
    ids=["tasks", "callbacks", "cancel", "wait", "as_completed", "map"],
)
def test_a_game_finds_out_what_is_broken(name, changes, capsys):
    game = stress(altered(**changes))[name]
    with pytest.raises(Exception):  # noqa: B017  a game may also fail with what the broken one raises
        for seed in range(50):
            game(random.Random(seed))
