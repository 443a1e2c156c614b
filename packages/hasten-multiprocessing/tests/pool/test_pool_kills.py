"""Workers that are killed, leave, or never get ready: what they had fails by name, nothing else happens."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import pool_targets as targets
from support.children import has_ended

import hasten.multiprocessing
from hasten.multiprocessing._pool import _stopping
from hasten.multiprocessing.pool import (
    BrokenPoolError,
    Pool,
    PoolTerminatedError,
    ThreadPool,
    WorkerLostError,
)

METHODS = ["fork", "spawn", "forkserver"]
OURS = hasten.multiprocessing
PATIENCE = 20


def new_pool(method: str, size: int = 2, *args: Any) -> Any:
    return OURS.get_context(method).Pool(size, *args)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=METHODS)
def pool(request: pytest.FixtureRequest) -> Iterator[Any]:
    with new_pool(request.param) as made:
        yield made
    made.join()


@pytest.fixture
def forked() -> Iterator[Any]:
    with new_pool("fork") as made:
        yield made
    made.join()


def kill(worker: Any) -> None:
    try:
        os.kill(worker.pid, signal.SIGKILL)
    except ProcessLookupError:  # reaped since it was taken from the list
        pass


def wait_until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_worker_costs_its_task(pool: Any) -> None:
    before = [pool.apply_async(targets.square, (x,)) for x in range(50)]
    lost = pool.apply_async(targets.kill_self)
    after = [pool.apply_async(targets.square, (x,)) for x in range(50)]
    with pytest.raises(WorkerLostError, match="SIGKILL") as caught:
        lost.get(PATIENCE)
    assert caught.value.exitcode == -signal.SIGKILL and str(caught.value.pid) in str(caught.value)
    assert [r.get(PATIENCE) for r in before + after] == [x * x for x in range(50)] * 2
    wait_until(lambda: len(pool._pool) == 2 and all(p.is_alive() for p in pool._pool))


@pytest.mark.parametrize(
    ("function", "argument", "words"),
    [
        (targets.leave_hard, 3, "exit code 3"),
        (targets.leave_hard, 0, "exit code 0"),
        (targets.kill_self, signal.SIGSEGV, "SIGSEGV"),
        (targets.kill_self, signal.SIGTERM, "SIGTERM"),
    ],
)
def test_how_a_worker_ended(forked: Any, function: Any, argument: Any, words: str) -> None:
    with pytest.raises(WorkerLostError, match=words):
        forked.apply_async(function, (argument,)).get(PATIENCE)
    assert forked.apply_async(targets.square, (3,)).get(PATIENCE) == 9


def test_the_error_callback_is_called(forked: Any) -> None:
    errors: list[Any] = []
    forked.apply_async(targets.kill_self, error_callback=errors.append).wait(PATIENCE)
    assert [type(error) for error in errors] == [WorkerLostError]


def test_map_and_imap_with_a_killed_worker(forked: Any) -> None:
    with pytest.raises(WorkerLostError):
        forked.map_async(targets.kill_self_unless, [1, None, 3], 1).get(PATIENCE)
    results = forked.imap(targets.kill_self_unless, [1, None, 3])
    assert results.next(PATIENCE) == 1
    with pytest.raises(WorkerLostError):
        results.next(PATIENCE)
    assert results.next(PATIENCE) == 3
    with pytest.raises(StopIteration):
        results.next(PATIENCE)


def test_an_idle_worker_is_replaced(pool: Any) -> None:
    pool.map(targets.square, range(10))
    old = list(pool._pool)
    for worker in old:
        kill(worker)
    assert pool.map_async(targets.square, range(100), 1).get(PATIENCE) == [x * x for x in range(100)]
    wait_until(lambda: len(pool._pool) == 2 and not set(old) & set(pool._pool))


def test_sys_exit_and_interrupt(pool: Any) -> None:
    for function, argument, error in (
        (targets.leave, 3, SystemExit),
        (targets.interrupt, None, KeyboardInterrupt),
    ):
        with pytest.raises(error) as caught:
            pool.apply_async(function, (argument,)).get(PATIENCE)
        assert "Traceback" in str(caught.value.__cause__)
    assert pool.apply_async(targets.square, (3,)).get(PATIENCE) == 9


def test_what_cannot_be_unpickled(forked: Any) -> None:
    with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="Needy") as caught:
        forked.apply_async(targets.fail_needy).get(PATIENCE)
    assert "Needy: 1 and 2" in str(caught.value.__cause__)
    with pytest.raises(ImportError, match="not to be unpickled") as caught_there:
        forked.apply_async(targets.square, (targets.Trap(),)).get(PATIENCE)
    assert "Traceback" in str(caught_there.value.__cause__)
    with pytest.raises(ImportError, match="not to be unpickled"):
        forked.apply_async(targets.trap).get(PATIENCE)
    assert forked.apply_async(targets.square, (3,)).get(PATIENCE) == 9


def test_unpickling_that_leaves(forked: Any) -> None:
    left = forked.apply_async(targets.leaver)
    with pytest.raises(SystemExit):
        left.get(PATIENCE)
    assert forked.map(targets.square, range(5)) == [0, 1, 4, 9, 16]


def test_a_result_thread_that_fails(forked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has thought of breaks the pool, and is no wait for ever."""

    engine = forked._engine

    def fail() -> int:
        monkeypatch.undo()
        raise RuntimeError("not thought of")

    blocked = forked.apply_async(targets.nap, (30,))
    monkeypatch.setattr(engine, "pump", fail)
    assert forked.apply_async(targets.square, (2,)).get(PATIENCE) == 4  # it was taken all the same
    with pytest.raises(BrokenPoolError, match="not thought of"):
        blocked.get(PATIENCE)


