"""Rows of `_thread`: locks without contention, and what starting a thread costs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Callable

from bench.cases import Case, Suite, expect, module, placed

BURST = 1000


@dataclass
class LockRow(Case):
    """One thread takes a free lock and gives it back."""

    kind: str = "allocate_lock"

    def setup(self, module: Any) -> Any:
        return getattr(module, self.kind)()

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        expect(outcome is True, f"acquire() gave {outcome!r}")
        expect(state.acquire(False), "the lock was not given back")
        state.release()
        if self.kind == "allocate_lock":
            expect(not state.locked(), "a released lock says it is locked")
        try:
            state.release()
        except RuntimeError:
            return
        expect(False, "releasing a free lock did not fail")


@dataclass
class AcquireRelease(LockRow):
    def run(self, state: Any, n: int) -> tuple[int, Any]:
        lock, taken = state, None
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            taken = lock.acquire()
            lock.release()
        return perf_counter_ns() - begin, taken


@dataclass
class AcquireTimeout(LockRow):
    def run(self, state: Any, n: int) -> tuple[int, Any]:
        lock, taken = state, None
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            taken = lock.acquire(timeout=1)
            lock.release()
        return perf_counter_ns() - begin, taken


@dataclass
class WithLock(LockRow):
    def run(self, state: Any, n: int) -> tuple[int, Any]:
        lock, entered = state, None
        begin = perf_counter_ns()
        for _ in repeat(None, n):
            with lock as taken:
                entered = taken
        return perf_counter_ns() - begin, entered


def joinable(source: Any, body: Callable[[], None]) -> Callable[[], Any]:
    """Start a thread; calling the result joins it. For interpreters whose _thread has join handles."""
    return source.start_joinable_thread(body).join


def with_lock(source: Any, body: Callable[[], None]) -> Callable[[], Any]:
    """The same with what every _thread has: a lock that the thread releases as its last act."""
    ended = source.allocate_lock()
    ended.acquire()

    def run() -> None:
        try:
            body()
        finally:
            ended.release()

    source.start_new_thread(run, ())
    return ended.acquire


def starter() -> Callable[..., Callable[[], Any]]:
    """Both sides start threads in the one way that the running interpreter's own _thread has."""
    import _thread

    return joinable if hasattr(_thread, "start_joinable_thread") else with_lock


def start_and_join(source: Any, count: int) -> int:
    """Start so many threads, then join them. Returns how many had run by then."""
    ran: list[int] = []
    start = starter()
    joins = [start(source, lambda: ran.append(1)) for _ in range(count)]
    for join in joins:
        join()
    return len(ran)


@dataclass
class StartJoin(Case):
    """Threads that note their turn: `burst` are started before the first is joined."""

    burst: int = 1
    equal_work: bool = True

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        ran = sum(start_and_join(state, self.burst) for _ in range(self.bursts(n)))
        return perf_counter_ns() - begin, ran

    def bursts(self, n: int) -> int:
        return max(1, n // self.burst)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / (self.bursts(n) * self.burst)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        wanted = self.bursts(n) * self.burst
        expect(outcome == wanted, f"{outcome} of {wanted} threads had run when they were joined")


def soak(source: Any, operations: int, note: Callable[[], None]) -> int:
    """Locks and threads, made and dropped; a hundred operations are taken for one thread."""
    done = 0
    while done < operations:
        expect(start_and_join(source, 20) == 20, "a joined thread had not run")
        for _ in range(2000):
            with source.allocate_lock(), source.RLock() as lock:
                expect(lock is True, "a lock could not be entered")
        done += 20 * 100 + 2000
        note()
    return done


SUITE = Suite(
    name="thread",
    about=(
        "On 3.15 the locks are the interpreter's."
    ),
    imports="hasten._thread",
    implementations=(module("stdlib", "_thread"), module("hasten", "hasten._thread")),
    cases=(
        AcquireRelease("Lock acquire + release"),
        WithLock("with Lock"),
        AcquireTimeout("Lock acquire(timeout=1)"),
        AcquireRelease("RLock acquire + release", kind="RLock"),
        WithLock("with RLock", kind="RLock"),
        *placed(StartJoin, "start + join", burst=1),
        *placed(StartJoin, "1000 starts, then joins", burst=BURST),
    ),
    soak=soak,
)
