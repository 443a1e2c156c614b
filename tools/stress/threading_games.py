"""Games for the stress of `threading`, a primitive each.

Each function plays one round with threads of the module and checks totals that must be exact. The totals are
kept in plain Python, with reads and writes that only the primitive under test keeps apart.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any, Callable

from bench.cases import expect

from stress.threading_team import BRIEF, dawdle, enter, own_dice, team

# ---- locks ------------------------------------------------------------------------------------------


def exclusion(source: Any, dice: random.Random) -> int:
    """Additions under something that lets one in at a time, entered in every way there is."""
    make = dice.choice(
        (source.Lock, source.RLock, source.Condition, source.Semaphore, source.BoundedSemaphore)
    )
    gate, total, share = make(), [0], dice.randrange(50, 300)

    def add(mine: random.Random) -> None:
        for _ in range(share):
            enter(gate, mine)
            before = total[0]
            dawdle(mine)
            total[0] = before + 1
            gate.release()

    crowd = own_dice(dice, dice.randrange(2, 7))
    team(source, [partial(add, mine) for mine in crowd])
    expect(total[0] == share * len(crowd), f"{make}: {total[0]} of {share * len(crowd)} additions arrived")
    return total[0]


def permits(source: Any, dice: random.Random) -> int:
    """A semaphore of several units, which are taken one by one and given back in handfuls."""
    bounded, units = dice.random() < 0.5, dice.randrange(1, 5)
    semaphore = (source.BoundedSemaphore if bounded else source.Semaphore)(units)
    guard, inside, most, share = source.Lock(), [0], [0], dice.randrange(30, 150)

    def visit(mine: random.Random) -> None:
        held = 0
        for _ in range(share):
            if held == 0:
                enter(semaphore, mine)
                held = 1
            elif semaphore.acquire(False):
                held += 1
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            dawdle(mine)
            with guard:
                inside[0] -= 1
            if mine.random() < 0.7:
                semaphore.release(held)
                held = 0
        if held:
            semaphore.release(held)

    crowd = own_dice(dice, dice.randrange(2, 7))
    team(source, [partial(visit, mine) for mine in crowd])
    expect(most[0] <= units, f"{most[0]} threads were inside with {units} units")
    left = 0
    while semaphore.acquire(False):
        left += 1
    expect(left == units, f"{left} units are left of {units}")
    return share * len(crowd)


# ---- waiting for each other -------------------------------------------------------------------------


def buffer(source: Any, dice: random.Random) -> int:
    """Producers and consumers around a small list, with one or two conditions on one lock."""
    lock = dice.choice((source.Lock, source.RLock))()
    not_full = source.Condition(lock)
    not_empty = source.Condition(lock) if dice.random() < 0.5 else not_full
    items: list[int] = []
    size, share, sides = dice.randrange(1, 5), dice.randrange(50, 300), dice.randrange(1, 4)
    got: list[int] = []
    tell_all = not_empty is not_full or dice.random() < 0.3

    def wait(condition: Any, ready: Callable[[], bool], mine: random.Random) -> None:
        if mine.random() < 0.5:
            condition.wait_for(ready)
        while not ready():
            condition.wait(mine.choice((None, mine.random() * BRIEF, 0)))

    def tell(condition: Any) -> None:
        if tell_all:
            condition.notify_all()
        else:
            condition.notify()

    def produce(first: int, mine: random.Random) -> None:
        for item in range(first, first + share):
            with not_full:
                wait(not_full, lambda: len(items) < size, mine)
                items.append(item)
                tell(not_empty)

    def consume(mine: random.Random) -> None:
        for _ in range(share):
            with not_empty:
                wait(not_empty, lambda: bool(items), mine)
                got.append(items.pop(0))
                tell(not_full)

    crowd = own_dice(dice, 2 * sides)
    team(
        source,
        [partial(produce, number * share, crowd[number]) for number in range(sides)]
        + [partial(consume, mine) for mine in crowd[sides:]],
    )
    expect(sorted(got) == list(range(share * sides)) and not items, "items lost or doubled")
    return len(got)


def relay(source: Any, dice: random.Random) -> int:
    """A baton that goes round a ring of threads, handed over by events or semaphores."""
    runners, laps = dice.randrange(2, 7), dice.randrange(10, 80)
    by_event = dice.random() < 0.5
    turns = [source.Event() if by_event else source.Semaphore(0) for _ in range(runners)]
    baton: list[int] = []

    def run(number: int, mine: random.Random) -> None:
        take = turns[number].wait if by_event else turns[number].acquire
        for lap in range(laps):
            while not take(timeout=mine.choice((None, mine.random() * BRIEF))):
                dawdle(mine)
            if by_event:
                turns[number].clear()
            baton.append(lap * runners + number)
            give(number + 1)

    def give(number: int) -> None:
        turn = turns[number % runners]
        if by_event:
            turn.set()
        else:
            turn.release()

    give(0)
    team(source, [partial(run, number, mine) for number, mine in enumerate(own_dice(dice, runners))])
    expect(baton == list(range(runners * laps)), "the baton was lost, or two had it")
    return len(baton)


def broadcast(source: Any, dice: random.Random) -> int:
    """Crowds that one event lets go, again and again."""
    crowd, rounds = dice.randrange(2, 12), dice.randrange(3, 15)
    starts = [source.Event() for _ in range(rounds)]
    arrived, seen = [source.Semaphore(0) for _ in range(rounds)], [0] * crowd

    def follow(number: int, mine: random.Random) -> None:
        for turn in range(rounds):
            while not starts[turn].wait(mine.choice((None, mine.random() * BRIEF))):
                dawdle(mine)
            seen[number] += 1
            arrived[turn].release()

    def lead() -> None:
        for turn in range(rounds):
            starts[turn].set()
            for _ in range(crowd):
                arrived[turn].acquire()

    team(
        source, [lead] + [partial(follow, number, mine) for number, mine in enumerate(own_dice(dice, crowd))]
    )
    expect(seen == [rounds] * crowd, f"of {rounds} starts each, {seen} were followed")
    return crowd * rounds


# ---- barriers ---------------------------------------------------------------------------------------


def meetings(source: Any, dice: random.Random) -> int:
    """Generations of a barrier: each party another index, and the action once, before anybody goes on."""
    parties, generations = dice.randrange(1, 7), dice.randrange(10, 60)
    acted = [0]
    indices: list[list[int]] = [[] for _ in range(generations)]

    def action() -> None:
        acted[0] += 1

    barrier = source.Barrier(parties, action)

    def attend(mine: random.Random) -> None:
        for generation in range(generations):
            dawdle(mine)
            indices[generation].append(barrier.wait())
            expect(acted[0] == generation + 1, "a generation went on without its action")

    team(source, [partial(attend, mine) for mine in own_dice(dice, parties)])
    expect(acted[0] == generations, f"the action ran {acted[0]} times in {generations} generations")
    expect(all(sorted(each) == list(range(parties)) for each in indices), "an index was given twice")
    return parties * generations


def breaking(source: Any, dice: random.Random) -> int:
    """A barrier that abort(), reset() or a timeout breaks for all who wait, and that is as new afterwards."""
    parties = dice.randrange(2, 7)
    barrier, way = source.Barrier(parties), dice.choice(("abort", "reset", "timeout"))
    broken = source.Semaphore(0)

    def come() -> None:
        try:
            barrier.wait()
        except source.BrokenBarrierError:
            broken.release()

    def spoil() -> None:
        while barrier.n_waiting < parties - 1:
            time.sleep(0)
        getattr(barrier, way)()

    def come_too_early() -> None:
        try:
            barrier.wait(dice.random() * BRIEF)
        except source.BrokenBarrierError:
            broken.release()

    if way == "timeout":
        team(source, [come_too_early] + [come] * (parties - 2))
    else:
        team(source, [spoil] + [come] * (parties - 1))
    for _ in range(parties - 1):
        expect(broken.acquire(False), "one came through a barrier that was broken")
    expect(not broken.acquire(False), "more were sent away than had come")
    barrier.reset()
    passed: list[int] = []
    team(source, [lambda: passed.append(barrier.wait())] * parties)
    expect(sorted(passed) == list(range(parties)), "the barrier did not recover")
    return 2 * parties - 1