def test_a_callback_that_raises(forked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(str(args.exc_value)))
    forked.apply_async(targets.square, (3,), callback=targets.fail).get(PATIENCE)
    wait_until(lambda: told == ["no 9"])
    assert forked.apply_async(targets.square, (3,)).get(PATIENCE) == 9


@pytest.mark.parametrize("start", [targets.bad_start, targets.dying_start])
def test_a_failing_initializer_breaks_the_pool(method: str, start: Any) -> None:
    with new_pool(method, 1, start) as pool:
        result = pool.apply_async(targets.square, (3,))
        with pytest.raises(BrokenPoolError) as caught:
            result.get(40)
        with pytest.raises(BrokenPoolError):
            pool.apply(targets.square, (3,))
        if start is targets.bad_start:
            assert "does not like it" in str(caught.value)
            assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_failing_initializer_of_threads() -> None:
    with pytest.raises(BrokenPoolError):
        with ThreadPool(2, targets.bad_start) as pool:
            pool.apply_async(targets.square, (3,)).get(PATIENCE)


def test_random_kills(method: str) -> None:
    """Each result arrives, or fails by name; none twice, none is lost, and no worker is missing."""
    rounds = 250 if method == "fork" else 40
    told: dict[int, int] = {}

    def count(i: int) -> Any:
        def tell(_: Any) -> None:
            told[i] = told.get(i, 0) + 1

        return tell

    with new_pool(method, 3) as pool:
        results = []
        lost = 0
        for i in range(rounds):
            for _ in range(20):
                n = len(results)
                tell = count(n)
                results.append(pool.apply_async(targets.square, (n,), callback=tell, error_callback=tell))
            ready = [w for w in list(pool._pool) if pool._inqueue.is_ready(w._hasten_side.index)]
            if ready:
                kill(random.choice(ready))
            if i % 10 == 0:
                results[-1].wait(PATIENCE)
        for n, result in enumerate(results):
            try:
                assert result.get(PATIENCE) == n * n
            except WorkerLostError as error:
                assert "SIGKILL" in str(error)
                lost += 1
        assert lost <= rounds
        assert pool.map_async(targets.square, range(20), 1).get(PATIENCE) == [x * x for x in range(20)]
        wait_until(lambda: len(told) == len(results))
        assert set(told.values()) == {1}
        wait_until(lambda: len(pool._pool) == 3)
        assert not pool._cache
    pool.join()


def test_kills_while_results_are_large(forked: Any) -> None:
    results = [forked.apply_async(targets.big, (300_000,)) for _ in range(60)]
    for _ in range(10):
        time.sleep(0.003)
        for worker in random.sample(workers := list(forked._pool), min(1, len(workers))):
            kill(worker)
    for result in results:
        try:
            assert len(result.get(PATIENCE)) == 300_000
        except WorkerLostError:
            pass
    assert forked.apply_async(targets.square, (3,)).get(PATIENCE) == 9


@pytest.mark.parametrize("how", ["terminate", "close"])
def test_workers_that_ignore_sigterm(method: str, how: str, tmp_path: Path) -> None:
    pool = new_pool(method, 2, targets.deaf_start)
    pool.map(targets.square, range(4))
    result = pool.apply_async(targets.nap, (60,)) if how == "terminate" else None
    workers = [psutil.Process(w.pid) for w in pool._pool]
    start = time.monotonic()
    getattr(pool, how)()
    pool.join()
    assert time.monotonic() - start < 5  # two, on a machine with nothing else to do
    assert not any(worker.is_running() and worker.status() != "zombie" for worker in workers)
    if result is not None:
        with pytest.raises(PoolTerminatedError):
            result.get(PATIENCE)


def test_what_waits_when_the_pool_is_terminated(forked: Any) -> None:
    single = [forked.apply_async(targets.nap, (30,)) for _ in range(5)]
    mapped = forked.map_async(targets.nap, [30] * 20, 1)
    lazily = forked.imap(targets.nap, iter([30] * 20))
    forked.terminate()
    for result in [*single, mapped]:
        with pytest.raises(PoolTerminatedError):
            result.get(PATIENCE)
    with pytest.raises(PoolTerminatedError):
        lazily.next(PATIENCE)


def test_buffersize(forked: Any) -> None:
    seen: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            seen.append(len(seen))
            yield seen[-1]

    results = forked.imap(targets.square, endless(), buffersize=4)
    assert [next(results) for _ in range(20)] == [x * x for x in range(20)]
    assert len(seen) <= 25
    chunked = forked.imap_unordered(targets.square, range(30), 5, buffersize=10)
    assert sorted(chunked) == [x * x for x in range(30)]
    for bad, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error):
            forked.imap(targets.square, [], buffersize=bad)
    del results
    forked.close()


