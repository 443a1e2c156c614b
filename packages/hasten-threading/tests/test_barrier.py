"""Barrier: threads that wait for each other."""

import threading
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.tasks import Task, until

import hasten.threading

Broken = threading.BrokenBarrierError


def arrivals(barrier, spawn, until, count, *timeout):
    """That many threads that wait at the barrier."""
    before = barrier.n_waiting
    tasks = []
    for i in range(count):
        tasks.append(spawn(barrier.wait, *timeout))
        until(lambda i=i: barrier.n_waiting == before + i + 1)
    return tasks


def test_all_pass_with_an_index_each(impl, spawn, until):
    barrier = impl.Barrier(5)
    for _ in range(3):
        tasks = arrivals(barrier, spawn, until, 4)
        assert barrier.wait() == 4
        assert [task.result() for task in tasks] == [0, 1, 2, 3]
        assert (barrier.n_waiting, barrier.broken, barrier.parties) == (0, False, 5)


def test_one_party(impl):
    calls = []
    barrier = impl.Barrier(1, lambda: calls.append(barrier.n_waiting))
    assert [barrier.wait() for _ in range(3)] == [0, 0, 0]
    assert calls == [1, 1, 1]
    assert impl.Barrier(1).wait(timeout=0) == 0


def test_in_lockstep(impl, spawn):
    barrier, turns, counts = impl.Barrier(4), 200, [0] * 4

    def walk(me):
        indexes = set()
        for turn in range(turns):
            counts[me] = turn
            index = barrier.wait(30)
            assert counts == [turn] * 4
            indexes.add(index)
            barrier.wait(30)
        return indexes

    tasks = [spawn(walk, me) for me in range(4)]
    assert set().union(*(task.result() for task in tasks)) == {0, 1, 2, 3}


def test_more_threads_than_parties(impl, spawn, until):
    """A generation fills while the one before still wakes up."""
    barrier, indexes = impl.Barrier(3), []

    def walk():
        try:
            while True:
                indexes.append(barrier.wait())
        except Broken:
            return True

    tasks = [spawn(walk) for _ in range(7)]
    until(lambda: len(indexes) >= 900)
    barrier.abort()
    assert all(task.result() for task in tasks)
    if impl is hasten.threading:  # the standard library's abort() also gets who has passed and not yet left
        assert indexes.count(0) == indexes.count(1) == indexes.count(2)
    assert set(indexes) == {0, 1, 2}


@pytest.mark.parametrize("parties", [0, -1, 0.5, -(2**80)])
def test_too_few_parties(parties):
    with pytest.raises(ValueError, match="parties must be >= 1"):
        hasten.threading.Barrier(parties)


@pytest.mark.parametrize("parties", ["1", None, 1.5])
def test_parties_that_are_no_number(parties):
    with pytest.raises(TypeError):
        hasten.threading.Barrier(parties)


def test_keywords(impl):
    barrier = impl.Barrier(parties=2, action=None, timeout=0.001)
    with pytest.raises(Broken):
        barrier.wait()
    barrier.reset()
    with pytest.raises(Broken):
        barrier.wait(timeout=0)


# ---- time ----


def test_a_timeout_breaks_it_for_all(impl, spawn, until):
    barrier = impl.Barrier(3)
    (task,) = arrivals(barrier, spawn, until, 1)
    with pytest.raises(Broken):
        barrier.wait(0.001)
    with pytest.raises(Broken):
        task.result()
    assert barrier.broken and barrier.n_waiting == 0
    with pytest.raises(Broken):
        barrier.wait()


@pytest.mark.parametrize(
    "timeout", [0.001, Fraction(1, 1000), Decimal("0.001"), 0, -1, Decimal(-3), float("-inf"), False]
)
@pytest.mark.parametrize("default", [False, True])
def test_timeouts(timeout, default):
    barrier = hasten.threading.Barrier(2, timeout=timeout if default else 60)
    with pytest.raises(Broken):
        barrier.wait(None if default else timeout)
    assert barrier.broken
    barrier.reset()
    assert not barrier.broken


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError), ([], TypeError)])
def test_bad_timeouts(timeout, error):
    barrier = hasten.threading.Barrier(2)
    with pytest.raises(error):
        barrier.wait(timeout)
    assert not barrier.broken and barrier.n_waiting == 0


