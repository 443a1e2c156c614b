"""Executor.map(): order, submission, timeouts, buffers, and what becomes of the calls when it ends early."""

from __future__ import annotations

import gc
import itertools
import math
import threading
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.signalling import Interrupt, interrupt
from support.tasks import LONG

import hasten.futures

buffered = pytest.mark.since(3, 14)


@pytest.fixture
def pool(make_pool):
    return make_pool(max_workers=2)


@pytest.fixture
def recorder(impl):
    """A pool of one worker that keeps the futures it has made."""

    class Recorder(impl.ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            futures.append(future)
            return future

    futures: list = []
    pool = Recorder(1)
    pool.futures = futures
    yield pool
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def blocker(recorder):
    """An item whose call, block(), occupies the worker until the test is over; begun means that it does."""
    release, begun = threading.Event(), threading.Event()

    class Blocker:
        def __init__(self):
            self.release, self.begun = release, begun

        def __call__(self, *_):
            begun.set()
            assert release.wait(LONG)

    yield Blocker()
    release.set()


class AtOnce:
    """The rest of an executor that makes the calls in submit()."""

    def submit(self, fn, /, *args, **kwargs):
        future = self.future_class()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.fixture
def at_once(impl):
    return type("AtOnceExecutor", (AtOnce, impl.Executor), {"future_class": impl.Future})()


# ---- results ----


def test_results_are_those_of_the_builtin(pool):
    assert list(pool.map(pow, range(50), range(50))) == list(map(pow, range(50), range(50)))


@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_chunksize_means_nothing_to_threads(pool, chunksize):
    assert list(pool.map(str, range(10), chunksize=chunksize)) == list(map(str, range(10)))


def test_the_shortest_iterable_ends_it(pool):
    assert list(pool.map(max, [1, 2, 3], itertools.count(), [5, 0])) == [5, 2]


def test_no_items(pool):
    assert list(pool.map(str, [])) == []
    assert list(pool.map(str)) == []


def test_the_order_is_that_of_the_items(pool):
    second_done = threading.Event()

    def task(first):
        if first:
            assert second_done.wait(LONG)
        else:
            second_done.set()
        return first

    assert list(pool.map(task, [True, False])) == [True, False]


def test_all_is_submitted_at_once(recorder):
    items = iter(range(20))
    results = recorder.map(str, items)
    assert len(recorder.futures) == 20
    assert next(items, None) is None
    assert list(results) == list(map(str, range(20)))


def test_what_map_returns_is_an_iterator(pool):
    results = pool.map(str, range(3))
    assert iter(results) is results
    assert weakref.ref(results)() is results
    assert next(results) == "0"
    assert list(results) == ["1", "2"]
    with pytest.raises(StopIteration):
        next(results)


def test_of_any_executor(at_once):
    assert list(at_once.map(divmod, [7, 8], [2, 3])) == [(3, 1), (2, 2)]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(), max_size=150), max_size=3),
    st.none() | st.integers(min_value=1, max_value=100),
)
def test_model(iterables, buffersize):
    with hasten.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda *args: args, *iterables, buffersize=buffersize)
        assert list(results) == list(zip(*iterables))


def test_only_one_thread_at_a_time(recorder, blocker, spawn):
    results = recorder.map(blocker, [None])
    waiting = spawn(next, results).settle()
    assert blocker.begun.wait(LONG)
    with pytest.raises(ValueError, match="already executing"):
        next(results)
    with pytest.raises(ValueError, match="already executing"):
        results.close()
    blocker.release.set()
    assert waiting.result() is None


# ---- what goes wrong ----


@pytest.mark.parametrize("iterables", [(5,), ([1], None)])
def test_what_is_no_iterable(pool, iterables):
    with pytest.raises(TypeError):
        pool.map(max, *iterables)


def test_an_exception_comes_out_in_its_place(pool):
    results = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert next(results, "the end") == "the end"


def test_an_exception_cancels_what_has_not_begun(recorder, blocker):
    def task(item):
        if item == 0:
            raise ArithmeticError(item)
        blocker()

    results = recorder.map(task, range(5))
    with pytest.raises(ArithmeticError):
        next(results)
    assert all(future.cancelled() for future in recorder.futures[2:])  # item 1 may have begun


class Falsey(Exception):
    def __bool__(self):
        return False


@pytest.mark.parametrize(
    "error",
    [pytest.param(Falsey, marks=pytest.mark.ours), KeyboardInterrupt, SystemExit, GeneratorExit],
)
def test_exceptions_of_any_kind(at_once, error):
    def task(item):
        raise error(item)

    with pytest.raises(error):
        list(at_once.map(task, [1]))


