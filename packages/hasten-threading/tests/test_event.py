"""Event: a flag that threads wait for."""

import sys
from decimal import Decimal
from fractions import Fraction

import pytest

import hasten.threading


def test_the_flag(impl):
    event = impl.Event()
    assert event.is_set() is False
    assert event.set() is None
    assert event.is_set() is True
    assert event.wait() is True
    assert event.wait(0) is True
    assert event.clear() is None
    assert event.is_set() is False
    assert event.wait(0) is False


def test_set_lets_all_go(impl, spawn):
    event = impl.Event()
    tasks = [spawn(event.wait).settle() for _ in range(5)]
    event.set()
    assert [task.result() for task in tasks] == [True] * 5


@pytest.mark.parametrize("timeout", [None, 60, 10**400, Fraction(60), Decimal(60)])
def test_set_and_clear_at_once_lets_all_go_that_sleep(timeout, spawn):
    event = hasten.threading.Event()
    tasks = [spawn(event.wait, timeout).settle() for _ in range(3)]
    for _ in range(3):
        event.set()
        event.clear()
    assert [task.result() for task in tasks] == [True] * 3
    assert not event.is_set()


@pytest.mark.parametrize(
    "timeout", [0.001, Fraction(1, 1000), Decimal("0.001"), 0, -1, Decimal(-3), float("-inf"), False]
)
def test_timeouts(timeout):
    event = hasten.threading.Event()
    assert event.wait(timeout) is False
    assert event.wait(timeout=timeout) is False
    event.set()
    assert event.wait(timeout) is True


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError), ([], TypeError)])
def test_bad_timeouts(timeout, error):
    with pytest.raises(error):
        hasten.threading.Event().wait(timeout)


def test_set_from_the_number_that_is_the_timeout():
    """A timeout's conversion may run any code."""
    event = hasten.threading.Event()

    class Late:
        def __float__(self):
            event.set()
            return 60.0

    assert event.wait(Late()) is True


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the old name warns since 3.10")
def test_old_name():
    event = hasten.threading.Event()
    with pytest.warns(DeprecationWarning, match=r"isSet\(\) is deprecated, use is_set\(\)"):
        assert event.isSet() is False


def test_repr():
    event = hasten.threading.Event()
    name = f"hasten.threading.Event at {id(event):#x}"
    assert repr(event) == f"<{name}: unset>"
    event.set()
    assert repr(event) == f"<{name}: set>"


def test_init_again(impl, spawn):
    """A subclass may call __init__ late, or twice."""

    class Sub(impl.Event):
        def __init__(self):
            super().__init__()
            super().__init__()
            self.name = "sub"

    event = Sub()
    task = spawn(event.wait).settle()
    event.set()
    assert task.result() is True
    assert event.name == "sub"


def test_subclass_methods(impl):
    class Logging(impl.Event):
        def set(self):
            log.append("set")
            super().set()

        def is_set(self):
            log.append("is_set")
            return super().is_set()

    log = []
    event = Logging()
    event.set()
    assert event.is_set()
    assert log == ["set", "is_set"]


def test_the_condition_is_a_lock(impl):
    """Subclasses of the standard library's Event protect what they add with `_cond`."""

    class Counting(impl.Event):
        count = 0

        def set(self):
            with self._cond:
                self.count += 1
            super().set()

    event = Counting()
    event.set()
    assert event.is_set() and event.count == 1
    assert event._cond is event._cond


def test_at_fork_reinit(impl):
    event = impl.Event()
    event.set()
    event._at_fork_reinit()
    assert event.is_set()
    event.clear()
    assert event.wait(0.001) is False


def test_round_trips(impl, spawn):
    there, back = impl.Event(), impl.Event()
    turns = 1000

    def answer():
        for _ in range(turns):
            assert there.wait(30)
            there.clear()
            back.set()

    task = spawn(answer)
    for _ in range(turns):
        there.set()
        assert back.wait(30)
        back.clear()
    task.result()
    assert not there.is_set() and not back.is_set()
