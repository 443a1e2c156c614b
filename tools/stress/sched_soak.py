"""A long run over everything a scheduler does, to see that no event, action or scheduler is kept."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bench.cases import expect

from stress.soaking import in_turns


def make(module: Any) -> Any:
    return module.scheduler(lambda: 5, lambda delay: None)


def run(module: Any, count: int) -> int:
    """Fresh arguments through one scheduler, some kwargs put in late."""
    scheduler, ran = make(module), []
    for number in range(count):
        event = scheduler.enter(
            -(number % 100), number % 3, lambda item, **options: ran.append(item), ([number],)
        )
        if number % 5 == 0:
            event.kwargs["late"] = [number]
    scheduler.run()
    expect(sorted(item[0] for item in ran) == list(range(count)), "events lost or doubled")
    return count


def cancelled(module: Any, count: int) -> int:
    """Cancelled by the event, by an equal one, and by one from the queue."""
    scheduler = make(module)
    events = [scheduler.enter(number, 1, print, ([number],)) for number in range(count)]
    for event in events[::2]:
        scheduler.cancel(event)
    for event in events[1::4]:
        scheduler.cancel(event._replace())
    for event in scheduler.queue:
        scheduler.cancel(event)
    expect(scheduler.empty(), "a cancelled event is still there")
    return count


def held_back(module: Any, count: int) -> int:
    """Timers that never come, behind one that stays."""
    scheduler = make(module)
    scheduler.enter(1, 1, print)
    for number in range(count):
        scheduler.cancel(scheduler.enter(3600 + number, 1, print, ([number],)))
    expect(len(scheduler.queue) == 1, "a cancelled event is still there")
    return count


def difficult(module: Any, count: int) -> int:
    """Times that C cannot compare, in between."""
    scheduler = make(module)
    ran: list[Any] = []
    for number in range(count // 10):
        time = Fraction(-number, 3) if number % 7 == 0 else -number
        scheduler.enter(time, 1, ran.append, ([number],))
    scheduler.run()
    expect(len(ran) == count // 10, "events lost or doubled")
    return count // 10


def failing(module: Any, count: int) -> int:
    """Actions that raise, and events that are not there."""
    scheduler, failures = make(module), 0
    for number in range(count // 10):
        event = scheduler.enter(0, 1, [number].index, (-1,))
        try:
            scheduler.run()
        except ValueError:
            failures += 1
        try:
            scheduler.cancel(event)
        except ValueError:
            failures += 1
    expect(failures == count // 10 * 2, "a failure was not told")
    return count // 10


def abandoned(module: Any, count: int) -> int:
    """Schedulers dropped with events that refer to them."""
    for number in range(count // 10):
        scheduler = make(module)
        scheduler.enter(number, 1, scheduler.run, (), {"scheduler": scheduler})
        scheduler.enter(Fraction(number, 7) if number % 2 else number, 1, scheduler.run, (scheduler,))
    return count // 10 * 2


soak = in_turns(run, cancelled, held_back, difficult, failing, abandoned)
