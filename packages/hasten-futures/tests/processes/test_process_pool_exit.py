"""The end of the program, of the parent and of the executor object; executors in forked processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import pool_targets as targets
from support.process_pools import METHODS, until_gone
from support.tasks import LONG, until

HEADER = """
import multiprocessing, os, sys, time
from {module} import ProcessPoolExecutor
def say(word):
    print(word, flush=True)
def nap(word):
    time.sleep(0.02)
    say(word)
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("{method}"))
"""


@pytest.fixture(params=["fork", "spawn"])
def program(impl: Any, request: pytest.FixtureRequest, tmp_path: Any) -> Callable[[str], list[str]]:
    """Run a program with a pool of one worker; the lines that it prints.  Nothing may go to stderr."""

    def run(body: str) -> list[str]:
        path = tmp_path / "program.py"
        indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
        path.write_text(HEADER.format(module=impl.__name__, method=request.param) + indented)
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return run


def test_what_is_queued_is_done(program: Any) -> None:
    body = "for n in range(20):\n    pool.submit(nap if n < 2 else say, n)"
    assert program(body) == [str(n) for n in range(20)]


def test_after_shutdown_without_waiting(program: Any) -> None:
    body = "for n in range(5):\n    pool.submit(nap, n)\npool.shutdown(wait=False)"
    assert program(body) == [str(n) for n in range(5)]


def test_dropped_before(program: Any) -> None:
    body = "for n in range(5):\n    pool.submit(nap, n)\ndel pool"
    assert program(body) == [str(n) for n in range(5)]


def test_a_broken_pool_at_the_end(program: Any) -> None:
    assert program("pool.submit(os._exit, 3)\npool.submit(say, 1)\nsay('end')")[0] == "end"


def test_an_argument_that_cannot_be_pickled(program: Any) -> None:
    body = "pool.submit(abs, lambda: 0)\npool.shutdown(wait=False)\nsay('end')"
    assert program(body) == ["end"]


@pytest.mark.ours
def test_more_workers_are_needed_at_the_end(program: Any) -> None:
    """max_tasks_per_child: others take the place while the program waits to end."""
    body = """
pool = ProcessPoolExecutor(1, max_tasks_per_child=1, mp_context=multiprocessing.get_context("forkserver"))
for n in range(3):
    pool.submit(say, n)
"""
    assert program(body) == ["0", "1", "2"]


@pytest.mark.ours  # those of the standard library stay, some for ever
@pytest.mark.parametrize("start", METHODS)
def test_workers_of_a_killed_parent_end(impl: Any, start: str, tmp_path: Any) -> None:
    path = tmp_path / "program.py"
    body = "    pool.submit(say, 1).result()\n    say(list(pool._processes)[0])\n    time.sleep(60)\n"
    path.write_text(HEADER.format(module=impl.__name__, method=start) + body)
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)][1:]
        parent.kill()
    until_gone(pids)


# ---- the executor object ----


def test_dropped_without_shutdown(new_pool: Any, impl: Any) -> None:
    pool = impl.ProcessPoolExecutor(2)
    futures = [pool.submit(targets.nap, 0.01, n) for n in range(20)]
    thread, processes, gone = pool._executor_manager_thread, dict(pool._processes), weakref.ref(pool)
    del pool
    gc.collect()
    assert gone() is None
    assert [future.result(LONG) for future in futures] == list(range(20))
    thread.join(LONG)
    assert not thread.is_alive()
    for process in processes.values():
        process.join(LONG)


@pytest.mark.ours
def test_dropped_with_workers_to_be_replaced(impl: Any) -> None:
    context = multiprocessing.get_context("forkserver")
    pool = impl.ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1)
    first = pool.submit(targets.nap, 0.3)
    second = pool.submit(targets.square, 2)
    until(first.running)
    thread = pool._executor_manager_thread
    del pool
    gc.collect()
    assert first.exception(LONG) is None
    assert "garbage collected" in str(second.exception(LONG))
    thread.join(LONG)


def test_nothing_is_left_of_an_unused_executor(impl: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        impl.ProcessPoolExecutor(2)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.ours
def test_futures_do_not_keep_the_descriptors(impl: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with impl.ProcessPoolExecutor(1) as pool:
        kept = [pool.submit(targets.square, n) for n in range(3)]
        kept += [pool.submit(targets.nap, 0.05) for _ in range(10)]
        kept[-1].cancel()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert kept[2].result() == 4


# ---- a child that was forked ----


def in_child(body: Callable[[], Any]) -> int:
    """Run *body* in a fork; the exit status, 0 if it returned True."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            os._exit(0 if body() is True else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.ours
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_touch_it(new_pool: Any) -> None:
    pool = new_pool(size=1)
    pool.submit(targets.square, 1).result(LONG)
    running = pool.submit(targets.nap, 0.3, "done")
    waiting = [pool.submit(targets.square, n) for n in range(5)]

    def body() -> bool:
        try:
            pool.submit(targets.square, 1)
        except RuntimeError as error:
            refused = "belongs to process" in str(error)
        for future in waiting:
            future.cancel()
        pool.shutdown()
        return refused

    assert in_child(body) == 0
    assert running.result(LONG) == "done"
    assert [future.result(LONG) for future in waiting] == [n * n for n in range(5)]
    assert pool.submit(targets.square, 3).result(LONG) == 9


@pytest.mark.ours
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_makes_its_own(new_pool: Any, impl: Any) -> None:
    pool = new_pool()
    pool.submit(targets.square, 1).result(LONG)

    def body() -> bool:
        with impl.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as own:
            return bool(own.submit(targets.square, 3).result(LONG) == 9)

    assert in_child(body) == 0


def test_in_a_worker(new_pool: Any, impl: Any) -> None:
    assert new_pool().submit(targets.use_pool, impl.__name__).result(LONG) == 9
