"""ProcessPoolExecutor: calls, maps, cancelling, workers on demand, and the end."""

from __future__ import annotations

import asyncio
import concurrent.futures.process
import multiprocessing
import os
import threading
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import remember_event, wait_for_each_other, wait_for_event
from support.tasks import LONG, until

import hasten.futures


def test_calls(new_pool: Any, method: str, impl: Any) -> None:
    pool = new_pool(method)
    assert pool.submit(targets.add, 1, y=2, z=3).result(LONG) == 6
    assert pool.submit(targets.pid).result(LONG) in pool._processes
    futures = [pool.submit(targets.square, n) for n in range(100)]
    assert [future.result(LONG) for future in futures] == [n * n for n in range(100)]
    assert {future.result() for future in impl.as_completed(futures, LONG)} == {n * n for n in range(100)}
    assert impl.wait(futures, LONG).done == set(futures)


def test_maps(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    for chunksize in (1, 6, 40, 50):
        got = list(pool.map(targets.add, range(40), range(40), chunksize=chunksize, timeout=LONG))
        assert got == [2 * n for n in range(40)]
    assert list(pool.map(targets.square, [])) == []


def test_chunks_are_made_by_one_process(new_pool: Any) -> None:
    pids = list(new_pool().map(targets.pid, range(40), chunksize=10))
    assert all(len(set(pids[at : at + 10])) == 1 for at in range(0, 40, 10))


@pytest.mark.parametrize("chunksize", [0, -1])
def test_no_such_chunks(new_pool: Any, chunksize: int) -> None:
    with pytest.raises(ValueError, match="chunksize must be >= 1"):
        new_pool().map(targets.square, [1], chunksize=chunksize)


@pytest.mark.since(3, 14)
def test_a_buffer_of_chunks(new_pool: Any) -> None:
    taken: list[int] = []

    def items() -> Any:
        for n in range(100):
            taken.append(n)
            yield n

    results = new_pool().map(targets.square, items(), chunksize=3, buffersize=2)
    assert len(taken) == 6
    assert next(results) == 0
    assert list(results) == [n * n for n in range(1, 100)]


def test_an_error_in_a_chunk(new_pool: Any) -> None:
    results = new_pool().map(targets.fail_on, [5] * 10, range(10), chunksize=3)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no 5"):
        next(results)


@pytest.mark.ours
@pytest.mark.parametrize("chunksize", [1, 4])
def test_progress(new_pool: Any, chunksize: int) -> None:
    told: list[Any] = []
    pool = new_pool()
    got = list(pool.map(targets.square, range(10), chunksize=chunksize, progress=lambda *to: told.append(to)))
    assert got == [n * n for n in range(10)]
    assert told[-1] == (10, 10)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_call_that_raises(new_pool: Any, method: str) -> None:
    future = new_pool(method).submit(targets.fail, 7)
    with pytest.raises(ValueError, match="no 7") as caught:
        future.result(LONG)
    cause: Any = caught.value.__cause__
    assert type(cause) is concurrent.futures.process._RemoteTraceback
    assert 'raise ValueError(f"no {x}")' in cause.tb


def test_sys_exit_and_interrupt(new_pool: Any) -> None:
    pool = new_pool()
    for function, argument, error in (
        (targets.leave, 3, SystemExit),
        (targets.interrupt, None, KeyboardInterrupt),
    ):
        assert isinstance(pool.submit(function, argument).exception(LONG), error)
    assert pool.submit(targets.square, 3).result(LONG) == 9


# ---- cancelling ----


def test_what_no_worker_has_can_be_cancelled(new_pool: Any) -> None:
    event = multiprocessing.get_context("fork").Event()
    pool = new_pool(size=1, initializer=remember_event, initargs=(event,))
    first = pool.submit(wait_for_event)
    rest = [pool.submit(targets.square, n) for n in range(50)]
    until(first.running)
    assert not first.cancel() and not first.done()
    cancelled = [future for future in rest[10:] if future.cancel()]
    assert cancelled == rest[10:]
    assert all(future.cancelled() and future.done() for future in cancelled)
    event.set()
    assert first.result(LONG)
    assert [future.result(LONG) for future in rest[:10]] == [n * n for n in range(10)]


@pytest.mark.ours
def test_what_was_cancelled_is_not_run(new_pool: Any, tmp_path: Any) -> None:
    """The one next in line, too, which the standard library has given away by then."""
    event = multiprocessing.get_context("fork").Event()
    pool = new_pool(size=1, initializer=remember_event, initargs=(event,))
    first = pool.submit(wait_for_event)
    doomed = [pool.submit(os.mkdir, tmp_path / str(n)) for n in range(20)]
    until(first.running)
    assert [future.running() for future in doomed] == [False] * 20
    assert all(future.cancel() for future in doomed[::2])
    assert "cancelled" in repr(doomed[0]) and "running" in repr(first) and "pending" in repr(doomed[1])
    assert not {id(future) for future in doomed[::2]} & {
        id(item.future) for item in pool._pending_work_items.values()
    }
    event.set()
    pool.shutdown()
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == list(range(1, 20, 2))


@pytest.mark.ours
def test_cancelling_races_with_the_workers(new_pool: Any, tmp_path: Any) -> None:
    """Each call either was cancelled, and left no trace, or was made."""
    pool = new_pool()
    futures = [pool.submit(os.mkdir, tmp_path / str(n)) for n in range(2000)]
    cancelled = [future.cancel() for future in futures]
    pool.shutdown()
    assert [future.cancelled() for future in futures] == cancelled
    assert all(future.exception() is None for future, gone in zip(futures, cancelled) if not gone)
    made = {int(path.name) for path in tmp_path.iterdir()}
    assert made == {n for n, gone in enumerate(cancelled) if not gone}


def test_shutdown_that_cancels(new_pool: Any) -> None:
    pool = new_pool()
    futures = [pool.submit(targets.nap, 0.01) for _ in range(100)]
    pool.shutdown(cancel_futures=True)
    cancelled = [future for future in futures if future.cancelled()]
    assert len(cancelled) > 50
    assert all(future.done() for future in futures)
    assert not any(future.exception() for future in futures if not future.cancelled())


# ---- workers ----


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_an_idle_worker_is_used_again(new_pool: Any, start: str) -> None:
    pool = new_pool(start, 4)
    assert len({pool.submit(targets.pid).result(LONG) for _ in range(5)}) == 1
    assert len(pool._processes) == 1


def test_fork_starts_all_at_once(new_pool: Any) -> None:
    pool = new_pool("fork", 4)
    assert len(pool._processes) == 0
    pool.submit(targets.pid).result(LONG)
    assert len(pool._processes) == 4


def test_the_initializer(new_pool: Any, method: str) -> None:
    pool = new_pool(method, initializer=targets.remember, initargs=("here",))
    assert [future.result(LONG) for future in [pool.submit(targets.recall) for _ in range(6)]] == ["here"] * 6


@pytest.mark.since(3, 11)
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_max_tasks_per_child(new_pool: Any, start: str, impl: Any) -> None:
    if impl is not hasten.futures:
        pytest.skip("it deadlocks in versions before 3.15.1")
    pool = new_pool(start, 1, max_tasks_per_child=2)
    pids = [future.result(LONG) for future in [pool.submit(targets.pid) for _ in range(7)]]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2, 1]
    pool.shutdown()


