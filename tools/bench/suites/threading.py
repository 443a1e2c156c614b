"""Rows of `threading`: primitives that one thread uses, two threads in turns, crowds, starts and timers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns
from typing import Any, Callable

from stress.threading_soak import soak
from stress.threading_stress import stress

from bench.cases import Case, Suite, expect, module, placed
from bench.rows.threading.crowds import Starts, Waking
from bench.rows.threading.pairs import (
    Contended,
    RoundTrips,
    barrier_trips,
    condition_trips,
    event_trips,
    semaphore_trips,
)
from bench.rows.threading.timers import PendingTimers

Check = Callable[[Any, Any], None]  # of what was measured, and what the loop has returned


@dataclass
class OneThread(Case):
    """make() gives what is measured, loop() does n operations with it, check() looks at what came of it."""

    make: Callable[[Any], Any] = lambda source: source
    loop: Callable[[Any, int], Any] = lambda state, n: None
    check: Check = lambda state, outcome: None

    def setup(self, module: Any) -> Any:
        return self.make(module)

    def run(self, state: Any, n: int) -> tuple[int, Any]:
        begin = perf_counter_ns()
        outcome = self.loop(state, n)
        return perf_counter_ns() - begin, outcome

    def verify(self, state: Any, n: int, outcome: Any) -> None:
        self.check(state, outcome)


# ---- loops ------------------------------------------------------------------------------------------


def acquire_release(lock: Any, n: int) -> Any:
    taken = None
    for _ in repeat(None, n):
        taken = lock.acquire()
        lock.release()
    return taken


def enter_leave(lock: Any, n: int) -> Any:
    taken = None
    for _ in repeat(None, n):
        with lock as entered:
            taken = entered
    return taken


def set_clear(event: Any, n: int) -> Any:
    for _ in repeat(None, n):
        event.set()
        event.clear()
    return event.is_set()


def is_set(event: Any, n: int) -> Any:
    seen = None
    for _ in repeat(None, n):
        seen = event.is_set()
    return seen


def notify_nobody(condition: Any, n: int) -> Any:
    taken = None
    for _ in repeat(None, n):
        with condition as entered:
            condition.notify()
            taken = entered
    return taken


def wait_alone(barrier: Any, n: int) -> Any:
    index = None
    for _ in repeat(None, n):
        index = barrier.wait()
    return index


def create(cls: Any, n: int) -> Any:
    """The last of n new objects; each is dropped at once."""
    last = None
    for _ in repeat(None, n):
        last = cls()
    return last


def create_thread(state: tuple[Any, Callable[[], None]], n: int) -> Any:
    cls, body = state
    last = None
    for _ in repeat(None, n):
        last = cls(target=body)
    return last


def ask_who(state: Any, n: int) -> Any:
    ask, who = state.current_thread, None
    for _ in repeat(None, n):
        who = ask()
    return who


# ---- checks -----------------------------------------------------------------------------------------


def expect_unheld(thing: Any) -> None:
    """Releasing what is not held is an error of the lock and the condition alike."""
    try:
        thing.release()
    except RuntimeError:
        return
    expect(False, "releasing what is not held did not fail")


def check_lock(lock: Any, taken: Any) -> None:
    expect(taken is True, f"taking it gave {taken!r}")
    expect(lock.acquire(False), "it was not given back")
    lock.release()
    expect_unheld(lock)


def check_semaphore(semaphore: Any, taken: Any) -> None:
    expect(taken is True, f"taking a unit gave {taken!r}")
    units = 0
    while units < 2 and semaphore.acquire(False):
        units += 1
    expect(units == 1, f"{units} units are left of one")


def check_event(event: Any, seen: Any) -> None:
    expect(seen is False and not event.wait(0), "a cleared event is set")
    event.set()
    expect(event.is_set() and event.wait(), "an event that was set is not")


def check_condition(condition: Any, taken: Any) -> None:
    check_lock(condition, taken)
    try:
        condition.notify()
    except RuntimeError:
        return
    expect(False, "notify() without the lock did not fail")


def check_barrier(barrier: Any, index: Any) -> None:
    expect(index == 0, f"the only one to come got the index {index!r}")
    expect(barrier.n_waiting == 0 and not barrier.broken, "the barrier is not as new")


def check_new(check: Check, use: Callable[[Any, int], Any]) -> Callable[[Any, Any], None]:
    """Whether a new object works: used once, it passes its row's check."""
    return lambda cls, last: check(last, use(last, 1))


