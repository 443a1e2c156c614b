"""A long run over everything `threading` has, to see that no thread, waiter, timer or exception is kept."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Callable

from bench.cases import expect
from bench.racing import race

from stress.soaking import in_turns


def made_and_used(module: Any, count: int) -> int:
    """New primitives, each used once and dropped."""
    makers = (module.Lock, module.RLock, module.Condition, module.Semaphore, module.BoundedSemaphore)
    for _ in repeat(None, count // 10):
        for make in makers:
            with make() as taken:
                expect(taken is True, "a new lock could not be entered")
        event = module.Event()
        event.set()
        expect(event.wait(), "an event that was set is not")
        expect(module.Barrier(1).wait() == 0, "the only one to come was not the first")
    return count


def timed_out(module: Any, count: int) -> int:
    """Waits that end by their timeout."""
    event, semaphore, condition = module.Event(), module.Semaphore(0), module.Condition()
    barrier, rounds = module.Barrier(2), count // 200
    for _ in repeat(None, rounds):
        expect(not event.wait(0.0001), "an event that nobody set is set")
        expect(not semaphore.acquire(timeout=0.0001), "a unit that nobody released was taken")
        with condition:
            expect(not condition.wait(0.0001), "a notification that nobody gave was received")
        try:
            expect(barrier.wait(0.0001) < 0, "one passed a barrier for two")
        except module.BrokenBarrierError:
            barrier.reset()
    return 4 * rounds


def handed_over(module: Any, count: int) -> int:
    """Two threads that take turns by a condition."""
    condition, turns = module.Condition(), [0]

    def play(player: int) -> Callable[[], None]:
        def body() -> None:
            for _ in repeat(None, count // 2):
                with condition:
                    condition.wait_for(lambda: turns[0] % 2 == player)
                    turns[0] += 1
                    condition.notify()

        return body

    race([play(0), play(1)])
    expect(turns[0] == count // 2 * 2, f"{turns[0]} turns were taken, not {count // 2 * 2}")
    return turns[0]


def started(module: Any, count: int) -> int:
    """Threads with data of their own; a hundred operations are taken for one thread."""
    data, ran = module.local(), []

    def body(number: int) -> None:
        data.number = [number]
        ran.append(data.number[0])

    threads = [module.Thread(target=body, args=(number,)) for number in range(count // 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(sorted(ran) == list(range(len(threads))), "a joined thread had not run")
    return count // 100 * 100


def timed(module: Any, count: int) -> int:
    """Timers that fire and timers that are called off; a hundred operations are taken for one that fires."""
    fired: list[int] = []
    due = [module.Timer(0.001, fired.append, (number,)) for number in range(count // 200)]
    late = [module.Timer(3600, fired.append, (-1,)) for _ in due]
    for timer in due + late:
        timer.start()
    for timer in late:
        timer.cancel()
    for timer in due + late:
        timer.join()
    expect(sorted(fired) == list(range(len(due))), "timers did not fire, or fired in spite of cancel()")
    return 100 * len(due)


def refused(module: Any, count: int) -> int:
    """Calls that are errors."""
    condition, semaphore, thread = module.Condition(), module.BoundedSemaphore(), module.Thread()
    failures = 0
    calls = (condition.wait, condition.notify, condition.release, semaphore.release, thread.join)
    for _ in repeat(None, count // len(calls)):
        for call in calls:
            try:
                call()
            except (RuntimeError, ValueError):
                failures += 1
    expect(failures == count // len(calls) * len(calls), "a call that is an error did not say so")
    return failures


soak = in_turns(made_and_used, timed_out, handed_over, started, timed, refused)
