"""Rows of `futures`: a future alone, tasks for a pool of threads, and waiting for many futures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from typing import Any

from stress.futures_soak import soak
from stress.futures_stress import stress

from bench.cases import Case, NotOffered, Suite, expect, module, placed
from bench.rows.futures.memory import PendingFutures
from bench.rows.futures.peers import POOLS
from bench.rows.futures.pools import Latency, SubmitAlone, Submitters, Tasks, nap, work
from bench.rows.futures.waiting import AsCompleted, SubmittedAsCompleted, WaitForAll, WaitForEach


@dataclass
class OneFuture(Case):
    """A future in one thread, from its making to its result."""

    def setup(self, module: Any) -> Any:
        if not hasattr(module, "Future"):
            raise NotOffered("it has no futures of this kind")
        return module.Future

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        cls, last, result = state, None, None
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            last = cls()
            last.set_result(n)
            result = last.result()
        return perf_counter_ns() - begin, (last, result)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        last, result = outcome
        expect(result == n and last.done() and last.result() == n, f"the result is {result!r}, not {n}")
        expect(not state().done(), "a new future is done")
        failed = state()
        failed.set_exception(KeyError(n))
        expect(isinstance(failed.exception(), KeyError), "an exception was lost")


SUITE = Suite(
    name="futures",
    about=(
        "A *pending* future is one that nobody has set.  The rows of 10k futures pay for the same as new "
        "objects do: the state of a future is found by way of its dictionary, unless it was used just "
        "before."
    ),
    implementations=(module("stdlib", "concurrent.futures"), module("hasten", "hasten.futures"), *POOLS),
    cases=(
        OneFuture("Future() + set_result + result"),
        SubmitAlone("submit, the worker busy"),
        Tasks("100k submit + result, 4 workers"),
        Tasks("map of 100k, 4 workers", way="mapped"),
        *placed(Latency, "submit().result()"),
        Tasks("submit + result, 10 us of work each", count=4000, task=work),
        Tasks("400 tasks that sleep 0.5 ms, 8 workers", count=400, workers=8, task=nap),
        Submitters("8 threads submit to 4 workers"),
        SubmittedAsCompleted("20k submitted, as_completed"),
        AsCompleted("as_completed, 20k set by a thread"),
        WaitForAll("wait for all of 1k, set one by one", count=1000, completed=1000),
        WaitForAll("wait for all of 10k, set one by one"),
        WaitForEach("wait until any of 1k, again and again", count=1000),
        WaitForEach("wait until any of 10k, again and again"),
        PendingFutures("memory of a pending future", kind="plain"),
        PendingFutures("memory of a task that waits"),
    ),
    soak=soak,
    stress=stress,
)
