"""The stress of `threading`: games with threads, timers and local data, and one in which all is mixed."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from bench.cases import expect

from stress.stressing import Game
from stress.threading_games import breaking, broadcast, buffer, exclusion, meetings, permits, relay
from stress.threading_team import BRIEF, dawdle, own_dice, team


def stress(source: Any) -> dict[str, Game]:
    """The games, by name, with the threading module that they are played with."""
    games = (
        exclusion,
        buffer,
        permits,
        relay,
        broadcast,
        meetings,
        breaking,
        timers,
        family,
        locals_apart,
        bank,
    )
    return {game.__name__.replace("_", " "): partial(game, source) for game in games}


def timers(source: Any, dice: random.Random) -> int:
    """Timers that fire, timers that are called off in time, and timers where that is a race."""
    count = dice.randrange(5, 60)
    fired = [0] * (3 * count)

    def fire(number: int) -> None:
        fired[number] += 1

    def timer(number: int, seconds: float) -> Any:
        made = source.Timer(seconds, fire, (number,))
        made.start()
        return made

    due = [timer(number, dice.random() * 10 * BRIEF) for number in range(count)]
    late = [timer(number, 3600) for number in range(count, 2 * count)]
    torn = [timer(number, dice.random() * BRIEF) for number in range(2 * count, 3 * count)]
    team(source, [lambda: [each.cancel() for each in late], lambda: [each.cancel() for each in torn]])
    for each in due + late + torn:
        each.join()
        expect(not each.is_alive() and each.finished.is_set(), "a joined timer is not over")
    expect(fired[:count] == [1] * count, "a timer did not fire, or fired twice")
    expect(fired[count : 2 * count] == [0] * count, "a timer fired though it had been called off")
    expect(max(fired[2 * count :]) <= 1, "a timer fired twice")
    return 3 * count


def family(source: Any, dice: random.Random) -> int:
    """Threads that start threads and join them, some after joins that were too short."""
    depth, born = dice.randrange(2, 6), []

    def live(level: int, mine: random.Random) -> None:
        me = source.current_thread()
        expect(me.is_alive() and me.ident == source.get_ident(), "a thread does not know itself")
        born.append(me.name)
        if level == 0:
            return
        dice_of = own_dice(mine, 2)
        children = [source.Thread(target=live, args=(level - 1, each)) for each in dice_of]
        for child in children:
            child.start()
        for child in children:
            while child.is_alive():
                child.join(mine.choice((None, mine.random() * BRIEF, 0)))
            expect(child not in source.enumerate(), "a joined thread is listed")

    team(source, [partial(live, depth, each) for each in own_dice(dice, 2)])
    wanted = 2 * (2 ** (depth + 1) - 1)
    expect(len(born) == wanted, f"{len(born)} threads ran, not {wanted}")
    expect(len(set(born)) == wanted, "threads share a default name")
    return wanted


class Kept:
    """Counts those that were dropped."""

    def __init__(self, dropped: list[int], number: int) -> None:
        self.dropped, self.number = dropped, number

    def __del__(self) -> None:
        self.dropped.append(self.number)


def locals_apart(source: Any, dice: random.Random) -> int:
    """Local data is each thread's own, and is dropped with the thread."""
    data, crowd, share = source.local(), dice.randrange(2, 9), dice.randrange(20, 200)
    dropped: list[int] = []

    def use(number: int, mine: random.Random) -> None:
        expect(not hasattr(data, "count"), "a new thread finds another one's data")
        data.kept, data.count = Kept(dropped, number), 0
        for _ in range(share):
            dawdle(mine)
            data.count += number
        expect(data.count == share * number and data.kept.number == number, "another thread's data")

    team(source, [partial(use, number, mine) for number, mine in enumerate(own_dice(dice, crowd))])
    expect(sorted(dropped) == list(range(crowd)), "data of a joined thread is still there")
    return crowd * share


# ---- all together -----------------------------------------------------------------------------------


def bank(source: Any, dice: random.Random) -> int:
    """Transfers between accounts, each under a lock of another kind. Every phase ends with a timer's event,
    and with a barrier whose action adds up all accounts; nobody may move money meanwhile.
    """
    kinds = (source.Lock, source.RLock, source.Condition, source.Semaphore, source.BoundedSemaphore)
    locks = [make() for make in kinds]
    money, clerks, phases = [1000] * len(kinds), dice.randrange(2, 6), dice.randrange(2, 5)
    counter, ready = source.Semaphore(max(1, clerks - 1)), source.Condition()
    data, done, sums, open_phase = source.local(), [], [], [0]
    over = [source.Event() for _ in range(phases)]

    def audit() -> None:
        sums.append(sum(money))
        with ready:
            open_phase[0] += 1
            ready.notify_all()

    barrier = source.Barrier(clerks, audit)

    def transfer(mine: random.Random) -> None:
        giver, taker = mine.sample(range(len(kinds)), 2)
        first, second = sorted((giver, taker))
        with counter, locks[first], locks[second]:
            amount = mine.randrange(100)
            before = money[giver], money[taker]
            dawdle(mine)
            money[giver], money[taker] = before[0] - amount, before[1] + amount
        data.transfers += 1

    def wait_for(phase: int) -> None:
        with ready:
            ready.wait_for(lambda: open_phase[0] >= phase)

    def clerk(mine: random.Random) -> None:
        data.transfers = 0
        for phase in range(phases):
            wait_for(phase)
            while not over[phase].is_set():
                transfer(mine)
            barrier.wait()
        done.append(data.transfers)

    def clock() -> None:
        for phase in range(phases):
            wait_for(phase)
            timer = source.Timer(BRIEF, over[phase].set)
            timer.start()
            over[phase].wait()
            timer.join()

    team(source, [clock] + [partial(clerk, mine) for mine in own_dice(dice, clerks)])
    expect(sums == [1000 * len(kinds)] * phases and sum(money) == sums[0], f"money was lost or made: {sums}")
    expect(len(done) == clerks, "a clerk went home early")
    return sum(done) + clerks * phases
