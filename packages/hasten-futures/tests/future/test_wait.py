"""wait(): when it returns, with what, and for which arguments."""

import math
import threading
import time
from decimal import Decimal
from fractions import Fraction

import pytest


class Fault(Exception):
    pass


def returned(impl, value=None):
    future = impl.Future()
    future.set_result(value)
    return future


def failed(impl):
    future = impl.Future()
    future.set_exception(Fault())
    return future


def cancelled(impl, notified=True):
    future = impl.Future()
    future.cancel()
    if notified:
        future.set_running_or_notify_cancel()
    return future


@pytest.fixture(params=["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"])
def when(request):
    return request.param


def test_constants(impl):
    assert (impl.FIRST_COMPLETED, impl.FIRST_EXCEPTION, impl.ALL_COMPLETED) == (
        "FIRST_COMPLETED",
        "FIRST_EXCEPTION",
        "ALL_COMPLETED",
    )


def test_what_is_returned(impl):
    done, pending = returned(impl), impl.Future()
    found = impl.wait([done, pending], 0)
    assert found == ({done}, {pending})
    assert (found.done, found.not_done) == ({done}, {pending})
    assert type(found).__name__ == "DoneAndNotDoneFutures"
    assert type(found.done) is type(found.not_done) is set
    assert found._fields == ("done", "not_done")
    found.done.clear()  # it is the caller's own
    assert impl.wait([done]).done == {done}


def test_nothing_to_wait_for(impl, when):
    for nothing in ([], (), set(), {}, iter([])):
        assert impl.wait(nothing, return_when=when) == (set(), set())


@pytest.mark.parametrize("make", [list, tuple, set, iter, dict.fromkeys, lambda fs: (f for f in fs)])
def test_any_iterable(impl, when, make):
    futures = [returned(impl) for _ in range(3)]
    assert impl.wait(make(futures), 0, when) == (set(futures), set())


def test_duplicates_count_once(impl, when):
    one, two = returned(impl), returned(impl)
    assert impl.wait([one, two, one, one, two], None, when).done == {one, two}


@pytest.mark.parametrize("argument", [None, 5, object()])
def test_no_iterable(impl, argument):
    with pytest.raises(TypeError):
        impl.wait(argument)
    with pytest.raises(TypeError):
        impl.wait()


@pytest.mark.parametrize("item", [None, 5, "words", object()])
def test_no_futures(impl, item):
    with pytest.raises(AttributeError):
        impl.wait([item])
    with pytest.raises(AttributeError):
        impl.wait([impl.Future(), item], 0)


def test_unhashable_items(impl):
    with pytest.raises(TypeError):
        impl.wait([[]])


@pytest.mark.parametrize("when", ["SOMETIME", None, 5, ""])
def test_unknown_condition(impl, when):
    with pytest.raises(ValueError, match="Invalid return condition"):
        impl.wait([impl.Future()], 0, when)


def test_an_iterator_that_fails(impl):
    def futures():
        yield impl.Future()
        raise Fault("in the iterator")

    with pytest.raises(Fault, match="in the iterator"):
        impl.wait(futures())


def test_keywords(impl):
    future = returned(impl)
    assert impl.wait(fs=[future], timeout=1, return_when=impl.ALL_COMPLETED).done == {future}


# ---- what counts as done -------------------------------------------------------------------------


def test_cancelled_is_done_once_the_executor_knows(impl, when, spawn):
    future, later = cancelled(impl, notified=False), impl.Future()
    assert impl.wait([future], 0, when).not_done == {future}
    future.set_running_or_notify_cancel()
    assert impl.wait([future], 0, when).done == {future}
    task = spawn(impl.wait, [later], None, when).settle()
    later.cancel()
    assert task.settle().is_alive()
    later.set_running_or_notify_cancel()
    assert task.result().done == {later}


@pytest.mark.ours
def test_a_pool_knows_at_once(make_pool, when, impl):
    """Also while its worker is busy, which is what the standard library waits for."""
    pool, gate = make_pool(1), threading.Event()
    pool.submit(gate.wait)
    future = pool.submit(len, "")
    future.cancel()
    assert impl.wait([future], 30, when).done == {future}
    assert list(impl.as_completed([future], 30)) == [future]
    gate.set()


def test_first_completed_does_not_wait_for_others(impl):
    for done in (returned(impl), failed(impl), cancelled(impl)):
        pending = impl.Future()
        assert impl.wait([pending, done], None, impl.FIRST_COMPLETED) == ({done}, {pending})


def test_first_exception_is_there_already(impl):
    pending, error, result = impl.Future(), failed(impl), returned(impl)
    assert impl.wait([pending, error, result], None, impl.FIRST_EXCEPTION) == ({error, result}, {pending})


