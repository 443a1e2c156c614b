"""How ProcessPoolExecutor is imported, with and without hasten-multiprocessing; its futures with ours."""

from __future__ import annotations

import asyncio
import concurrent.futures.process
import multiprocessing
import os
import signal
import time

import pytest
from support.tasks import LONG

import hasten.futures
import hasten.futures.process

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture(params=METHODS)
def pool(request):
    context = multiprocessing.get_context(request.param)
    with hasten.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@pytest.mark.parametrize(
    "first",
    [
        "import hasten.futures.process as ours",
        "from hasten.futures import process as ours",
        "import hasten.futures; hasten.futures.ProcessPoolExecutor; ours = hasten.futures.process",
        "import concurrent.futures.process, hasten.futures.process as ours",
        "from importlib import import_module; ours = import_module('hasten.futures.process')",
    ],
)
@pytest.mark.parametrize("alone", [False, True], ids=["", "without hasten-multiprocessing"])
def test_however_it_is_imported(python, first, alone):
    """One object under both names if that other distribution is not there."""
    python(
        f"import sys\nif {alone}: sys.modules['hasten.multiprocessing'] = None\n"
        f"{first}\n"
        "import concurrent.futures.process, hasten.futures\n"
        f"assert (ours is concurrent.futures.process) is {alone}\n"
        "assert ours is hasten.futures.process is sys.modules['hasten.futures.process']\n"
        "theirs = concurrent.futures.ProcessPoolExecutor\n"
        f"assert (hasten.futures.ProcessPoolExecutor is theirs) is {alone}\n"
        "assert issubclass(hasten.futures.ProcessPoolExecutor, (theirs, hasten.futures.Executor))\n"
    )


def test_without_the_other_distribution(python):
    python(
        "import sys; sys.modules['hasten.multiprocessing'] = None\n"
        "import multiprocessing, hasten.futures\n"
        "with hasten.futures.ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:\n"
        "    future = pool.submit(pow, 2, 8)\n"
        "    assert isinstance(future, hasten.futures.Future) and future.result() == 256\n"
        "    assert isinstance(pool, hasten.futures.Executor)\n"
    )


def test_it_is_imported_when_it_is_asked_for(python):
    python(
        "import sys, hasten.futures\n"
        "assert 'ProcessPoolExecutor' in dir(hasten.futures)\n"
        "assert not [name for name in sys.modules if 'multiprocessing' in name]\n"
        "from hasten.futures import ProcessPoolExecutor\n"
        "assert 'concurrent.futures.process' in sys.modules\n"
    )


def test_children_do_not_import_the_executor(python):
    """What a worker runs is in hasten.multiprocessing, which a spawned child has anyway."""
    python(
        "import multiprocessing, sys\n"
        "from hasten.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:\n"
        '    assert not pool.submit(eval, \'"concurrent.futures" in __import__("sys").modules\').result()\n'
        '    assert not pool.submit(eval, \'"hasten.futures" in __import__("sys").modules\').result()\n'
    )


def test_calls_in_another_process(pool):
    assert pool.submit(pow, 2, 8).result(LONG) == 256
    assert pool.submit(os.getpid).result(LONG) != os.getpid()
    assert list(pool.map(pow, range(20), range(20), chunksize=3)) == [n**n for n in range(20)]


def test_its_futures_with_our_functions(pool):
    futures = [pool.submit(pow, n, 2) for n in range(10)]
    assert sorted(future.result() for future in hasten.futures.as_completed(futures, LONG)) == [
        n * n for n in range(10)
    ]
    done, not_done = hasten.futures.wait(futures, LONG)
    assert done == set(futures)
    assert not_done == set()
    futures.append(pool.submit(int, "no number"))
    done, _ = hasten.futures.wait(futures, LONG, hasten.futures.FIRST_EXCEPTION)
    assert futures[-1] in done
    assert isinstance(futures[-1].exception(), ValueError)


def test_together_with_futures_of_threads(pool):
    with hasten.futures.ThreadPoolExecutor(2) as threads:
        futures = {executor.submit(pow, 2, n) for n in range(5) for executor in (pool, threads)}
        assert hasten.futures.wait(futures, LONG).done == futures
        assert set(hasten.futures.as_completed(futures, LONG)) == futures


def test_instances_of_our_classes(pool):
    assert isinstance(pool, hasten.futures.Executor)
    assert isinstance(pool.submit(pow, 2, 2), hasten.futures.Future)
    assert issubclass(hasten.futures.ProcessPoolExecutor, hasten.futures.Executor)


def test_in_asyncio(pool):
    async def main():
        return await asyncio.get_running_loop().run_in_executor(pool, pow, 2, 8)

    assert asyncio.run(main()) == 256


def test_a_killed_worker_breaks_the_pool(pool):
    doomed = pool.submit(signal.raise_signal, signal.SIGKILL)
    assert hasten.futures.wait([doomed], LONG).done == {doomed}
    assert isinstance(doomed.exception(), concurrent.futures.process.BrokenProcessPool)
    assert isinstance(doomed.exception(), hasten.futures.BrokenExecutor)
    with pytest.raises(hasten.futures.BrokenExecutor):
        pool.submit(pow, 2, 2)


def test_shutdown_that_cancels():
    with hasten.futures.ProcessPoolExecutor(1) as pool:
        futures = [pool.submit(time.sleep, 0.2)]
        futures += [pool.submit(pow, 2, n) for n in range(200)]
        pool.shutdown(cancel_futures=True)
        assert all(future.done() for future in futures)
        assert futures[-1].cancelled()