def test_stop_iteration_is_not_the_end(at_once):
    def task(item):
        raise StopIteration(item)

    results = at_once.map(task, [1, 2])
    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        next(results)
    assert isinstance(raised.value.__cause__, StopIteration)
    assert list(results) == []


def test_an_iterable_that_raises(recorder):
    def items():
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        recorder.map(str, items())
    assert [future.result(LONG) for future in recorder.futures] == ["1"]


def test_after_shutdown(make_pool):
    pool = make_pool()
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.map(str, range(3))
    assert list(pool.map(str, [])) == []


def test_shutdown_that_cancels(impl, recorder, blocker):
    results = recorder.map(blocker, range(3))
    assert blocker.begun.wait(LONG)
    recorder.shutdown(wait=False, cancel_futures=True)
    blocker.release.set()
    assert next(results) is None
    with pytest.raises(impl.CancelledError):
        next(results)


# ---- the end before the end ----


@pytest.mark.ours  # a generator that has not begun is closed without a word
def test_close_cancels(recorder, blocker):
    results = recorder.map(blocker, range(4))
    assert blocker.begun.wait(LONG)
    results.close()
    results.close()
    assert all(future.cancelled() for future in recorder.futures[1:])
    assert list(results) == []


def test_dropping_it_cancels(recorder, blocker):
    results = recorder.map(lambda item: item and blocker(), range(5))
    assert next(results) == 0
    assert blocker.begun.wait(LONG)
    del results
    gc.collect()
    assert all(future.cancelled() for future in recorder.futures[2:])


def test_a_cycle_of_garbage_is_closed(recorder, blocker):
    class Node:
        pass

    node = Node()
    node.results = recorder.map(lambda item: item and blocker(), range(5))
    node.node = node
    assert next(node.results) == 0
    assert blocker.begun.wait(LONG)
    del node
    gc.collect()
    assert all(future.cancelled() for future in recorder.futures[2:])


@pytest.mark.parametrize("options", [{}, pytest.param({"buffersize": 5}, marks=buffered)])
def test_all_calls_are_made_if_nobody_wants_results(recorder, blocker, options):
    recorder.map(lambda item: item or blocker(), range(5), **options)
    gc.collect()
    blocker.release.set()
    assert [future.result(LONG) for future in recorder.futures] == [None, 1, 2, 3, 4]


def test_an_interrupt_cancels(recorder, blocker, on_signal, when_main_sleeps):
    on_signal(interrupt)
    import os
    import signal

    results = recorder.map(blocker, range(4))
    assert blocker.begun.wait(LONG)
    when_main_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(Interrupt):
        next(results)
    assert all(future.cancelled() for future in recorder.futures[1:])


class Thing:
    pass


def test_nothing_is_kept_of_what_was_taken(recorder):
    results = recorder.map(lambda item: Thing(), range(3))
    thing = weakref.ref(next(results))
    future = weakref.ref(recorder.futures.pop(0))
    recorder.submit(str).result(LONG)  # the worker has dropped its own reference
    gc.collect()
    assert thing() is None
    assert future() is None
    assert len(list(results)) == 2


def test_arguments_are_not_kept(pool):
    things = [Thing() for _ in range(3)]
    seen = [weakref.ref(thing) for thing in things]
    results = pool.map(id, things)
    assert len(list(results)) == 3
    list(pool.map(str, range(10)))
    things.clear()
    gc.collect()
    assert [ref() for ref in seen] == [None] * 3


# ---- timeouts ----


def test_timeout_is_for_the_whole(impl, recorder, blocker):
    results = recorder.map(lambda item: item and blocker(), range(4), timeout=0.2)
    assert next(results) == 0
    with pytest.raises(impl.TimeoutError):
        next(results)
    assert all(future.cancelled() for future in recorder.futures[2:])
    assert list(results) == []


@pytest.mark.parametrize("timeout", [0, -1, -0.0, -math.inf, False])
def test_no_time_at_all(impl, recorder, blocker, timeout):
    with pytest.raises(impl.TimeoutError):
        next(recorder.map(blocker, range(2), timeout=timeout))


@pytest.mark.parametrize("timeout", [0, -5])
def test_what_is_there_is_taken_though_the_time_is_over(at_once, timeout):
    assert list(at_once.map(str, range(3), timeout=timeout)) == ["0", "1", "2"]


@pytest.mark.parametrize("timeout", [1000, 1e9, None])
def test_plenty_of_time(pool, timeout):
    assert list(pool.map(str, range(3), timeout=timeout)) == ["0", "1", "2"]


@pytest.mark.ours
@pytest.mark.parametrize(
    "timeout",
    [Fraction(1000), Decimal(1000), math.inf, 1e300, 10**400, True],
    ids=lambda value: str(value)[:9],
)
def test_any_real_number(pool, timeout):
    assert list(pool.map(str, range(3), timeout=timeout)) == ["0", "1", "2"]


