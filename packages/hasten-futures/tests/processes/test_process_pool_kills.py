"""Workers of a ProcessPoolExecutor that are killed, at any moment: nothing hangs, what is lost is told."""

from __future__ import annotations

import concurrent.futures.process
import multiprocessing
import random
import signal
import threading
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import kill, until_gone
from support.tasks import LONG, until

from hasten.futures import BrokenExecutor

BrokenProcessPool = concurrent.futures.process.BrokenProcessPool


@pytest.fixture(params=["fork", "forkserver"])
def quick(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_killed_worker_breaks_the_pool(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    slow = [pool.submit(targets.nap, 60) for _ in range(4)]
    until(lambda: len(pool._processes) == 2)
    until(lambda: sum(future.running() for future in slow) >= 2)
    kill(next(iter(pool._processes.values())))
    errors = [future.exception(LONG) for future in slow]
    assert {type(error) for error in errors} == {BrokenProcessPool}
    assert len(set(map(id, errors))) == 4 or pool.submit.__module__ != "hasten.futures"
    with pytest.raises(BrokenExecutor):
        pool.submit(targets.square, 1)
    assert pool._broken
    pool.shutdown()


@pytest.mark.ours
@pytest.mark.parametrize(
    ("function", "argument", "words", "cause"),
    [
        (targets.leave_hard, 3, "exit code 3", "exit code 3"),
        (targets.leave_hard, 0, "exit code 0", "exit code 0"),
        (targets.kill_self, signal.SIGSEGV, "SIGSEGV", "exit code -11 (SIGSEGV)"),
        (targets.kill_self, signal.SIGKILL, "SIGKILL", "exit code -9 (SIGKILL)"),
    ],
)
def test_the_error_says_how_it_ended(
    new_pool: Any, function: Any, argument: Any, words: str, cause: str
) -> None:
    pool = new_pool()
    error: Any = pool.submit(function, argument).exception(LONG)
    assert words in str(error)
    assert cause in error.__cause__.tb and "terminated abruptly" in error.__cause__.tb
    assert any(word.isdigit() for word in str(error).split())


def test_an_idle_worker_that_is_killed(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    pool.submit(targets.square, 1).result(LONG)
    kill(next(iter(pool._processes.values())))
    until(lambda: pool._broken)
    with pytest.raises(BrokenExecutor):
        pool.submit(targets.square, 1)


@pytest.mark.ours  # in the standard library a worker that was started a moment ago is not looked at
def test_a_worker_that_was_just_started(new_pool: Any, method: str) -> None:
    pool = new_pool(method)
    slow, doomed = pool.submit(targets.nap, 60), pool.submit(targets.kill_self)
    assert isinstance(doomed.exception(LONG), BrokenProcessPool)
    assert isinstance(slow.exception(LONG), BrokenProcessPool)


def test_a_failing_initializer_breaks_the_pool(new_pool: Any, quick: str, tmp_path: Any, impl: Any) -> None:
    log = tmp_path / "log"
    pool = new_pool(quick, initializer=targets.bad_logged_start, initargs=(str(log),))
    error: Any = pool.submit(targets.square, 1).exception(LONG)
    assert isinstance(error, BrokenExecutor)
    with pytest.raises(BrokenExecutor):
        pool.submit(targets.square, 1)
    pool.shutdown()
    assert "Exception in initializer:" in log.read_text()
    assert "the initializer does not like it" in log.read_text()
    if impl is not concurrent.futures:
        assert "does not like it" in error.__cause__.tb


def test_workers_that_die_in_the_initializer(new_pool: Any, quick: str) -> None:
    pool = new_pool(quick, initializer=targets.dying_start)
    assert isinstance(pool.submit(targets.square, 1).exception(LONG), BrokenExecutor)


@pytest.mark.ours
def test_a_task_that_fails_alone(new_pool: Any, method: str) -> None:
    pool = new_pool(method, on_crash="fail-task")
    before = [pool.submit(targets.square, n) for n in range(50)]
    doomed = pool.submit(targets.kill_self)
    after = [pool.submit(targets.square, n) for n in range(50)]
    error: Any = doomed.exception(LONG)
    assert isinstance(error, BrokenProcessPool) and "SIGKILL" in str(error)
    assert [future.result(LONG) for future in before + after] == [n * n for n in range(50)] * 2
    assert not pool._broken


@pytest.mark.ours
def test_idle_workers_are_replaced(new_pool: Any, method: str) -> None:
    pool = new_pool(method, on_crash="fail-task")
    for n in range(3):
        assert pool.submit(targets.square, n).result(LONG) == n * n
        for process in list(pool._processes.values()):
            kill(process)
    futures = [pool.submit(targets.square, n) for n in range(20)]
    assert [future.result(LONG) for future in futures] == [n * n for n in range(20)]


@pytest.mark.ours
def test_a_task_that_is_made_again(new_pool: Any, quick: str, tmp_path: Any) -> None:
    pool = new_pool(quick, on_crash="retry", max_retries=2)
    assert pool.submit(targets.die_until, str(tmp_path), 2).result(LONG) == 2
    error = pool.submit(targets.kill_self).exception(LONG)
    assert isinstance(error, BrokenProcessPool)
    assert pool.submit(targets.square, 3).result(LONG) == 9


@pytest.mark.ours
@pytest.mark.parametrize("policy", ["fail-task", "retry"])
def test_workers_that_never_get_ready(new_pool: Any, policy: str) -> None:
    pool = new_pool(on_crash=policy, initializer=targets.dying_start)
    futures = [pool.submit(targets.square, n) for n in range(5)]
    assert all(isinstance(future.exception(LONG), BrokenProcessPool) for future in futures)


@pytest.mark.ours
@pytest.mark.parametrize(
    "options",
    [{"on_crash": "ignore"}, {"on_crash": None}, {"on_crash": "retry", "max_retries": -1}],
)
def test_no_such_policy(impl: Any, options: Any) -> None:
    with pytest.raises(ValueError, match="on_crash|max_retries"):
        impl.ProcessPoolExecutor(1, **options)
    with pytest.raises(TypeError):
        impl.ProcessPoolExecutor(1, on_crash="retry", max_retries="two")


@pytest.mark.ours
def test_kills_at_random(new_pool: Any) -> None:
    """While tasks are taken, made and answered, with arguments and results that take time to write.

    A result comes between two kills: workers that all die before they are ready break the pool.
    """
    pool, seed = new_pool(size=3, on_crash="retry", max_retries=100), random.Random(7)
    left, came = threading.Event(), threading.Semaphore(0)

    def killer() -> None:
        while not left.wait(seed.random() * 0.01):
            if came.acquire(timeout=0.1):
                for process in list(pool._processes.values())[:1]:
                    kill(process)
                while came.acquire(blocking=False):
                    pass

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        small = [pool.submit(targets.square, n) for n in range(1500)]
        large = [pool.submit(targets.grown, bytes(300_000), n) for n in range(40)]
        for future in small + large:
            future.add_done_callback(lambda _: came.release())
        assert [future.result(LONG) for future in small] == [n * n for n in range(1500)]
        assert [future.result(LONG)[-1] for future in large] == list(range(40))
    finally:
        left.set()
        thread.join()
    pids = list(pool._processes)
    pool.shutdown()
    until_gone(pids)


def test_a_crash_after_shutdown(new_pool: Any) -> None:
    pool = new_pool()
    future = pool.submit(targets.kill_self)
    pool.shutdown()
    assert isinstance(future.exception(), BrokenProcessPool)


@pytest.mark.ours
def test_a_worker_that_cannot_be_replaced(new_pool: Any, monkeypatch: Any, impl: Any) -> None:
    pool = new_pool("forkserver", 1, max_tasks_per_child=1)
    first = pool.submit(targets.nap, 0.1)
    rest = [pool.submit(targets.square, n) for n in range(3)]

    def refuse(*args: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(impl.process, "_spawn_worker", refuse)
    assert first.exception(LONG) is None
    assert all("could not be started" in str(future.exception(LONG)) for future in rest)


@pytest.mark.ours
def test_a_worker_that_cannot_be_started(new_pool: Any, monkeypatch: Any, impl: Any) -> None:
    pool = new_pool("forkserver", 2)

    def refuse(*args: Any) -> None:
        raise OSError("no more processes")

    with monkeypatch.context() as patched:
        patched.setattr(impl.process, "_spawn_worker", refuse)
        with pytest.raises(OSError, match="no more processes"):
            pool.submit(targets.square, 1)
        assert not pool._pending_work_items
    assert pool.submit(targets.square, 2).result(LONG) == 4


@pytest.mark.ours
def test_workers_that_a_program_has_killed_and_closed(new_pool: Any) -> None:
    pool = new_pool()
    slow = pool.submit(targets.nap, 60)
    until(slow.running)
    for worker in list(pool._processes.values()):
        worker.kill()
        worker.join()
        # The standard library's processes may not know it yet, if another thread has waited for them, too.
        until(lambda process=worker: process.exitcode is not None)
        worker.close()
    with pytest.raises(BrokenProcessPool, match="worker process [0-9]+ "):
        slow.result(LONG)
    pool.shutdown()


@pytest.mark.ours
def test_a_worker_whose_start_was_interrupted(new_pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = multiprocessing.get_context("fork").Process
    start, interruptions = kind.start, [KeyboardInterrupt]

    def interrupted(process: Any) -> None:
        start(process)
        if interruptions:
            raise interruptions.pop()

    monkeypatch.setattr(kind, "start", interrupted)
    pool = new_pool("fork")
    with pytest.raises(KeyboardInterrupt):
        pool.submit(targets.square, 1)
    assert len(pool._processes) == 1
    futures = [pool.submit(targets.nap, 0.0001 * (x % 7), x) for x in range(300)]
    assert [future.result(LONG) for future in futures] == list(range(300))
    assert len({worker._hasten_side.index for worker in pool._processes.values()}) == 2
    pool.shutdown()


def test_the_words_that_programs_look_for(new_pool: Any) -> None:
    pool = new_pool()
    error = pool.submit(targets.leave_hard, 3).exception(LONG)
    assert str(error).startswith(
        "A process in the process pool was terminated abruptly while the future was running or pending."
    )
    with pytest.raises(BrokenExecutor, match="not usable anymore"):
        pool.submit(targets.square, 1)
