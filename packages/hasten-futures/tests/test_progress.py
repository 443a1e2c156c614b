"""Executor.map(progress=...): what the function is told, when, and how it ends."""

from __future__ import annotations

import gc
import sys
import threading
import types
from typing import Any

import pytest
from support.tasks import LONG

from hasten.futures import Executor, Future, ThreadPoolExecutor
from hasten.futures._progress import Progress


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def told():
    return []


@pytest.fixture
def tell(told):
    """A progress function that notes its calls."""
    return lambda done, total: told.append((done, total))


def counted(count, total):
    return [(done, total) for done in range(1, count + 1)]


class ByHand(Executor):
    """Its futures are finished by the test."""

    def __init__(self):
        self.futures: list[Future] = []

    def submit(self, fn, /, *args, **kwargs):
        self.futures.append(Future())
        return self.futures[-1]


# ---- counting ----


def test_each_item_counts(pool, told, tell):
    assert list(pool.map(str, range(500), progress=tell)) == list(map(str, range(500)))
    assert told == counted(500, 500)


@pytest.mark.parametrize("progress", [None, False])
def test_off(pool, progress):
    assert list(pool.map(str, range(3), progress=progress)) == ["0", "1", "2"]


def test_completion_counts_not_what_is_taken(told, tell):
    pool = ByHand()
    results = pool.map(str, range(3), progress=tell)
    pool.futures[2].set_result("c")
    assert told == [(1, 3)]
    pool.futures[0].set_result("a")
    pool.futures[1].set_result("b")
    assert told == counted(3, 3)
    assert list(results) == ["a", "b", "c"]
    assert told == counted(3, 3)


def test_no_items(pool, told, tell):
    assert list(pool.map(str, [], progress=tell)) == []
    assert list(pool.map(str, progress=tell)) == []
    assert told == []


@pytest.mark.parametrize("buffersize", [None, 1, 3, 1000])
def test_the_total_of_sized_iterables_is_the_shortest(pool, told, tell, buffersize):
    results = pool.map(pow, range(50), range(60), buffersize=buffersize, progress=tell)
    assert len(list(results)) == 50
    assert told == counted(50, 50)


def test_the_total_of_unsized_iterables_is_known_once_all_are_submitted(pool, told, tell):
    assert len(list(pool.map(str, iter(range(50)), progress=tell))) == 50
    assert told == counted(50, 50)


def test_the_total_with_a_buffer_is_unknown_until_the_input_ends(told, tell):
    pool = ByHand()
    results = pool.map(str, iter(range(3)), buffersize=2, progress=tell)
    pool.futures[0].set_result(0)
    assert next(results) == 0
    pool.futures[1].set_result(1)
    assert next(results) == 1
    assert told == [(1, None), (2, None)]
    pool.futures[2].set_result(2)
    assert list(results) == [2]
    assert told == [(1, None), (2, None), (3, 3)]


@pytest.mark.parametrize("error", [OverflowError, NotImplementedError, TypeError])
def test_a_length_that_can_not_be_told(told, tell, error):
    class Items:
        def __len__(self):
            raise error

        def __iter__(self):
            return iter(range(3))

    pool = ByHand()
    results = pool.map(str, Items(), buffersize=2, progress=tell)
    for number in range(2):
        pool.futures[number].set_result(number)
        assert next(results) == number
    pool.futures[2].set_result(2)
    assert list(results) == [2]
    assert told == [(1, None), (2, None), (3, 3)]


def test_a_length_that_is_wrong(told, tell):
    class Items(list):
        def __len__(self):
            return 2

    pool = ByHand()
    results = pool.map(str, Items(range(5)), progress=tell)
    for future in pool.futures:
        future.set_result("a")
    assert list(results) == ["a"] * 5
    assert told == counted(5, 5)


def test_a_chunk_counts_its_items(told, tell):
    futures = [Future() for _ in range(3)]
    progress = Progress(tell, [range(7)], buffered=False)
    for future, items in zip(futures, (3, 3, 1)):
        progress.submitted(future, items)
    progress.all_submitted()
    for future in reversed(futures):
        future.set_result(None)
    progress.finish()
    assert told == [(1, 7), (4, 7), (7, 7)]