def test_results_and_cancelled_ones_are_no_exceptions(impl):
    pending, result, gone = impl.Future(), returned(impl), cancelled(impl)
    assert impl.wait([pending, result, gone], 0.01, impl.FIRST_EXCEPTION) == ({result, gone}, {pending})


def test_first_exception_later(impl, spawn):
    futures = [impl.Future() for _ in range(4)]
    task = spawn(impl.wait, futures, None, impl.FIRST_EXCEPTION).settle()
    futures[0].set_result(None)
    futures[1].cancel()
    futures[1].set_running_or_notify_cancel()
    task.settle()
    assert task.is_alive()
    futures[2].set_exception(Fault())
    assert task.result() == (set(futures[:3]), {futures[3]})


def test_first_exception_without_one(impl, spawn):
    futures = [impl.Future() for _ in range(3)]
    task = spawn(impl.wait, futures, None, impl.FIRST_EXCEPTION).settle()
    for future in futures:
        future.set_result(None)
    assert task.result() == (set(futures), set())


def test_first_completed_later(impl, spawn):
    for end in (
        lambda future: future.set_result(1),
        lambda future: future.set_exception(Fault()),
        lambda future: future.cancel() and future.set_running_or_notify_cancel(),
    ):
        futures = [impl.Future() for _ in range(3)]
        task = spawn(impl.wait, futures, None, impl.FIRST_COMPLETED).settle()
        end(futures[1])
        assert task.result() == ({futures[1]}, {futures[0], futures[2]})


def test_running_is_not_done(impl, when):
    future = impl.Future()
    future.set_running_or_notify_cancel()
    assert impl.wait([future], 0, when) == (set(), {future})


def test_all_completed_needs_all(impl, spawn):
    futures = [impl.Future() for _ in range(5)]
    task = spawn(impl.wait, futures).settle()
    for future in futures[1:]:
        future.set_exception(Fault())
    task.settle()
    assert task.is_alive()
    futures[0].set_result(None)
    assert task.result() == (set(futures), set())


# ---- how long ------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, -1, 0.0, -math.inf])
def test_no_time_at_all(impl, when, timeout):
    future = impl.Future()
    assert impl.wait([future], timeout, when) == (set(), {future})


def test_times_out_in_time(impl, when):
    future, start = impl.Future(), time.monotonic()
    assert impl.wait([future], 0.05, when).not_done == {future}
    assert time.monotonic() - start >= 0.05


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("number", [Fraction, Decimal])
def test_any_real_number(impl, number):
    future, start = impl.Future(), time.monotonic()
    assert impl.wait([future], number("0.05")).not_done == {future}
    assert time.monotonic() - start >= 0.05


@pytest.mark.since(3, 15, 2)
def test_nan_is_refused(impl, when):
    with pytest.raises(ValueError, match="NaN"):
        impl.wait([impl.Future()], math.nan, when)


@pytest.mark.parametrize("timeout", ["1", [], object()])
def test_no_number(impl, timeout):
    future = impl.Future()
    with pytest.raises(TypeError):
        impl.wait([future], timeout)


@pytest.mark.ours
def test_a_refused_timeout_leaves_nothing_behind(impl):
    future = impl.Future()
    for timeout in (math.nan, "1"):
        with pytest.raises((TypeError, ValueError)):
            impl.wait([future], timeout)
    assert future._waiters == []


@pytest.mark.ours
@pytest.mark.parametrize("timeout", [math.inf, 1e30, 10**30])
def test_for_ever(impl, timeout, spawn):
    future = impl.Future()
    task = spawn(impl.wait, [future], timeout).settle()
    assert task.is_alive()
    future.set_result(1)
    assert task.result().done == {future}


# ---- many ----------------------------------------------------------------------------------------


def test_ten_thousand(impl, spawn):
    futures = [impl.Future() for _ in range(10_000)]
    task = spawn(impl.wait, futures).settle()
    for future in futures:
        future.set_result(None)
    assert task.result() == (set(futures), set())
    assert not any(future._waiters for future in futures)


def test_a_shrinking_set(impl, spawn):
    """One by one, as drivers of many jobs do it."""
    pending = {impl.Future() for _ in range(300)}
    order = list(pending)
    go = threading.Semaphore(0)

    def finish():
        for number, future in enumerate(order):
            assert go.acquire(timeout=30)
            future.set_result(number)

    finisher, seen = spawn(finish), []
    while pending:
        go.release()
        done, pending = impl.wait(pending, 30, impl.FIRST_COMPLETED)
        seen.extend(future.result() for future in done)
    finisher.result()
    assert seen == list(range(300))
