"""as_completed(): order, timeouts, early ends, and what it keeps."""

import gc
import math
import time
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest


class Fault(Exception):
    pass


def returned(impl, value=None):
    future = impl.Future()
    future.set_result(value)
    return future


def test_it_is_an_iterator(impl):
    futures = impl.as_completed([returned(impl)])
    assert iter(futures) is futures
    next(futures)
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(futures)


def test_nothing(impl):
    for nothing in ([], (), set(), iter([])):
        assert list(impl.as_completed(nothing)) == []
        assert list(impl.as_completed(nothing, 0)) == []


@pytest.mark.parametrize("make", [list, tuple, set, iter, dict.fromkeys, lambda fs: (f for f in fs)])
def test_any_iterable(impl, make):
    futures = [returned(impl) for _ in range(4)]
    found = list(impl.as_completed(make(futures)))
    assert len(found) == 4 and set(found) == set(futures)


def test_keywords(impl):
    future = returned(impl)
    assert list(impl.as_completed(fs=[future], timeout=1)) == [future]


def test_duplicates_come_once(impl, spawn):
    done, pending = returned(impl), impl.Future()
    task = spawn(lambda: list(impl.as_completed([done, pending, done, pending, pending]))).settle()
    pending.set_result(1)
    assert task.result() == [done, pending]


@pytest.mark.parametrize("argument", [None, 5, [[]]])
def test_no_iterable_of_futures(impl, argument):
    with pytest.raises(TypeError):
        list(impl.as_completed(argument))


@pytest.mark.parametrize("item", [None, 5, "words"])
def test_no_futures(impl, item):
    with pytest.raises(AttributeError):
        list(impl.as_completed([item]))


def test_done_ones_come_first_then_in_order_of_completion(impl, spawn):
    futures = [impl.Future() for _ in range(6)]
    futures[3].set_result(None)
    order, found = [3, 5, 1, 0, 4, 2], []
    task = spawn(lambda: found.extend(impl.as_completed(futures))).settle()
    for number in order[1:]:
        futures[number].set_result(None)
    task.result()
    assert [futures.index(future) for future in found] == order


def test_every_sort_of_end(impl, spawn):
    futures = [impl.Future() for _ in range(4)]
    task = spawn(lambda: list(impl.as_completed(futures))).settle()
    futures[1].set_exception(Fault())
    futures[0].cancel()
    futures[0].set_running_or_notify_cancel()
    futures[2].set_running_or_notify_cancel()
    futures[3].set_result(1)
    futures[2].set_result(1)
    assert task.result() == [futures[number] for number in (1, 0, 3, 2)]


def test_cancelled_is_done_once_the_executor_knows(impl, spawn):
    before, later = impl.Future(), impl.Future()
    before.cancel()
    with pytest.raises(impl.TimeoutError):
        next(impl.as_completed([later, before], 0))
    task = spawn(lambda: list(impl.as_completed([later, before]))).settle()
    later.cancel()
    assert task.settle().is_alive()
    for future in (before, later):
        future.set_running_or_notify_cancel()
    assert task.result() == [before, later]


def test_completed_between_two_steps(impl):
    futures = [impl.Future() for _ in range(3)]
    futures[0].set_result(None)
    found = impl.as_completed(futures)
    assert next(found) is futures[0]
    futures[2].set_result(None)
    futures[1].set_result(None)
    assert list(found) == [futures[2], futures[1]]


# ---- how long ------------------------------------------------------------------------------------


def test_the_timeout_tells_what_is_missing(impl):
    futures = [returned(impl), impl.Future(), impl.Future()]
    found = impl.as_completed(futures, 0.01)
    assert next(found) is futures[0]
    with pytest.raises(impl.TimeoutError) as caught:
        next(found)
    assert str(caught.value) == "2 (of 3) futures unfinished"
    with pytest.raises(StopIteration):
        next(found)


@pytest.mark.parametrize("timeout", [0, -1, 0.0, -math.inf])
def test_no_time_at_all(impl, timeout):
    done, pending = returned(impl), impl.Future()
    found = impl.as_completed([done, pending], timeout)
    assert next(found) is done
    with pytest.raises(impl.TimeoutError, match=r"^1 \(of 2\) futures unfinished$"):
        next(found)


