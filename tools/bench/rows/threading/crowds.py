"""Rows of `threading` with many threads: starting and joining them, and waking a crowd that sleeps."""

from __future__ import annotations

import _thread
import time
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Callable

from bench.cases import Case, WrongResult, expect

CROWD = 900
PATIENCE = 60  # seconds until a crowd that does not get ready, or does not wake up, is given up


@dataclass
class Starts(Case):
    """Threads that note their turn: `burst` of them are started before the first is joined.

    If they block, they do it on one lock of the interpreter's own, the same on both sides, which is opened
    when all have been started.
    """

    equal_work: bool = True
    burst: int = 1
    block: bool = False

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        ran: list[int] = []
        make = self.blocking if self.block else self.brief
        begin = perf_counter_ns()
        for _ in range(self.bursts(n)):
            make(state.Thread, ran)
        return perf_counter_ns() - begin, ran

    def brief(self, thread: Any, ran: list[int]) -> None:
        threads = [thread(target=ran.append, args=(number,)) for number in range(self.burst)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def blocking(self, thread: Any, ran: list[int]) -> None:
        gate = _thread.allocate_lock()

        def body(number: int) -> None:
            with gate:
                ran.append(number)

        threads = [thread(target=body, args=(number,)) for number in range(self.burst)]
        with gate:
            for each in threads:
                each.start()
        for each in threads:
            each.join()

    def bursts(self, n: int) -> int:
        return max(1, n // self.burst)

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed / len(outcome)

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        wanted = self.bursts(n)
        expect(
            sorted(outcome) == sorted(list(range(self.burst)) * wanted),
            f"{len(outcome)} of {self.burst * wanted} threads had run when they were joined",
        )


class Crowd:
    """Threads of the interpreter's own `_thread` that call wait() once, note when that returned, and park.

    They park, instead of ending, so that the end of a thread is in nobody's time. Each has a list and a lock
    of its own: without a GIL, common ones would be what all of them wait for.
    """

    def __init__(self, wait: Callable[[], Any]) -> None:
        self.wait = wait
        self.arrived: list[int] = []
        self.left: list[int] = []
        self.wakes: list[list[tuple[int, Any]]] = [[] for _ in range(CROWD)]
        self.gates = [_thread.allocate_lock() for _ in range(CROWD)]
        for number, gate in enumerate(self.gates):
            gate.acquire()
            _thread.start_new_thread(self.body, (number, gate, self.wakes[number]))
        until("the crowd sleeps", lambda: len(self.arrived) == CROWD and quiet())

    def body(self, number: int, gate: Any, mine: list[tuple[int, Any]]) -> None:
        # Without a GIL a thread's first objects of a size need memory that is a search for the allocator: now
        mine.append((perf_counter_ns(), None))
        mine.pop()
        self.arrived.append(number)
        result = self.wait()
        mine.append((perf_counter_ns(), result))
        with gate:
            self.left.append(number)

    def awake(self) -> int:
        """How many have been awake."""
        return sum(map(len, self.wakes))

    def last(self) -> int:
        """When the last was awake."""
        return max(when for ((when, _),) in self.wakes)

    def dismiss(self) -> None:
        """Let the parked threads end."""
        for gate in self.gates:
            gate.release()
        until("the crowd is gone", lambda: len(self.left) == CROWD and quiet())


def quiet() -> bool:
    """Whether the threads of this process have nothing to do: it uses no CPU for a moment."""
    before = time.process_time()
    time.sleep(0.02)
    return time.process_time() - before < 0.002


def until(what: str, reached: Callable[[], bool]) -> None:
    """Look now and then, seldom enough not to disturb, until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise WrongResult(f"it took more than {PATIENCE} s until {what}")
        time.sleep(0.02)


@dataclass
class Waking(Case):
    """One call that wakes 900 threads: from the call until the last has been awake, or the call alone.

    A sample is one such call, however many operations are asked for.
    """

    primitive: str = "Event"
    call_only: bool = False

    def setup(self, module: Any) -> Any:
        thing = module.Event() if self.primitive == "Event" else module.Semaphore(0)
        return thing, Crowd(thing.wait if self.primitive == "Event" else thing.acquire)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        thing, crowd = state
        early = crowd.awake()
        begin = perf_counter_ns()
        if self.primitive == "Event":
            thing.set()
        else:
            thing.release(CROWD)
        call = perf_counter_ns() - begin
        until("the last was awake", lambda: crowd.awake() == CROWD)
        return (call if self.call_only else crowd.last() - begin), early

    def value(self, elapsed: int, n: int, outcome: Any) -> float:
        return elapsed

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        thing, crowd = state
        crowd.dismiss()
        expect(outcome == 0, f"{outcome} threads did not sleep until they were woken")
        expect(
            all(result is True for ((_, result),) in crowd.wakes),
            "a wait that was ended by a wake-up said something else",
        )
        if self.primitive == "Semaphore":
            expect(not thing.acquire(False), "a unit is left after as many threads took one as were released")