@pytest.mark.ours
@pytest.mark.parametrize("wait", [False, True])
def test_max_tasks_per_child_and_shutdown(new_pool: Any, wait: bool) -> None:
    pool = new_pool("forkserver", 2, max_tasks_per_child=1)
    futures = [pool.submit(targets.square, n) for n in range(8)]
    pool.shutdown(wait=wait)
    assert [future.result(LONG) for future in futures] == [n * n for n in range(8)]
    pool.shutdown()


@pytest.mark.ours
def test_the_default_number_of_workers_knows_the_affinity(impl: Any) -> None:
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(own)})
        with impl.ProcessPoolExecutor() as pool:
            assert pool._max_workers == 1
    finally:
        os.sched_setaffinity(0, own)


# ---- together with others ----


def test_in_asyncio(new_pool: Any) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(pool, targets.square, n) for n in range(20)]
        return await asyncio.gather(*calls)

    pool = new_pool()
    assert asyncio.run(main()) == [n * n for n in range(20)]


def test_callbacks(new_pool: Any) -> None:
    told: list[Any] = []
    pool = new_pool()
    for n in range(20):
        pool.submit(targets.square, n).add_done_callback(lambda future: told.append(future.result()))
    pool.shutdown()
    assert sorted(told) == [n * n for n in range(20)]