def test_an_unclosed_pool_is_ended() -> None:
    pool = new_pool("fork")
    pool.map(targets.square, range(4))
    workers = [psutil.Process(w.pid) for w in pool._pool]
    with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool"):
        del pool
    wait_until(lambda: not any(w.is_running() and w.status() != "zombie" for w in workers))


PROGRAM = """
import sys, time
sys.path[:0] = {path!r}
from support import pool_targets as targets
import hasten.multiprocessing as multiprocessing

if __name__ == "__main__":
    pool = multiprocessing.get_context({method!r}).Pool(2, targets.deaf_start)
    pool.map(targets.square, range(10))
    print(*[w.pid for w in pool._pool], flush=True)
    {end}
"""


def program(method: str, end: str) -> Any:
    text = PROGRAM.format(path=[p for p in sys.path if p], method=method, end=end)
    path = Path(os.environ["POOL_PROGRAM"])
    path.write_text(text)
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, str(path)], text=True, start_new_session=True, **quiet)


@pytest.fixture(autouse=True)
def program_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_PROGRAM", str(tmp_path / "program.py"))


@pytest.mark.parametrize(
    ("end", "number"),
    [
        ("pass", None),
        ("pool.apply_async(time.sleep, (60,))", None),
        ("sys.exit(3)", None),
        ("pool.map(time.sleep, [60] * 4)", signal.SIGINT),
        ("time.sleep(60)", signal.SIGKILL),
    ],
)
def test_no_worker_outlives_the_program(method: str, end: str, number: int | None) -> None:
    process = program(method, end)
    pids = list(map(int, process.stdout.readline().split()))
    assert len(pids) == 2
    if number == signal.SIGINT:
        time.sleep(0.1)  # until it waits; the other moments are right, too
        os.killpg(process.pid, number)
    elif number is not None:
        process.send_signal(number)
    process.wait(PATIENCE)
    process.stdout.close()
    wait_until(lambda: all(map(has_ended, pids)))


def test_a_subclass_with_its_own_queues() -> None:
    class OwnQueues(Pool):
        def _setup_queues(self) -> None:
            self._inqueue = self._ctx.SimpleQueue()
            self._outqueue = self._ctx.SimpleQueue()
            self._quick_put = self._inqueue.put
            self._quick_get = self._outqueue.get

    with OwnQueues(2, context=OURS.get_context("fork")) as pool:
        assert pool._engine is None
        assert pool.map(targets.square, range(10)) == [x * x for x in range(10)]
        assert pool.apply_async(targets.square, (3,)).get(PATIENCE) == 9
        assert list(pool.imap(targets.square, range(10))) == [x * x for x in range(10)]
    pool.join()


def test_workers_that_a_program_has_killed_and_closed(forked: Any) -> None:
    lost = forked.apply_async(targets.nap, (60,))
    wait_until(lambda: forked._inqueue.count() == 0)
    for worker in list(forked._pool):
        worker.kill()
        worker.join()
        worker.close()
    with pytest.raises(WorkerLostError, match="worker process [0-9]+ "):
        lost.get(PATIENCE)
    assert forked.apply_async(targets.square, (3,)).get(PATIENCE) == 9


class BeingClosed(multiprocessing.get_context("fork").Process):
    """A process in whose close() another thread is: what is there at one look is gone at the next."""

    looks: int | None = None

    @property
    def _popen(self) -> Any:
        if self.looks is not None:
            self.looks -= 1
        return None if self.looks is not None and self.looks < 0 else vars(self)["popen"]

    @_popen.setter
    def _popen(self, popen: Any) -> None:
        vars(self)["popen"] = popen


@pytest.mark.parametrize("looks", range(8))
def test_a_worker_that_a_program_is_closing(looks: int) -> None:
    worker = BeingClosed(target=targets.square, args=(1,))
    worker.start()
    worker.join()
    worker.looks = looks
    told = _stopping.has_ended(worker)  # raises nothing, whatever it has seen
    assert told is (looks > 0)  # where nothing was there from the first look on it has not been started
    worker.looks = looks
    _stopping.stop([worker])
    worker.looks = None
    assert _stopping.has_ended(worker) and worker._hasten_exitcode == 0
    worker.close()


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_a_forked_child_does_not_use_its_parents_pool(kind: str) -> None:
    pool = ThreadPool(1) if kind == "threads" else new_pool("fork", 1)
    with pool:
        slow = pool.apply_async(targets.nap, (0.2, "slow"))
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                pool.apply_async(targets.nap, (0, "child"))
                os.write(writer, b"put")
            except ValueError as error:
                os.write(writer, str(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(pid, 0)
        parents = pool.apply_async(targets.nap, (0, "parent"))
        assert slow.get(PATIENCE) == "slow" and parents.get(PATIENCE) == "parent"
        with open(reader, "rb") as told:
            assert f"belongs to process {os.getpid()}" in told.read().decode()
    pool.join()