def test_failures_count_and_cancelled_calls_do_not(told, tell):
    pool = ByHand()
    results = pool.map(str, range(4), progress=tell)
    pool.futures[1].set_exception(LookupError())
    pool.futures[2].cancel()
    pool.futures[0].set_result("a")
    assert next(results) == "a"
    with pytest.raises(LookupError):
        next(results)
    assert told == [(1, 4), (2, 4)]
    assert pool.futures[3].cancelled()


# ---- threads ----


def test_calls_do_not_overlap(pool):
    inside: list[int] = []
    overlaps: list[int] = []
    told: list[int] = []

    def tell(done, total):
        inside.append(done)
        overlaps.append(len(inside))
        told.append(done)
        inside.pop()

    assert len(list(pool.map(str, range(3000), progress=tell))) == 3000
    assert set(overlaps) == {1}
    assert told == list(range(1, 3001))


def test_a_slow_function_holds_up_one_worker_at_most(spawn):
    entered, go_on = threading.Event(), threading.Event()
    told: list[int] = []

    def tell(done, total):
        told.append(done)
        if done == 1:
            entered.set()
            assert go_on.wait(LONG)

    pool = ByHand()
    results = pool.map(str, range(3), progress=tell)
    first = spawn(pool.futures[0].set_result, "a")
    assert entered.wait(LONG)
    pool.futures[1].set_result("b")
    pool.futures[2].set_result("c")
    assert [next(results), next(results), next(results)] == ["a", "b", "c"]
    assert told == [1]
    end = spawn(list, results).settle()  # the end waits until all was told
    assert end.is_alive()
    go_on.set()
    assert end.result() == []
    assert told == [1, 2, 3]
    first.result()


def test_the_function_may_finish_items_itself():
    pool = ByHand()
    told: list[int] = []

    def tell(done, total):
        told.append(done)
        if done < total:
            pool.futures[done].set_result(done)

    results = pool.map(str, range(5), progress=tell)
    pool.futures[0].set_result(0)
    assert told == [1, 2, 3, 4, 5]
    assert list(results) == [0, 1, 2, 3, 4]


def test_the_function_may_take_the_results():
    pool = ByHand()
    taken: list[Any] = []
    results = pool.map(
        str, range(2), progress=lambda done, total: taken.extend(results) if done == 2 else None
    )
    pool.futures[0].set_result("a")
    pool.futures[1].set_result("b")
    assert taken == ["a", "b"]


# ---- failures ----


def test_an_exception_of_the_function_is_logged(pool, log):
    def tell(done, total):
        if done == 2:
            raise LookupError(done)

    assert list(pool.map(str, range(3), progress=tell)) == ["0", "1", "2"]
    assert [type(error) for error in log.errors] == [LookupError]
    assert "exception calling progress" in log.messages[0]


def test_the_counts_go_on_after_an_exception_that_is_not_logged(told):
    pool = ByHand()

    def tell(done, total):
        told.append(done)
        if done == 1:
            raise KeyboardInterrupt

    results = pool.map(str, range(3), progress=tell)
    with pytest.raises(KeyboardInterrupt):
        pool.futures[0].set_result(0)
    pool.futures[1].set_result(1)
    pool.futures[2].set_result(2)
    assert told == [1, 2, 3]
    assert list(results) == [0, 1, 2]


@pytest.mark.parametrize("progress", [5, "bar", 0, [], 1])
def test_what_can_not_be_called(progress):
    pool = ByHand()
    with pytest.raises(TypeError, match="progress must be"):
        pool.map(str, range(3), progress=progress)
    assert pool.futures == []


def test_no_calls_after_an_error(told, tell):
    pool = ByHand()
    results = pool.map(str, range(3), progress=tell)
    pool.futures[1].set_running_or_notify_cancel()
    pool.futures[0].set_exception(LookupError())
    with pytest.raises(LookupError):
        next(results)
    pool.futures[1].set_result(1)
    assert told == [(1, 3)]


def test_no_calls_after_close(told, tell):
    pool = ByHand()
    results = pool.map(str, range(3), progress=tell)
    pool.futures[0].set_running_or_notify_cancel()
    results.close()
    pool.futures[0].set_result(0)
    assert told == []
    assert pool.futures[1].cancelled()


