"""How long result() and exception() wait, and for what numbers."""

import math
import threading
import time
from decimal import Decimal
from fractions import Fraction

import pytest

SHORT = 0.05  # seconds


@pytest.fixture(params=["result", "exception"])
def method(request):
    return request.param


@pytest.fixture(params=["PENDING", "RUNNING"])
def future(request, impl):
    future = impl.Future()
    if request.param == "RUNNING":
        future.set_running_or_notify_cancel()
    return future


@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, -1, -1e30, -math.inf, False])
def test_no_time_at_all(impl, future, method, timeout):
    with pytest.raises(impl.TimeoutError):
        getattr(future, method)(timeout)
    future.set_result(5)
    assert getattr(future, method)(timeout) in (5, None)


def test_times_out_in_time(impl, future, method):
    start = time.monotonic()
    with pytest.raises(impl.TimeoutError):
        getattr(future, method)(timeout=SHORT)
    assert time.monotonic() - start >= SHORT


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("number", [Fraction, Decimal])
def test_any_real_number(impl, future, method, number):
    start = time.monotonic()
    with pytest.raises(impl.TimeoutError):
        getattr(future, method)(number(str(SHORT)))
    assert time.monotonic() - start >= SHORT
    with pytest.raises(impl.TimeoutError):
        getattr(future, method)(number(-1))


class Seconds:
    def __init__(self, seconds):
        self.seconds = seconds

    def __float__(self):
        return self.seconds


@pytest.mark.ours
def test_what_has_a_float(impl, future, method):
    with pytest.raises(impl.TimeoutError):
        getattr(future, method)(Seconds(SHORT))


@pytest.mark.since(3, 15, 2)
def test_nan_is_refused(impl, future, method):
    with pytest.raises(ValueError, match="NaN"):
        getattr(future, method)(math.nan)


@pytest.mark.parametrize("timeout", ["1", [], object(), 1j])
def test_no_number(impl, future, method, timeout):
    with pytest.raises(TypeError):
        getattr(future, method)(timeout)


@pytest.mark.parametrize("timeout", ["1", object()])
def test_done_futures_do_not_look_at_it(impl, method, timeout):
    future = impl.Future()
    future.set_result(5)
    assert getattr(future, method)(timeout) in (5, None)


@pytest.mark.ours
@pytest.mark.parametrize("timeout", [math.inf, 1e30, 10**30, Fraction(10**30)])
def test_for_ever(impl, future, method, timeout, spawn):
    """The standard library raises OverflowError for these."""
    task = spawn(getattr(future, method), timeout).settle()
    assert task.is_alive()
    future.set_result(5)
    assert task.result() in (5, None)


@pytest.mark.parametrize("timeout", [None, 20, 3600])
@pytest.mark.parametrize("end", ["result", "exception", "cancel"])
def test_woken_when_it_ends(impl, future, method, timeout, end, spawn):
    if end == "cancel" and future.running():
        pytest.skip("what runs is not cancelled")
    task = spawn(getattr(future, method), timeout).settle()
    error = OSError()
    {"result": lambda: future.set_result(5), "exception": lambda: future.set_exception(error)}.get(
        end, future.cancel
    )()
    if end == "cancel":
        with pytest.raises(impl.CancelledError):
            task.result()
    elif end == "exception" and method == "result":
        with pytest.raises(OSError) as caught:
            task.result()
        assert caught.value is error
    else:
        assert task.result() is {"result": {"result": 5}, "exception": {"exception": error}}[end].get(method)


def test_starting_to_run_wakes_nobody(impl, method, spawn):
    future = impl.Future()
    task = spawn(getattr(future, method)).settle()
    future.set_running_or_notify_cancel()
    task.settle()
    assert task.is_alive()
    future.set_result(5)
    task.result()


def test_all_who_wait_are_woken(impl, method, spawn):
    future = impl.Future()
    tasks = [spawn(getattr(future, method), timeout).settle() for timeout in [None, 60] * 10]
    future.set_result(None)
    assert [task.result() for task in tasks] == [None] * 20


def test_some_give_up(impl, method, spawn):
    """Those whose time is over leave the others waiting."""
    future = impl.Future()
    tasks = [spawn(getattr(future, method), timeout) for timeout in [None, 0.01, None, 0.02, 60]]
    for number in (1, 3):
        with pytest.raises(impl.TimeoutError):
            tasks[number].result()
    assert [task.is_alive() for task in tasks] == [True, False, True, False, True]
    future.set_result(None)
    for number in (0, 2, 4):
        assert tasks[number].result() is None


def test_waiters_race_with_the_end(impl, method, spawn):
    """No wakeup is lost, whichever of the two is first."""
    for _ in range(200):
        future, barrier = impl.Future(), threading.Barrier(3)

        def wait(future=future, barrier=barrier):
            barrier.wait()
            return getattr(future, method)(30)

        tasks = [spawn(wait) for _ in range(2)]
        barrier.wait()
        future.set_result(None)
        for task in tasks:
            assert task.result() is None


def test_timeouts_race_with_the_end(impl, method, spawn):
    """Either the result or TimeoutError, and done() agrees once it is there."""
    for round in range(100):
        future = impl.Future()

        def wait(future=future, timeout=round % 10 / 5000):
            try:
                return getattr(future, method)(timeout)
            except impl.TimeoutError:
                return "timeout"

        task = spawn(wait)
        future.set_result(None)
        assert task.result() in (None, "timeout")
        assert getattr(future, method)(0) is None
