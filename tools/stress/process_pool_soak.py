"""A long run over what a ProcessPoolExecutor does, to see that none of it is kept."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from bench.cases import expect
from bench.rows.futures.pools import same

from stress.soaking import in_turns

FORK = multiprocessing.get_context("fork")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Kept:
    """A pool for all turns, and how many descriptors there were when it was new."""

    pool: Any = None
    files = 0


def the_pool(module: Any) -> Any:
    if Kept.pool is None:
        Kept.pool = module.ProcessPoolExecutor(2, FORK, on_crash="fail-task")
        Kept.pool.submit(same, 1).result()
        Kept.files = open_files()
    expect(open_files() <= Kept.files, f"{open_files()} descriptors are open, {Kept.files} at first")
    return Kept.pool


def one_by_one(module: Any, count: int) -> int:
    """Calls that are waited for before the next one is made."""
    pool = the_pool(module)
    for number in range(count):
        expect(pool.submit(same, [number]).result() == [number], "another result")
    return count


def in_crowds(module: Any, count: int) -> int:
    """Results and exceptions of many calls, in the order of their ends, with callbacks."""
    pool = the_pool(module)
    called: list[Any] = []
    fine = [pool.submit(same, [number]) for number in range(count // 2)]
    failing = [pool.submit(int, "no number") for _ in range(count // 2)]
    for future in fine[::10]:
        future.add_done_callback(called.append)
    ended = list(module.as_completed(fine + failing))
    expect(len(set(ended)) == count // 2 * 2, "calls are lost or doubled")
    expect(all(future.result() == [n] for n, future in enumerate(fine)), "other results")
    expect(all(isinstance(future.exception(), ValueError) for future in failing), "exceptions were lost")
    return count // 2 * 2


def mapped(module: Any, count: int) -> int:
    """Maps with and without chunks; one is left in the middle."""
    pool = the_pool(module)
    third = count // 3
    expect(list(pool.map(same, range(third))) == list(range(third)), "other results")
    expect(list(pool.map(same, range(third), chunksize=7)) == list(range(third)), "other results in chunks")
    left = pool.map(same, range(third), buffersize=50)
    expect(next(left) == 0, "another first result")
    left.close()
    return third * 2 + 50


def called_off(module: Any, count: int) -> int:
    """Calls that are cancelled while they wait, or too late for that; arguments that cannot be pickled."""
    pool = the_pool(module)
    futures = [pool.submit(same, number) for number in range(count - 20)]
    bad = [pool.submit(same, pool) for _ in range(20)]
    off = {id(future) for future in futures[::3] if future.cancel()}
    for number, future in enumerate(futures):
        expect(id(future) in off or future.result() == number, "another result")
    expect(all(future.exception() is not None for future in bad), "what cannot be pickled was sent")
    return count


def opened_and_closed(module: Any, count: int) -> int:
    """Pools that are made, used, and shut down or dropped; a hundred operations for each."""
    before = open_files()
    for turn in range(count // 100):
        pool = module.ProcessPoolExecutor(1, FORK, idle_timeout=0.001 if turn % 2 else None)
        expect(list(pool.map(same, range(20))) == list(range(20)), "other results")
        pool.shutdown()
    expect(open_files() <= before, f"{open_files()} descriptors after pools were shut down, {before} before")
    return count // 100 * 100


soak = in_turns(one_by_one, in_crowds, mapped, called_off, one_by_one, in_crowds, opened_and_closed)
