"""The rows themselves: they pass with the stdlib, and notice a queue or a lock that is broken."""

from __future__ import annotations

import copy
import queue
import types

import pytest
from bench.cases import Case, NotOffered, WrongResult
from bench.suites import load_suite, names
from stress.queue_soak import soak

ROWS = [
    pytest.param(suite, case, id=f"{name}: {case.name}")
    for name in names()
    if not name.startswith("multiprocessing_")  # begun: their rows are yet to be made short enough for a test
    for suite in [load_suite(name)]
    for case in suite.cases
]
FEW = 96  # operations; a multiple of every row's number of producers
FEW_STARTS = 3  # of interpreters


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    """Ten thousand threads, and gigabytes, are for measurements."""
    monkeypatch.setattr("bench.rows.threading.timers.TIMERS", 300)
    monkeypatch.setattr("bench.rows.futures.memory.FUTURES", 1000)
    monkeypatch.setattr("bench.rows.subprocess.starts.HEAP", 64 * 2**20)
    monkeypatch.setattr("bench.rows.subprocess.starts.STARTS", 5)


def smaller(case: Case) -> Case:
    """The row with fewer operations where their number is its own."""
    few = copy.copy(case)  # not dataclasses.replace(): a row may have a constructor of its own
    for name, most in (("count", 2000), ("completed", 2000), ("steps", 1)):
        if hasattr(case, name):
            object.__setattr__(few, name, min(getattr(case, name), most))
    return few


def once(case: Case, source, n: int = FEW):
    state = case.setup(source)
    elapsed, outcome = case.run(state, n)
    case.verify(state, n, outcome)
    return elapsed, outcome


@pytest.mark.parametrize("suite, case", ROWS)
def test_the_stdlib_passes(suite, case):
    if "gcc" in (case.unavailable() or ""):
        pytest.skip(case.unavailable())
    source = suite.implementations[0].load()
    try:
        elapsed, _ = once(smaller(case), source, FEW_STARTS if suite.name == "start_up" else FEW)
    except NotOffered as reason:
        pytest.skip(str(reason))
    assert elapsed > 0


def altered(**changes):
    """The module `queue` with classes of our own."""
    return types.SimpleNamespace(**{**vars(queue), **changes})


class Shifted:
    """Mixed in before a queue class: the items that come out are not those that went in."""

    def _put(self, item):
        super()._put(item + 1)


BROKEN = altered(
    Queue=type("Queue", (Shifted, queue.Queue), {}),
    LifoQueue=type("LifoQueue", (Shifted, queue.LifoQueue), {}),
    PriorityQueue=type("PriorityQueue", (Shifted, queue.PriorityQueue), {}),
)
# These rows override the hook that breaks the queue, move no numbers, or use the class in C.
IMMUNE = {"subclass with hooks", "new Queue()", "SimpleQueue put + get"}


@pytest.mark.parametrize(
    "case",
    [case for case in load_suite("queue").cases if case.name not in IMMUNE],
    ids=lambda case: case.name,
)
def test_a_queue_that_alters_items_is_found_out(case):
    with pytest.raises(WrongResult):
        once(case, BROKEN)


@pytest.mark.parametrize(
    "name", ["1 -> 1, unbounded", "put_many + get_many, per item", "put + get, one thread"]
)
def test_a_queue_that_reorders_is_found_out(name):
    case = next(case for case in load_suite("queue").cases if case.name == name)
    with pytest.raises(WrongResult):
        once(case, altered(Queue=queue.LifoQueue))


def test_hasten_batches_are_checked_too():
    class Losing(queue.Queue):
        def put_many(self, items):
            for item in items[1:]:
                self.put(item)

        def get_many(self, most):
            return [self.get() for _ in range(self.qsize())]

    case = next(case for case in load_suite("queue").cases if case.name.startswith("put_many"))
    with pytest.raises(WrongResult, match="lost"):
        once(case, altered(Queue=Losing), 300)


class Open:
    """A lock that lets everyone in."""

    def acquire(self, blocking=True, timeout=-1):
        return True

    def __enter__(self):
        return True

    def release(self, *ignored):
        return None

    __exit__ = release

    def locked(self):
        return False


@pytest.mark.parametrize(
    "case", [case for case in load_suite("thread").cases if "ock" in case.name], ids=lambda case: case.name
)
def test_a_lock_that_does_not_lock_is_found_out(case):
    with pytest.raises(WrongResult):
        once(case, types.SimpleNamespace(allocate_lock=Open, RLock=Open))


@pytest.mark.parametrize(
    "case",
    [case for case in load_suite("thread").cases if case.name.startswith("start")],
    ids=lambda case: case.name,
)
def test_a_thread_that_does_not_run_is_found_out(case):
    handle = types.SimpleNamespace(join=lambda: None)
    idle = types.SimpleNamespace(
        start_joinable_thread=lambda body: handle,
        start_new_thread=lambda body, arguments: None,
        allocate_lock=Open,
    )
    with pytest.raises(WrongResult, match="0 of 96"):
        once(case, idle)


def test_what_a_queue_does_not_have_is_not_offered():
    case = next(case for case in load_suite("queue").cases if case.name == "LifoQueue put + get")
    with pytest.raises(NotOffered, match="LifoQueue"):
        case.setup(types.SimpleNamespace(Queue=queue.Queue))


def test_the_soak_does_at_least_what_it_is_asked_for():
    looks = []
    assert soak(queue, 30_000, lambda: looks.append(1)) >= 30_000
    assert len(looks) > 1


def test_an_unknown_suite_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="no suite 'quue'; there are .*queue, .*thread, threading"):
        load_suite("quue")