def check_thread(state: Any, last: Any) -> None:
    expect(not last.is_alive() and last.ident is None, "a thread that was not started runs")
    last.start()
    last.join()
    expect(state[1].ran == 1, f"the target ran {state[1].ran} times, not once")


class Target:
    """What a thread calls; it counts."""

    def __init__(self) -> None:
        self.ran = 0

    def __call__(self) -> None:
        self.ran += 1


def check_who(state: Any, who: Any) -> None:
    expect(who.is_alive() and who is state.main_thread(), f"{who!r} is not the thread that asked")


def rows_of(kind: str, check: Check) -> list[Case]:
    """What is to be known of everything that can be taken and given back."""

    def make(source: Any) -> Any:
        return getattr(source, kind)()

    return [
        OneThread(f"{kind} acquire + release", make=make, loop=acquire_release, check=check),
        OneThread(f"with {kind}", make=make, loop=enter_leave, check=check),
        OneThread(
            f"new {kind}()",
            make=lambda source: getattr(source, kind),
            loop=create,
            check=check_new(check, acquire_release),
        ),
    ]


# Rows of dummy_threading, too
PRIMITIVES = (
    *rows_of("Lock", check_lock),
    *rows_of("RLock", check_lock),
    *rows_of("Semaphore", check_semaphore),
    *rows_of("Condition", check_condition),
    OneThread(
        "with Condition: notify()",
        make=lambda s: s.Condition(),
        loop=notify_nobody,
        check=check_condition,
    ),
    OneThread("Event set + clear", make=lambda s: s.Event(), loop=set_clear, check=check_event),
    OneThread("Event.is_set", make=lambda s: s.Event(), loop=is_set, check=check_event),
    OneThread("new Event()", make=lambda s: s.Event, loop=create, check=check_new(check_event, is_set)),
    OneThread("Barrier(1).wait", make=lambda s: s.Barrier(1), loop=wait_alone, check=check_barrier),
)
THREAD_ALONE = OneThread(
    "Thread(...) alone", make=lambda s: (s.Thread, Target()), loop=create_thread, check=check_thread
)

SUITE = Suite(
    name="threading",
    about=(
        "On 3.15 `Lock` and `RLock` are the interpreter's.  The public classes are ordinary Python "
        "classes, so that programs can combine and extend them; new objects pay for that, and so do the "
        "shortest calls."
    ),
    implementations=(module("stdlib", "threading"), module("hasten", "hasten.threading")),
    cases=(
        *PRIMITIVES,
        OneThread("current_thread()", loop=ask_who, check=check_who),
        THREAD_ALONE,
        *placed(RoundTrips, "condition round trip", trips=condition_trips),
        *placed(RoundTrips, "event round trip", trips=event_trips),
        *placed(RoundTrips, "semaphore round trip", trips=semaphore_trips),
        *placed(RoundTrips, "barrier round trip", trips=barrier_trips),
        *placed(Contended, "contended with Lock, 2 threads", primitive="Lock", crowd=2),
        *placed(Contended, "contended with RLock, 4 threads", primitive="RLock", crowd=4),
        *placed(Contended, "contended with Semaphore, 4 threads", primitive="Semaphore", crowd=4),
        *placed(Contended, "contended with Condition, 4 threads", primitive="Condition", crowd=4),
        *placed(Starts, "start + join"),
        *placed(Starts, "1000 starts, then joins", burst=1000),
        *placed(Starts, "300 threads that block", burst=300, block=True),
        *placed(Waking, "wake 900 waiters of one Event", primitive="Event"),
        *placed(Waking, "wake 900 waiters of one Semaphore", primitive="Semaphore"),
        Waking("Event.set() with 900 waiting, the call alone", primitive="Event", call_only=True),
        Waking("Semaphore.release(900), the call alone", primitive="Semaphore", call_only=True),
        PendingTimers("10,000 pending timers, memory of each", unit="bytes", most_rounds=3),
        PendingTimers("10,000 pending timers, OS threads", unit="threads", most_rounds=1),
    ),
    soak=soak,
    stress=stress,
)
