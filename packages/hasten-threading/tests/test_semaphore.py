"""Semaphore and BoundedSemaphore: a counter that does not go below zero."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import hasten.threading

KINDS = ["Semaphore", "BoundedSemaphore"]


@pytest.fixture(params=KINDS)
def cls(request, impl):
    return getattr(impl, request.param)


@pytest.fixture(params=KINDS)
def ours(request):
    return getattr(hasten.threading, request.param)


def test_the_counter(cls):
    sem = cls(2)
    assert sem.acquire() is True
    assert sem.acquire(blocking=True) is True
    assert sem.acquire(False) is False
    assert sem.acquire(timeout=0.001) is False
    assert sem.release() is None
    assert sem.acquire(False) is True
    sem.release(2)
    assert sem._value == 2


def test_default(cls):
    sem = cls()
    assert sem.acquire(False) is True
    assert sem.acquire(False) is False
    sem.release()


def test_with(cls):
    sem = cls(1)
    with sem as taken:
        assert taken is True
        assert not sem.acquire(False)
    assert sem.acquire(False)
    sem.release()
    with pytest.raises(LookupError), sem:
        raise LookupError
    assert sem._value == 1


def test_zero(impl):
    sem = impl.Semaphore(0)
    assert not sem.acquire(False)
    sem.release()
    assert sem.acquire(False)


@pytest.mark.parametrize("value", [-1, -(2**80), float("-inf"), -0.5])
def test_initial_values_below_zero(cls, value):
    with pytest.raises(ValueError):
        cls(value)


@pytest.mark.parametrize("value", ["1", None, [], 1.5, Fraction(3, 2), float("nan")])
def test_initial_values_that_are_no_whole_numbers(ours, value):
    with pytest.raises((TypeError, ValueError)):
        ours(value)


@pytest.mark.parametrize("value", [2**80, float("inf"), 2**63])
def test_without_limit(cls, value):
    sem = cls(value)
    for _ in range(100):
        assert sem.acquire(False)
    sem.release(100)
    assert sem.acquire()


def test_too_many_releases(impl):
    sem = impl.BoundedSemaphore(2)
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        sem.release()
    sem.acquire()
    with pytest.raises(ValueError, match="Semaphore released too many times"):
        sem.release(2)
    assert sem._value == 1
    sem.release()
    assert sem._value == sem._initial_value == 2


@pytest.mark.parametrize("n", [0, -1, -(2**80)])
def test_release_of_nothing(cls, n):
    sem = cls(1)
    with pytest.raises(ValueError, match="n must be one or more"):
        sem.release(n)
    assert sem._value == 1


def test_timeout_without_blocking(cls):
    sem = cls()
    for arguments in [(False, 1), (False, 0), (0, 0.0)]:
        with pytest.raises(ValueError, match="can't specify timeout for non-blocking acquire"):
            sem.acquire(*arguments)
    assert sem.acquire(False, None)


@pytest.mark.parametrize(
    "timeout", [0.001, Fraction(1, 1000), Decimal("0.001"), 0, -1, Decimal(-3), float("-inf"), False]
)
def test_timeouts(ours, timeout):
    sem = ours(1)
    assert sem.acquire(timeout=timeout) is True
    assert sem.acquire(True, timeout) is False
    sem.release()


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError), ([], TypeError)])
def test_bad_timeouts(ours, timeout, error):
    sem = ours(1)
    for _ in range(2):
        with pytest.raises(error):
            sem.acquire(timeout=timeout)
        sem.acquire(False)
    assert sem._value == 0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_release_lets_as_many_go(cls, n, spawn, until):
    sem = cls(3)
    sem._value = 0
    tasks = [spawn(sem.acquire).settle() for _ in range(3)]
    sem.release(n)
    until(lambda: sum(not task.is_alive() for task in tasks) == n)
    assert sum(task.settle().is_alive() for task in tasks) == 3 - n
    assert sem._value == 0
    for _ in range(3 - n):
        sem.release()
    assert [task.result() for task in tasks] == [True] * 3


def test_sleepers_with_timeouts(ours, spawn):
    sem = ours(4)
    for _ in range(4):
        sem.acquire()
    tasks = [spawn(sem.acquire, True, timeout).settle() for timeout in [None, 60, Fraction(60), 10**400]]
    sem.release(4)
    assert [task.result() for task in tasks] == [True] * 4
    assert sem._value == 0


def test_who_comes_first_takes_it(spawn):
    """A unit does not belong to the sleeper it wakes."""
    for _ in range(50):  # now and then the sleeper may be faster
        sem = hasten.threading.Semaphore(0)
        task = spawn(sem.acquire).settle()
        sem.release()
        taken = sem.acquire(False)
        if taken:
            sem.release()
        assert task.result() is True
        assert sem._value == 0
        if taken:
            return
    pytest.fail("the sleeper was given the unit each time")


def test_never_more_inside_than_units(cls, spawn):
    sem, inside, most = cls(3), [], []

    def work():
        for _ in range(300):
            with sem:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    for task in [spawn(work) for _ in range(6)]:
        task.result()
    assert max(most) <= 3
    assert sem._value == 3


def test_units_are_conserved_with_timeouts(cls, spawn):
    sem = cls(2)

    def work():
        got = 0
        for _ in range(500):
            if sem.acquire(timeout=0.0001):
                got += 1
                sem.release()
        return got

    assert sum(task.result() for task in [spawn(work) for _ in range(5)]) > 0
    assert sem._value == 2


def test_setting_the_value_wakes_sleepers(spawn):
    sem = hasten.threading.Semaphore(0)
    tasks = [spawn(sem.acquire).settle() for _ in range(3)]
    sem._value = 5
    assert [task.result() for task in tasks] == [True] * 3
    assert sem._value == 2


@pytest.mark.parametrize("kind", KINDS)
def test_repr(kind):
    sem = getattr(hasten.threading, kind)(3)
    limit = "/3" if kind == "BoundedSemaphore" else ""
    assert repr(sem) == f"<hasten.threading.{kind} at {id(sem):#x}: value=3{limit}>"
    sem.acquire()
    assert repr(sem).endswith(f"value=2{limit}>")


def test_subclass_methods(cls):
    class Logging(cls):
        def __init__(self, *args):
            log.append("init")
            super().__init__(*args)

        def acquire(self, *args, **options):
            log.append("acquire")
            return super().acquire(*args, **options)

        def release(self, *args, **options):
            log.append("release")
            super().release(*args, **options)

    log = []
    sem = Logging(2)
    assert sem.acquire(timeout=1)
    sem.release()
    assert log == ["init", "acquire", "release"]
    assert issubclass(Logging, cls) and sem._value == 2


def test_with_calls_the_release_of_a_subclass(cls):
    class Logging(cls):
        released = 0

        def release(self, n=1):
            self.released += n
            super().release(n)

    sem = Logging(1)
    with sem:
        pass
    assert (sem.released, sem._value) == (1, 1)


def test_the_condition_is_a_lock(cls):
    sem = cls(1)
    with sem._cond:
        assert sem._value == 1
    assert sem._cond is sem._cond


def test_bounded_is_a_semaphore(impl):
    assert issubclass(impl.BoundedSemaphore, impl.Semaphore)
    sem = impl.BoundedSemaphore(1)
    sem._initial_value = 2
    sem.release()
    assert sem._value == 2


def test_round_trips(cls, spawn):
    there, back = cls(1), cls(1)
    there.acquire(), back.acquire()
    turns = 1000

    def answer():
        for _ in range(turns):
            there.acquire()
            back.release()

    task = spawn(answer)
    for _ in range(turns):
        there.release()
        assert back.acquire(timeout=30)
    task.result()
    assert there._value == back._value == 0


class InStep(RuleBasedStateMachine):
    """Each operation is done on the standard library's and on ours; results and errors are the same."""

    @initialize(kind=st.sampled_from(KINDS), value=st.integers(0, 4))
    def make(self, kind, value):
        self.both = [getattr(module, kind)(value) for module in (hasten.threading._stdlib, hasten.threading)]

    def same(self, call):
        outcomes = []
        for sem in self.both:
            try:
                outcomes.append(call(sem))
            except (ValueError, TypeError) as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]

    @rule(timeout=st.sampled_from([0, -1, 0.0]))
    def acquire(self, timeout):
        self.same(lambda sem: sem.acquire(timeout=timeout))

    @rule(blocking=st.booleans(), timeout=st.sampled_from([None, 0]))
    def acquire_now(self, blocking, timeout):
        if not blocking or timeout is not None:
            self.same(lambda sem: sem.acquire(blocking, timeout))

    @rule(n=st.integers(-1, 4))
    def release(self, n):
        self.same(lambda sem: sem.release(n))

    @rule()
    def enter_and_exit(self):
        if self.both[0]._value:
            self.same(lambda sem: (sem.__enter__(), sem.__exit__(None, None, None)))

    @rule(value=st.integers(0, 4))
    def set_value(self, value):
        self.same(lambda sem: setattr(sem, "_value", value))

    @invariant()
    def same_value(self):
        if hasattr(self, "both"):
            self.same(lambda sem: sem._value)


TestInStep = InStep.TestCase
TestInStep.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