@pytest.mark.parametrize("timeout", [10**400, float("inf"), 2**63])
def test_long_timeouts(timeout, spawn, until):
    barrier = hasten.threading.Barrier(2)
    (task,) = arrivals(barrier, spawn, until, 1, timeout)
    assert barrier.wait(timeout) == 1
    assert task.result() == 0


# ---- abort and reset ----


def test_abort(impl, spawn, until):
    barrier = impl.Barrier(3)
    tasks = arrivals(barrier, spawn, until, 2)
    barrier.abort()
    for task in tasks:
        with pytest.raises(Broken):
            task.result()
    for _ in range(2):
        with pytest.raises(Broken):
            barrier.wait()
        assert barrier.broken and barrier.n_waiting == 0
        barrier.abort()
    barrier.reset()
    assert not barrier.broken


def test_reset(impl, spawn, until):
    barrier = impl.Barrier(3)
    for _ in range(3):
        tasks = arrivals(barrier, spawn, until, 2)
        barrier.reset()
        for task in tasks:
            with pytest.raises(Broken):
                task.result()
        assert not barrier.broken and barrier.n_waiting == 0
    tasks = arrivals(barrier, spawn, until, 2)
    barrier.wait()
    assert [task.result() for task in tasks] == [0, 1]


def test_who_has_passed_has_passed(spawn, until):
    """abort() and reset() right after the last arrival do not reach those who have yet to wake up."""
    barrier = hasten.threading.Barrier(4)
    for end in [barrier.abort, barrier.reset, barrier.reset]:
        tasks = arrivals(barrier, spawn, until, 3)
        assert barrier.wait() == 3
        end()
        assert [task.result() for task in tasks] == [0, 1, 2]
        barrier.reset()


def test_the_next_generation_fills_at_once(spawn, until):
    barrier = hasten.threading.Barrier(2)
    (early,) = arrivals(barrier, spawn, until, 1)
    assert barrier.wait() == 1
    with pytest.raises(Broken):
        barrier.wait(0)
    assert early.result() == 0


# ---- the action ----


def test_the_action_runs_once_before_the_others_go_on(impl, spawn, until):
    log = []
    barrier = impl.Barrier(3, lambda: log.append(threading.get_ident()))
    tasks = [spawn(lambda: (barrier.wait(), list(log))) for _ in range(2)]
    until(lambda: barrier.n_waiting == 2)
    assert barrier.wait() == 2
    assert log == [threading.get_ident()]
    assert sorted(task.result() for task in tasks) == [(0, log), (1, log)]


class Failed(BaseException):
    pass


def test_an_action_that_fails(impl, spawn, until):
    def action():
        raise Failed

    barrier = impl.Barrier(2, action)
    (task,) = arrivals(barrier, spawn, until, 1)
    with pytest.raises(Failed):
        barrier.wait()
    with pytest.raises(Broken):
        task.result()
    assert barrier.broken


@pytest.fixture
def acting(impl, spawn, until):
    """A barrier of three whose action runs until told to end, its two sleepers, and the actor."""

    class Acting:
        def __init__(self):
            self.begun, self.end = threading.Event(), threading.Event()
            self.barrier = impl.Barrier(3, self.action)
            self.sleepers = []

        def start(self, *timeout):
            self.sleepers = arrivals(self.barrier, spawn, until, 2, *timeout)
            self.actor = spawn(self.barrier.wait)
            assert self.begun.wait(30)

        def action(self):
            self.begun.set()
            assert self.end.wait(30)

    acting = Acting()
    yield acting
    acting.end.set()
    acting.barrier.abort()