def test_times_out_in_time(impl):
    start = time.monotonic()
    with pytest.raises(impl.TimeoutError):
        list(impl.as_completed([impl.Future()], timeout=0.05))
    assert time.monotonic() - start >= 0.05


@pytest.mark.since(3, 15)
@pytest.mark.parametrize("number", [Fraction])
def test_any_real_number(impl, number):
    with pytest.raises(impl.TimeoutError):
        list(impl.as_completed([impl.Future()], number("0.05")))


@pytest.mark.ours
def test_decimals(impl):
    """The standard library adds the timeout to a float."""
    with pytest.raises(impl.TimeoutError):
        list(impl.as_completed([impl.Future()], Decimal("0.05")))


@pytest.mark.since(3, 15, 2)
def test_nan_is_refused(impl):
    with pytest.raises(ValueError, match="NaN"):
        list(impl.as_completed([impl.Future()], math.nan))


@pytest.mark.parametrize("timeout", ["1", []])
def test_no_number(impl, timeout):
    with pytest.raises(TypeError):
        list(impl.as_completed([impl.Future()], timeout))


@pytest.mark.ours
@pytest.mark.parametrize("timeout", [math.inf, 1e30, 10**30])
def test_for_ever(impl, timeout, spawn):
    future = impl.Future()
    task = spawn(lambda: list(impl.as_completed([future], timeout))).settle()
    assert task.is_alive()
    future.set_result(1)
    assert task.result() == [future]


# ---- what it keeps -------------------------------------------------------------------------------


def test_closed_early(impl):
    futures = [returned(impl), impl.Future()]
    found = impl.as_completed(futures)
    next(found)
    found.close()
    with pytest.raises(StopIteration):
        next(found)
    assert not any(future._waiters for future in futures)
    futures[1].set_result(None)
    found.close()


def test_closed_before_the_first_step(impl):
    found = impl.as_completed([impl.Future()])
    found.close()
    assert list(found) == []


def test_dropped_early(impl):
    futures = [returned(impl), *(impl.Future() for _ in range(3))]
    for _ in impl.as_completed(futures):
        break
    gc.collect()
    assert not any(future._waiters for future in futures)
    for future in futures[1:]:
        future.set_result(None)


def test_a_timeout_leaves_nothing_behind(impl):
    futures = [impl.Future() for _ in range(3)]
    with pytest.raises(impl.TimeoutError):
        list(impl.as_completed(futures, 0))
    assert not any(future._waiters for future in futures)


@pytest.mark.parametrize("done_before", [True, False])
def test_what_was_yielded_is_not_kept(impl, done_before):
    """Results may be large, and their user is done with one when he asks for the next."""
    futures = [impl.Future() for _ in range(5)]
    if done_before:
        for future in futures:
            future.set_result(None)
    found = impl.as_completed(futures)
    gone = []
    while futures:
        if not done_before:
            futures[-1].set_result(None)
        future = next(found)
        futures.remove(future)
        gone.append(weakref.ref(future))
        del future
        gc.collect()
        assert gone[-1]() is None
    assert list(found) == []


def test_the_argument_is_not_kept(impl):
    """Nor changed."""
    futures = [returned(impl) for _ in range(3)]
    found = impl.as_completed(futures)
    assert len(futures) == 3
    next(found)
    assert len(futures) == 3


def test_an_unused_one_lets_go(impl):
    future = impl.Future()
    found = impl.as_completed([future])
    gone = weakref.ref(future)
    del future, found
    gc.collect()
    assert gone() is None


def test_two_over_the_same(impl):
    futures = [impl.Future() for _ in range(3)]
    one, two = impl.as_completed(futures), impl.as_completed(futures)
    for future in reversed(futures):
        future.set_result(None)
        assert next(one) is future
    assert set(two) == set(futures)


def test_ten_thousand(impl, spawn):
    futures = [impl.Future() for _ in range(10_000)]
    task = spawn(lambda: list(impl.as_completed(futures))).settle()
    for future in reversed(futures):
        future.set_result(None)
    assert task.result() == futures[::-1]
    assert not any(future._waiters for future in futures)