def test_a_callback_may_submit(new_pool: Any) -> None:
    pool, done = new_pool(), threading.Event()

    def again(future: Any) -> None:
        pool.submit(targets.square, future.result()).add_done_callback(lambda _: done.set())

    pool.submit(targets.square, 2).add_done_callback(again)
    assert done.wait(LONG)


def test_many_threads_submit(new_pool: Any, spawn: Any) -> None:
    pool = new_pool()

    def submit(base: int) -> list[Any]:
        return [pool.submit(targets.square, n).result(LONG) for n in range(base, base + 50)]

    threads = [spawn(submit, base) for base in range(0, 400, 50)]
    got = [value for thread in threads for value in thread.result()]
    assert got == [n * n for n in range(400)]


def test_more_calls_than_fit_and_large_ones(new_pool: Any) -> None:
    pool = new_pool()
    futures = [pool.submit(targets.square, n) for n in range(9000)]
    large = [pool.submit(len, bytes(1_500_000)) for _ in range(8)]
    back = pool.submit(bytes, 3_000_000)
    assert [future.result(LONG) for future in futures] == [n * n for n in range(9000)]
    assert [future.result(LONG) for future in large] == [1_500_000] * 8
    assert back.result(LONG) == bytes(3_000_000)


# ---- the end ----


def test_after_shutdown(new_pool: Any) -> None:
    pool = new_pool()
    futures = [pool.submit(targets.square, n) for n in range(20)]
    processes = dict(pool._processes)
    pool.shutdown()
    assert all(future.done() for future in futures)
    assert all(process.exitcode == 0 for process in processes.values())
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(targets.square, 1)


def test_shutdown_without_waiting(new_pool: Any) -> None:
    pool = new_pool()
    futures = [pool.submit(targets.nap, 0.01, n) for n in range(20)]
    thread = pool._executor_manager_thread
    pool.shutdown(wait=False)
    assert [future.result(LONG) for future in futures] == list(range(20))
    thread.join(LONG)
    assert not thread.is_alive()


def test_an_unused_pool(new_pool: Any) -> None:
    pool = new_pool()
    pool.shutdown()
    with new_pool():
        pass


def test_with_and_an_exception(new_pool: Any) -> None:
    with pytest.raises(KeyError), new_pool() as pool:
        future = pool.submit(targets.square, 3)
        raise KeyError
    assert future.result() == 9


@pytest.mark.ours
def test_shutdown_with_a_timeout(new_pool: Any, impl: Any) -> None:
    pool = new_pool(size=1)
    future = pool.submit(targets.nap, 0.3, "done")
    with pytest.raises(impl.TimeoutError):
        pool.shutdown(timeout=0.01)
    pool.shutdown()
    assert future.result(0) == "done"


@pytest.mark.parametrize("name", ["terminate_workers", "kill_workers"])
@pytest.mark.since(3, 14)
def test_ending_workers(new_pool: Any, method: str, name: str, impl: Any) -> None:
    pool = new_pool(method)
    futures = [pool.submit(targets.nap, 60) for _ in range(10)]
    until(lambda: sum(future.running() for future in futures) >= 2)
    until(lambda: len(pool._processes) == 2)
    processes = list(pool._processes.values())
    getattr(pool, name)()
    assert isinstance(futures[0].exception(LONG), impl.BrokenExecutor)
    until(lambda: all(future.done() for future in futures))
    assert futures[-1].cancelled()
    for process in processes:
        until(lambda: not process.is_alive())  # noqa: B023 (at once; two threads wait for it)
    with pytest.raises(RuntimeError):
        pool.submit(targets.square, 1)


def test_time_is_taken_side_by_side(new_pool: Any) -> None:
    """Two workers do work at the same time: each waits for the other."""
    events = [multiprocessing.get_context("fork").Event() for _ in range(2)]
    pool = new_pool(initializer=remember_event, initargs=(events,))
    futures = [pool.submit(wait_for_each_other, n) for n in range(2)]
    assert all(future.result(LONG) for future in futures)
