"""A long run over everything `futures` has, to see that no future, task, result, waiter or pool is kept."""

from __future__ import annotations

import gc
import logging
from itertools import repeat
from typing import Any

from bench.cases import expect
from bench.racing import race

from stress.soaking import in_turns


def made_and_used(module: Any, count: int) -> int:
    """Futures that are completed by hand: with a result, an exception, a callback, or called off."""
    called: list[Any] = []
    for number in repeat(7, count // 4):
        done, failed, watched, off = (module.Future() for _ in range(4))
        done.set_result([number])
        failed.set_exception(KeyError(number))
        watched.add_done_callback(called.append)
        watched.set_result(watched)  # a result that refers to its own future
        expect(done.result() == [number], "another result")
        expect(isinstance(failed.exception(), KeyError), "another exception")
        expect(off.cancel() and off.cancelled(), "a pending future could not be called off")
    expect(len(called) == count // 4, "callbacks were lost or doubled")
    return count // 4 * 4


def submitted(module: Any, count: int) -> int:
    """Fresh arguments, results that refer to them, and exceptions with tracebacks, through one pool."""
    with module.ThreadPoolExecutor(3) as executor:
        futures = [executor.submit(lambda item: [item], [number]) for number in range(count // 2)]
        failing = [executor.submit([number].index, -1) for number in range(count // 2)]
    expect([future.result()[0][0] for future in futures] == list(range(count // 2)), "other results")
    expect(all(isinstance(future.exception(), ValueError) for future in failing), "exceptions were lost")
    return count // 2 * 2


def mapped(module: Any, count: int) -> int:
    """Maps that are used up, and maps that are left in the middle."""
    with module.ThreadPoolExecutor(2) as executor:
        results = list(executor.map(lambda first, second: (first, second), range(count // 2), repeat([])))
        expect([first for first, _ in results] == list(range(count // 2)), "other results")
        left = executor.map(lambda number: [number], range(count // 2))
        expect(next(left) == [0], "another first result")
        del left
    return count // 2 * 2


def waited_for(module: Any, count: int) -> int:
    """wait() and as_completed() that end by completion or by their timeout; some are dropped early."""
    futures = [module.Future() for _ in range(count // 10)]
    for future in futures[::2]:
        future.set_result(None)
    done, pending = module.wait(futures, timeout=0.0001)
    expect(
        len(done) + len(pending) == len(futures) and len(pending) == len(futures[1::2]), "futures are lost"
    )
    seen = []
    try:
        for future in module.as_completed(futures, timeout=0.0001):
            seen.append(future)
    except module.TimeoutError:
        seen.append(None)
    expect(len(seen) == len(futures[::2]) + 1, "futures are lost, or the time was not up")
    next(module.as_completed(futures))  # dropped at once
    for future in futures[1::2]:
        try:
            future.result(timeout=0)
        except module.TimeoutError:
            future.set_result(None)
    expect(len(module.wait(futures)[0]) == len(futures), "a completed future pends")
    return count // 10 * 4


def called_off(module: Any, count: int) -> int:
    """Pools that are shut down with work in their queues, and tasks that are called off one by one."""
    started, gate = module.Future(), module.Future()

    def hold() -> Any:
        started.set_result(None)
        return gate.result()

    executor = module.ThreadPoolExecutor(1)
    first = executor.submit(hold)
    started.result()
    futures = [executor.submit(list, [number]) for number in range(count)]
    own = sum(future.cancel() for future in futures[::3])
    executor.shutdown(wait=False, cancel_futures=True)
    gate.set_result("open")
    executor.shutdown()
    expect(first.result() == "open", "the running task was lost")
    expect(own == len(futures[::3]), "a task that waits could not be called off")
    expect(all(future.cancelled() for future in futures), "a task ran that was called off")
    return count


def refused(module: Any, count: int) -> int:
    """Pools whose initializer fails, and tasks for a pool that was shut down; a hundred operations each."""

    def fail() -> None:
        raise LookupError("planted")

    log, failures = logging.getLogger("concurrent.futures"), 0
    log.disabled = True  # each of these initializers is reported there
    for _ in repeat(None, count // 200):
        executor = module.ThreadPoolExecutor(1, initializer=fail)
        for _ in range(2):
            try:
                executor.submit(int).result()
            except RuntimeError:
                failures += 1
            executor.shutdown()
    log.disabled = False
    expect(failures == count // 200 * 2, f"{failures} failures were told of {count // 200 * 2}")
    return count // 200 * 200


def abandoned(module: Any, count: int) -> int:
    """Pools that are dropped, in cycles with their own tasks and results; a hundred operations for each."""
    results = []
    for _ in range(count // 100):
        executor = module.ThreadPoolExecutor(2)
        futures = [executor.submit(lambda pool, item: (pool, item), executor, item) for item in range(5)]
        results.append(sum(future.result()[1] for future in futures))
        executor.futures = futures
        del executor, futures
    gc.collect()
    expect(results == [10] * (count // 100), "other results")
    return count // 100 * 100


def crowded(module: Any, count: int) -> int:
    """Threads that share one pool, each with tasks that give it more tasks."""
    share = count // 8

    def body() -> int:
        futures = [executor.submit(executor.submit, abs, -number) for number in range(share)]
        return sum(future.result().result() for future in futures)

    with module.ThreadPoolExecutor(3) as executor:
        results = race([body] * 4).results
    expect(results == [share * (share - 1) // 2] * 4, "tasks were lost or doubled")
    return 8 * share


soak = in_turns(made_and_used, submitted, mapped, waited_for, called_off, refused, abandoned, crowded)
