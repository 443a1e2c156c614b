"""Several threads that start together, and the time from the first start to the last end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Callable


@dataclass(frozen=True)
class Race:
    """elapsed: max(end) - min(start). overlap: the share of it in which all threads ran at once."""

    elapsed: int
    overlap: float
    results: list[Any]


def race(bodies: list[Callable[[], Any]]) -> Race:
    """Run every body in a thread of its own. A per-thread time would flatter threads that ran one after
    another.
    """
    gate = threading.Barrier(len(bodies))
    starts, ends = [0] * len(bodies), [0] * len(bodies)
    results: list[Any] = [None] * len(bodies)
    errors: list[BaseException] = []

    def lane(index: int, body: Callable[[], Any]) -> None:
        try:
            gate.wait()
            starts[index] = perf_counter_ns()
            results[index] = body()
            ends[index] = perf_counter_ns()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=lane, args=pair, daemon=True) for pair in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    elapsed = max(ends) - min(starts)
    return Race(elapsed, max(0, min(ends) - max(starts)) / max(elapsed, 1), results)