def test_time_stands_still_during_the_action(acting, spawn, until):
    """All have come: a timeout that passes now breaks nothing."""
    timeout, barrier = 0.2, acting.barrier
    while True:
        acting.sleepers = []
        for count in 1, 2:
            acting.sleepers.append(spawn(barrier.wait, timeout))
            until(lambda count=count: barrier.n_waiting == count or barrier.broken)
        acting.actor = spawn(barrier.wait)
        until(lambda: acting.begun.is_set() or barrier.broken)
        if acting.begun.is_set():
            break
        for task in [*acting.sleepers, acting.actor]:  # it took longer than the timeout until all had come
            with pytest.raises(Broken):
                task.result()
        barrier.reset()
        timeout *= 2
    assert acting.barrier.n_waiting == 3
    assert not acting.end.wait(timeout + 0.3)
    assert not acting.barrier.broken
    acting.end.set()
    assert [task.result() for task in [*acting.sleepers, acting.actor]] == [0, 1, 2]
    assert not acting.barrier.broken


def test_who_comes_during_the_action_waits_outside(acting, spawn, until):
    acting.start()
    later = [spawn(acting.barrier.wait, 30).settle() for _ in range(2)]
    assert acting.barrier.n_waiting == 3
    acting.end.set()
    assert [task.result() for task in [*acting.sleepers, acting.actor]] == [0, 1, 2]
    until(lambda: acting.barrier.n_waiting == 2)
    assert acting.barrier.wait() == 2
    assert sorted(task.result() for task in later) == [0, 1]


def test_the_timeout_counts_from_the_end_of_the_action(acting, spawn):
    acting.start()
    late = spawn(acting.barrier.wait, 0.05)
    assert not acting.end.wait(0.2)
    assert late.is_alive()
    acting.end.set()
    assert [task.result() for task in [*acting.sleepers, acting.actor]] == [0, 1, 2]
    with pytest.raises(Broken):
        late.result()


@pytest.mark.parametrize("name", ["abort", "reset"])
@pytest.mark.parametrize("impl", [hasten.threading], ids=["hasten"])
def test_broken_during_the_action(impl, name, acting, spawn, until):
    acting.start()
    outside = spawn(acting.barrier.wait).settle()
    getattr(acting.barrier, name)()
    for task in acting.sleepers:
        with pytest.raises(Broken):
            task.result()
    assert acting.barrier.broken == (name == "abort")
    if name == "abort":
        with pytest.raises(Broken):
            outside.result()
    else:
        until(lambda: acting.barrier.n_waiting == 1)
    acting.end.set()
    with pytest.raises(Broken):
        acting.actor.result()
    if name == "reset":
        assert not acting.barrier.broken
        others = arrivals(acting.barrier, spawn, until, 1)
        assert acting.barrier.wait(30) == 2
        assert [task.result() for task in [outside, *others]] == [0, 1]


@pytest.mark.parametrize("name", ["abort", "reset"])
@pytest.mark.parametrize("fails", [False, True])
def test_an_action_that_breaks_its_own_barrier(name, fails, spawn, until):
    def action():
        getattr(barrier, name)()
        if fails:
            raise Failed

    barrier = hasten.threading.Barrier(2, action)
    (task,) = arrivals(barrier, spawn, until, 1)
    with pytest.raises(Failed if fails else Broken):
        barrier.wait()
    with pytest.raises(Broken):
        task.result()
    assert barrier.broken == (name == "abort")


def test_a_generation_of_its_own_during_an_old_action(spawn, until):
    """After a reset, the action of the abandoned generation has no say any more."""
    go = threading.Event()
    calls = []

    def action():
        calls.append(1)
        if len(calls) == 1:
            barrier.reset()
            assert go.wait(30)
            raise Failed

    barrier = hasten.threading.Barrier(2, action)
    arrivals(barrier, spawn, until, 1)
    old = spawn(barrier.wait)
    until(lambda: calls)
    until(lambda: barrier.n_waiting == 0)
    (new,) = arrivals(barrier, spawn, until, 1)
    assert barrier.wait() == 1
    assert new.result() == 0
    go.set()
    with pytest.raises(Failed):
        old.result()
    assert not barrier.broken


@pytest.mark.parametrize("action", [None, False, 0, ()])
def test_no_action(impl, action):
    assert impl.Barrier(1, action).wait() == 0


def test_an_action_in_a_cycle_is_collected():
    import gc
    import weakref

    class Owner:
        def __init__(self):
            self.barrier = hasten.threading.Barrier(2, self.action)

        def action(self):
            raise NotImplementedError

    ref = weakref.ref(Owner())
    gc.collect()
    assert ref() is None