def test_the_calls_go_on_if_nobody_takes_results(told, tell):
    pool = ByHand()
    pool.map(str, range(3), progress=tell)
    gc.collect()
    for future in pool.futures:
        future.set_result(None)
    assert told == counted(3, 3)


# ---- the bar ----


class FakeBar:
    """What is used of tqdm's class."""

    bars: list[FakeBar] = []

    def __init__(self, total=None):
        self.total, self.n, self.closed = total, 0, 0
        self.bars.append(self)

    def update(self, items):
        assert not self.closed
        self.n += items

    def refresh(self):
        assert not self.closed

    def close(self):
        self.closed += 1


@pytest.fixture
def bars(monkeypatch):
    module = types.ModuleType("tqdm")
    module.auto = types.ModuleType("tqdm.auto")  # type: ignore[attr-defined]
    module.auto.tqdm = FakeBar
    monkeypatch.setitem(sys.modules, "tqdm", module)
    monkeypatch.setitem(sys.modules, "tqdm.auto", module.auto)
    monkeypatch.setattr(FakeBar, "bars", [])
    return FakeBar.bars


def test_the_bar(pool, bars):
    assert len(list(pool.map(str, range(100), progress=True))) == 100
    assert [(bar.total, bar.n, bar.closed) for bar in bars] == [(100, 100, 1)]


def test_the_bar_learns_the_total(pool, bars):
    assert len(list(pool.map(str, iter(range(100)), progress=True))) == 100
    assert [(bar.total, bar.n, bar.closed) for bar in bars] == [(100, 100, 1)]


def test_the_bar_is_closed_after_an_error(bars):
    pool = ByHand()
    results = pool.map(str, range(3), progress=True)
    pool.futures[0].set_exception(LookupError())
    with pytest.raises(LookupError):
        next(results)
    assert [(bar.n, bar.closed) for bar in bars] == [(1, 1)]


def test_the_bar_is_closed_by_close(bars):
    ByHand().map(str, range(3), progress=True).close()
    assert [(bar.n, bar.closed) for bar in bars] == [(0, 1)]


def test_the_bar_is_closed_when_the_iterator_is_dropped(bars):
    pool = ByHand()
    results = pool.map(str, range(3), progress=True)
    pool.futures[0].set_result(0)
    assert next(results) == 0
    del results
    gc.collect()
    assert [(bar.n, bar.closed) for bar in bars] == [(1, 1)]


def test_the_bar_is_closed_when_the_input_fails(bars):
    def items():
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        ByHand().map(str, items(), progress=True)
    assert [bar.closed for bar in bars] == [1]


def test_the_bar_of_a_map_whose_results_nobody_takes(bars):
    pool = ByHand()
    pool.map(str, range(3), progress=True)
    gc.collect()
    assert [bar.closed for bar in bars] == [0]
    pool.futures[0].set_result(None)
    pool.futures[2].cancel()
    assert [bar.closed for bar in bars] == [0]
    pool.futures[1].set_result(None)
    assert [(bar.n, bar.closed) for bar in bars] == [(2, 1)]


def test_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    pool = ByHand()
    with pytest.raises(ImportError, match=r"pip install tqdm.*hasten-futures\[progress\]") as raised:
        pool.map(str, range(3), progress=True)
    assert raised.value.name == "tqdm"
    assert pool.futures == []


def test_the_real_bar(pool, capsys):
    tqdm = pytest.importorskip("tqdm")
    tqdm.tqdm.monitor_interval = 0  # it would keep a thread
    tqdm.tqdm.set_lock(threading.RLock())  # its own is a semaphore of multiprocessing that stays
    assert len(list(pool.map(str, range(100), progress=True))) == 100
    assert "100/100" in capsys.readouterr().err


def test_nothing_is_imported_when_it_is_off(python):
    python(
        "import sys\n"
        "from hasten.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: list(pool.map(str, range(3)))\n"
        "assert 'hasten.futures._progress' not in sys.modules and 'tqdm' not in sys.modules\n"
    )