@pytest.mark.ours
def test_nan(recorder):
    with pytest.raises(ValueError, match="NaN"):
        recorder.map(str, range(3), timeout=math.nan)
    assert recorder.futures == []


@pytest.mark.parametrize("timeout", ["5", []])
def test_what_is_no_number(recorder, timeout):
    with pytest.raises(TypeError):
        next(recorder.map(str, range(3), timeout=timeout))


# ---- buffers ----


@buffered
@pytest.mark.parametrize("buffersize", ["foo", 2.0, ()])
def test_buffersize_of_another_type(recorder, buffersize):
    with pytest.raises(TypeError, match="buffersize must be an integer or None"):
        recorder.map(str, range(4), buffersize=buffersize)
    assert recorder.futures == []


@buffered
@pytest.mark.parametrize("buffersize", [0, -1, False])
def test_buffersize_below_one(recorder, buffersize):
    with pytest.raises(ValueError, match="buffersize must be None or > 0"):
        recorder.map(str, range(4), buffersize=buffersize)
    assert recorder.futures == []


@buffered
@pytest.mark.parametrize("buffersize", [1, 2, 4, 5, 1000, True])
def test_results_with_a_buffer(pool, buffersize):
    assert list(pool.map(pow, range(4), range(4), buffersize=buffersize)) == [1, 1, 4, 27]
    assert list(pool.map(str, [], buffersize=buffersize)) == []
    assert list(pool.map(str, buffersize=buffersize)) == []


@pytest.mark.ours
def test_a_buffer_of_any_size(pool):
    assert list(pool.map(str, range(4), buffersize=10**30)) == ["0", "1", "2", "3"]


@buffered
@pytest.mark.parametrize("buffersize", [1, 3, 100])
def test_a_long_input_with_a_buffer(pool, buffersize):
    results = pool.map(str, itertools.count(), buffersize=buffersize)
    assert list(itertools.islice(results, 1000)) == list(map(str, range(1000)))
    results.close()


@buffered
def test_one_more_is_submitted_for_each_that_is_taken(recorder):
    items = iter(range(10))
    results = recorder.map(str, items, buffersize=3)
    for taken in range(7):
        assert len(recorder.futures) == 3 + taken
        assert next(results) == str(taken)
    assert next(items, None) is None
    assert list(results) == ["7", "8", "9"]


@buffered
@pytest.mark.parametrize("taken", [0, pytest.param(1, marks=pytest.mark.ours)])
def test_the_pool_can_go_while_its_results_are_read(impl, taken):
    pool = impl.ThreadPoolExecutor(1)
    pool_seen = weakref.ref(pool)
    results = pool.map(str, itertools.count(), buffersize=3)
    assert list(itertools.islice(results, taken)) == ["0"][:taken]
    pool.shutdown()
    del pool
    gc.collect()
    assert pool_seen() is None
    assert list(results) == ["0", "1", "2", "3"][taken : taken + 3]


@buffered
def test_shutdown_while_results_are_read(make_pool):
    pool = make_pool(1)
    results = pool.map(str, range(10), buffersize=2)
    assert next(results) == "0"
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        next(results)
    assert list(results) == []


@buffered
def test_an_iterable_that_raises_later(recorder, blocker):
    def items():
        yield from range(3)
        raise LookupError

    results = recorder.map(lambda item: item and blocker(), items(), buffersize=3)
    with pytest.raises(LookupError):
        next(results)
    assert recorder.futures[2].cancelled()
    assert list(results) == []


@buffered
def test_an_iterable_that_reads_the_results(at_once):
    seen: list = []

    def items():
        yield 1
        seen.append(pytest.raises(ValueError, next, results))
        yield 2

    results = at_once.map(str, items(), buffersize=1)
    assert list(results) == ["1", "2"]
    assert "already executing" in str(seen[0].value)


# ---- Executor itself ----


def test_the_base_class_submits_nothing(impl):
    executor = impl.Executor()
    with pytest.raises(NotImplementedError):
        executor.submit(str, 5)
    with pytest.raises(NotImplementedError):
        executor.map(str, [5])
    assert executor.shutdown() is None
    assert executor.shutdown(False, cancel_futures=True) is None


def test_with_waits(impl):
    class Pool(impl.Executor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            calls.append((wait, cancel_futures))

    calls: list = []
    with pytest.raises(LookupError), Pool() as pool:
        assert isinstance(pool, Pool)
        raise LookupError
    assert calls == [(True, False)]


@pytest.mark.ours
def test_shutdown_takes_a_timeout(impl):
    assert impl.Executor().shutdown(timeout=0.5) is None