# ---- subclasses ----


def test_repr(spawn, until):
    barrier = hasten.threading.Barrier(3)
    name = f"hasten.threading.Barrier at {id(barrier):#x}"
    assert repr(barrier) == f"<{name}: waiters=0/3>"
    (task,) = arrivals(barrier, spawn, until, 1)
    assert repr(barrier) == f"<{name}: waiters=1/3>"
    barrier.abort()
    assert repr(barrier) == f"<{name}: broken>"
    with pytest.raises(Broken):
        task.result()


def test_subclass(impl):
    class Counting(impl.Barrier):
        waits = 0

        def wait(self, timeout=None):
            self.waits += 1
            return super().wait(timeout)

    barrier = Counting(1)
    assert (barrier.wait(), barrier.wait(), barrier.waits) == (0, 0, 2)
    assert isinstance(barrier, threading.Barrier)
    assert "Counting" in repr(barrier)


def test_subclass_with_a_state_of_its_own(impl, spawn, until):
    """The way multiprocessing's Barrier keeps its two numbers in shared memory."""

    class Elsewhere(impl.Barrier):
        def __init__(self, parties):
            self.numbers = {"state": 0, "count": 0}
            self._parties, self._action, self._timeout = parties, None, None
            self._cond = impl.Condition()

        @property
        def _state(self):
            return self.numbers["state"]

        @_state.setter
        def _state(self, value):
            self.numbers["state"] = value

        @property
        def _count(self):
            return self.numbers["count"]

        @_count.setter
        def _count(self, value):
            self.numbers["count"] = value

    barrier = Elsewhere(2)
    (task,) = arrivals(barrier, spawn, until, 1)
    assert barrier.numbers["count"] == 1
    assert barrier.wait() == 1
    assert task.result() == 0
    barrier.abort()
    assert barrier.broken and barrier.numbers["state"] != 0
    with pytest.raises(Broken):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken


def test_broken_barrier_error(impl):
    assert impl.BrokenBarrierError is Broken
    assert issubclass(Broken, RuntimeError)


# ---- any sequence ----


class Model(RuleBasedStateMachine):
    """Threads come and are sent away in any order; a list of who waits tells what each must get."""

    @initialize(parties=st.integers(1, 4), action=st.booleans())
    def make(self, parties, action):
        self.calls, self.passes = [], 0
        self.barrier = hasten.threading.Barrier(parties, (lambda: self.calls.append(1)) if action else None)
        self.action = action
        self.parties, self.waiting, self.broken = parties, [], False

    def start(self, *timeout):
        task = Task(self.barrier.wait, *timeout)
        task.start()
        return task

    @rule()
    def arrive(self):
        task = self.start()
        if self.broken:
            self.expect_broken([task])
        elif len(self.waiting) + 1 == self.parties:
            tasks, self.waiting = [*self.waiting, task], []
            assert [task.result() for task in tasks] == list(range(self.parties))
            self.passes += 1
        else:
            self.waiting.append(task)
            until(lambda: self.barrier.n_waiting == len(self.waiting))

    @precondition(lambda self: hasattr(self, "barrier"))
    @rule(timeout=st.sampled_from([0, -1, 0.0001]))
    def arrive_too_late(self, timeout):
        if self.broken or len(self.waiting) + 1 < self.parties:
            tasks, self.waiting, self.broken = [*self.waiting, self.start(timeout)], [], True
            self.expect_broken(tasks)

    @rule(reset=st.booleans())
    def end(self, reset):
        getattr(self.barrier, "reset" if reset else "abort")()
        tasks, self.waiting, self.broken = self.waiting, [], not reset
        self.expect_broken(tasks)

    def expect_broken(self, tasks):
        for task in tasks:
            with pytest.raises(Broken):
                task.result()

    @invariant()
    def looks_right(self):
        if hasattr(self, "barrier"):
            assert self.barrier.n_waiting == len(self.waiting)
            assert self.barrier.broken == self.broken
            assert len(self.calls) == self.passes * self.action

    def teardown(self):
        if hasattr(self, "barrier"):
            self.barrier.abort()
            self.expect_broken(self.waiting)


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
