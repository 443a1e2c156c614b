"""What programs use of ProcessPoolExecutor that is not documented."""

from __future__ import annotations

import concurrent.futures.process
import gc
import multiprocessing
import threading
import weakref
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import remember_event, wait_for_event
from support.tasks import LONG, until

import hasten.futures
import hasten.futures.process


def test_attributes(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    assert pool._max_workers == 2 and pool._processes == {}
    assert not (pool._broken or pool._shutdown_thread or pool._queue_count or pool._pending_work_items)
    assert pool._mp_context is multiprocessing.get_context(method)
    assert pool._safe_to_dynamically_spawn_children == (method != "fork")
    assert pool._executor_manager_thread is None and pool._executor_manager_thread_wakeup is not None
    futures = [pool.submit(targets.nap, 0.1) for _ in range(6)]
    assert len(pool._pending_work_items) >= 4 and pool._queue_count == 6
    items = list(pool._pending_work_items.values())
    assert [items[-1].future, items[-1].fn, items[-1].args] == [futures[-1], targets.nap, (0.1,)]
    assert isinstance(pool._executor_manager_thread, threading.Thread)
    assert pool._call_queue.qsize() >= 0 and pool._work_ids.qsize() >= 0
    assert hasattr(pool._result_queue, "_reader") and hasattr(pool._idle_worker_semaphore, "release")
    assert all(process.pid == pid for pid, process in pool._processes.items())
    with pool._shutdown_lock:
        pass
    for future in futures:
        future.result(LONG)
    until(lambda: not pool._pending_work_items)
    pool.shutdown()
    assert pool._processes is None and pool._executor_manager_thread is None
    assert pool._call_queue is None and pool._shutdown_thread


def test_processes_can_be_killed_while_one_goes_through_them(new_pool: Any, impl: Any) -> None:
    pool = new_pool(size=4)
    future = pool.submit(targets.nap, 60)
    for process in pool._processes.values():
        process.kill()
        process.join(LONG)
    assert isinstance(future.exception(LONG), impl.BrokenExecutor)


def test_spawn_process_is_overridden(impl: Any, method: str) -> None:
    class Own(impl.ProcessPoolExecutor):  # type: ignore[misc,name-defined]
        spawned = 0

        def _spawn_process(self) -> None:
            self.spawned += 1
            super()._spawn_process()

    with Own(2, mp_context=multiprocessing.get_context(method)) as pool:
        futures = [pool.submit(targets.nap, 0.2, n) for n in range(4)]
        assert [future.result(LONG) for future in futures] == list(range(4))
        assert pool.spawned == 2


@pytest.mark.parametrize("name", ["_start_executor_manager_thread", "_launch_processes"])
def test_parts_are_overridden(impl: Any, name: str) -> None:
    """Such a subclass gets the standard library's machinery, with all of its parts."""
    if not hasattr(concurrent.futures.ProcessPoolExecutor, name):
        pytest.skip("the standard library has no such part")
    told: list[str] = []

    def own(self: Any) -> Any:
        told.append(name)
        return getattr(super(cls, self), name)()

    cls = type("Own", (impl.ProcessPoolExecutor,), {name: own})
    with cls(1, multiprocessing.get_context("fork")) as pool:
        assert pool.submit(targets.square, 3).result(LONG) == 9
        assert list(pool.map(targets.square, range(5), chunksize=2)) == [0, 1, 4, 9, 16]
        assert isinstance(pool._call_queue, multiprocessing.queues.Queue)
        assert len(pool._processes) == 1 and pool._queue_count == 4
    assert told and pool._processes is None
    if impl is hasten.futures:
        with pytest.raises(ValueError, match="on_crash='retry' needs"):
            cls(1, on_crash="retry")


@pytest.mark.ours  # the standard library's map() submits lists of calls
def test_a_subclass_that_submits(impl: Any) -> None:
    class Own(impl.ProcessPoolExecutor):  # type: ignore[misc,name-defined]
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            return super().submit(targets.add, fn(*args), y=100)

    with Own(1) as pool:
        assert list(pool.map(targets.square, range(3))) == [100, 101, 104]


def test_names_of_the_module() -> None:
    ours, theirs = hasten.futures.process, concurrent.futures.process
    missing = set(dir(theirs)) - set(dir(ours))
    assert not missing
    for name in ("BrokenProcessPool", "_RemoteTraceback", "_WorkItem", "_CallItem", "_ResultItem"):
        assert getattr(ours, name) is getattr(theirs, name)
    assert ours.EXTRA_QUEUED_CALLS == 1
    assert ours._threads_wakeups is theirs._threads_wakeups
    with pytest.raises(AttributeError):
        ours.no_such_name  # noqa: B018


def test_the_threads_are_in_the_registry(new_pool: Any, impl: Any) -> None:
    registry = concurrent.futures.process._threads_wakeups
    pool = new_pool()
    pool.submit(targets.square, 1).result(LONG)
    assert pool._executor_manager_thread in registry
    registry[pool._executor_manager_thread].wakeup()
    assert pool.submit(targets.square, 2).result(LONG) == 4
    thread = weakref.ref(pool._executor_manager_thread)
    pool.shutdown()
    gc.collect()
    assert thread() is None or thread() not in registry


def test_no_method_is_the_standard_librarys() -> None:
    theirs = vars(concurrent.futures.ProcessPoolExecutor)
    ours = hasten.futures.ProcessPoolExecutor
    for name, value in theirs.items():
        if callable(value) and name != "__class_getitem__":
            assert getattr(ours, name) is not value, name


def test_the_state_of_a_call_that_runs(new_pool: Any) -> None:
    event = multiprocessing.get_context("fork").Event()
    pool = new_pool(size=1, initializer=remember_event, initargs=(event,))
    future = pool.submit(wait_for_event)
    until(future.running)
    assert future._state == "RUNNING" and "state=running" in repr(future)
    event.set()
    assert future.result(LONG)
    assert future._state == "FINISHED" and not future.running()
