"""The stress of `futures`: games in which threads submit, wait, call off and shut down, all at once.

Each function plays one round with an executor of the module and checks totals that must be exact. The threads
around the pool are the interpreter's own.
"""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import Any

from bench.cases import expect

from stress.stressing import Game
from stress.threading_team import BRIEF, dawdle, own_dice, team


def stress(source: Any) -> dict[str, Game]:
    """The games, by name, with the module that they are played with."""
    games = (submitters, callers_off, closing, generations, waiters, iterators, hand_made, mapping, failing)
    return {game.__name__.replace("_", " "): partial(game, source) for game in games}


def pool(source: Any, dice: random.Random) -> Any:
    return source.ThreadPoolExecutor(dice.randrange(1, 6))


def square(number: int, mine: random.Random) -> int:
    dawdle(mine)
    return number * number


def submitters(source: Any, dice: random.Random) -> int:
    """Threads that share a pool: each gets the results of its own tasks, and each callback is called once."""
    share, crowd = dice.randrange(20, 200), dice.randrange(1, 6)
    called: list[Any] = []

    def submitter(mine: random.Random) -> None:
        first = mine.randrange(10**6)
        futures = [executor.submit(square, number, mine) for number in range(first, first + share)]
        for future in futures[::3]:
            future.add_done_callback(called.append)
        for number, future in enumerate(futures, first):
            while True:
                try:
                    expect(future.result(mine.choice((None, mine.random() * BRIEF))) == number**2, "a result")
                    break
                except source.TimeoutError:
                    dawdle(mine)

    with pool(source, dice) as executor:
        team(threading, [partial(submitter, mine) for mine in own_dice(dice, crowd)])
    wanted = len(range(0, share, 3)) * crowd
    expect(len(called) == wanted == len(set(called)), f"{len(called)} callbacks were called, not {wanted}")
    return share * crowd


def callers_off(source: Any, dice: random.Random) -> int:
    """Tasks that are called off while workers take them: each runs, or is called off, and never both."""
    count = dice.randrange(50, 500)
    ran: list[int] = []
    with pool(source, dice) as executor:
        futures = [executor.submit(ran.append, number) for number in range(count)]
        off: list[int] = []

        def call_off(numbers: list[int]) -> None:
            off.extend(number for number in numbers if futures[number].cancel())

        orders = [each.sample(range(count), count) for each in own_dice(dice, 2)]
        team(threading, [partial(call_off, order) for order in orders])
    cancelled = {number for number in range(count) if futures[number].cancelled()}
    expect(set(off) == cancelled, "cancel() said one thing, and cancelled() another")
    expect(sorted([*ran, *cancelled]) == list(range(count)), "a task ran and was called off, or neither")
    return count


def closing(source: Any, dice: random.Random) -> int:
    """shutdown() while others submit: what was taken in is done, or called off if that was asked for."""
    executor = pool(source, dice)
    ran: list[int] = []
    futures: list[Any] = []
    cancel = dice.random() < 0.5

    def submitter(mine: random.Random) -> None:
        try:
            while True:
                futures.append(executor.submit(ran.append, 1))
                dawdle(mine)
        except RuntimeError:
            pass  # this is how a pool says that it is closed

    def closer() -> None:
        time.sleep(dice.random() * BRIEF)
        executor.shutdown(wait=dice.random() < 0.5, cancel_futures=cancel)

    team(threading, [closer] + [partial(submitter, mine) for mine in own_dice(dice, 3)])
    executor.shutdown()
    done = sum(not future.cancelled() for future in futures)
    expect(all(future.done() for future in futures), "a closed pool left tasks behind")
    expect(len(ran) == done, f"{len(ran)} tasks ran, and {done} futures say so")
    expect(cancel or done == len(futures), "tasks were called off, which nobody had asked for")
    return len(futures) + 1


def generations(source: Any, dice: random.Random) -> int:
    """Tasks and callbacks that submit more tasks, until a number is reached."""
    depth, finished = dice.randrange(2, 9), threading.Event()
    ran: list[int] = []
    wanted = 2 ** (depth + 1) - 1

    def grow(level: int) -> int:
        """Gives birth to one child by itself; its callback, which is told its level, to another."""
        if level:
            executor.submit(grow, level - 1).add_done_callback(after)
        return level

    def after(future: Any) -> None:
        level = future.result()
        ran.append(level)
        if level:
            executor.submit(grow, level - 1).add_done_callback(after)
        if len(ran) == wanted:
            finished.set()

    with pool(source, dice) as executor:
        executor.submit(grow, depth).add_done_callback(after)
        expect(finished.wait(30), "tasks were lost")
    expect(len(ran) == wanted, f"{len(ran)} tasks ran, not {wanted}")
    return wanted


def waiters(source: Any, dice: random.Random) -> int:
    """Several threads that wait() for the same futures, in every way, while a pool completes them."""
    count = dice.randrange(10, 200)
    ways = (source.FIRST_COMPLETED, source.FIRST_EXCEPTION, source.ALL_COMPLETED)

    def waiter(mine: random.Random) -> None:
        pending = set(futures)
        while pending:
            timeout = mine.choice((None, mine.random() * BRIEF, 0))
            done, left = source.wait(pending, timeout, mine.choice(ways))
            expect(done | left == pending and not done & left, "wait() lost futures, or doubled them")
            expect(all(future.done() for future in done), "wait() took a pending future for a done one")
            expect(bool(done) or timeout is not None, "wait() came back with nothing, before its time")
            pending = left

    with pool(source, dice) as executor:
        futures = [executor.submit(square, number, dice) for number in range(count)]
        team(threading, [partial(waiter, mine) for mine in own_dice(dice, dice.randrange(1, 5))])
    return count


def iterators(source: Any, dice: random.Random) -> int:
    """Several threads that run through as_completed() of the same futures; some give up early."""
    count = dice.randrange(10, 300)

    def iterate(mine: random.Random) -> None:
        enough = mine.choice((count, mine.randrange(1, count)))
        seen = []
        for future in source.as_completed(futures * 2):
            expect(future.done(), "as_completed() gave a pending future")
            seen.append(future)
            if len(seen) == enough:
                break
        expect(len(set(seen)) == len(seen) == enough, "as_completed() lost futures, or gave one twice")

    with pool(source, dice) as executor:
        futures = [executor.submit(square, number, dice) for number in range(count)]
        team(threading, [partial(iterate, mine) for mine in own_dice(dice, dice.randrange(1, 5))])
    return count


def hand_made(source: Any, dice: random.Random) -> int:
    """Plain futures that several threads try to complete: one succeeds, and all waiters see its value."""
    count, crowd = dice.randrange(20, 200), dice.randrange(2, 5)
    futures = [source.Future() for _ in range(count)]
    won: list[tuple[int, int]] = []
    called: list[int] = []

    def complete(name: int, mine: random.Random) -> None:
        for number, future in enumerate(futures):
            dawdle(mine)
            try:
                future.set_result(name)
            except source.InvalidStateError:
                continue
            won.append((number, name))

    def watch(mine: random.Random) -> None:
        for future in futures:
            future.add_done_callback(lambda done: called.append(done.result()))
            dawdle(mine)

    def read() -> None:
        seen.extend(future.result() for future in futures)

    seen: list[int] = []
    bodies = [partial(complete, name, mine) for name, mine in enumerate(own_dice(dice, crowd))]
    team(threading, [*bodies, partial(watch, random.Random(dice.random())), read])
    expect([number for number, _ in sorted(won)] == list(range(count)), "a future had two results, or none")
    expect([name for _, name in sorted(won)] == seen, "a reader saw another result than was set")
    expect(sorted(called) == sorted(seen), "callbacks were lost, or called twice")
    return count * crowd


def mapping(source: Any, dice: random.Random) -> int:
    """Maps that run at the same time in one pool; some are left in the middle."""
    count = dice.randrange(10, 300)

    def use(mine: random.Random) -> None:
        first, enough = mine.randrange(10**6), mine.choice((count, mine.randrange(1, count)))
        results = executor.map(square, range(first, first + count), [mine] * count)
        for number in range(first, first + enough):
            expect(next(results) == number**2, "map() changed the order, or the results")
        expect(enough < count or next(results, None) is None, "map() gave more than it got")

    with pool(source, dice) as executor:
        team(threading, [partial(use, mine) for mine in own_dice(dice, dice.randrange(1, 5))])
    return count


def failing(source: Any, dice: random.Random) -> int:
    """Tasks that raise: each future has the very exception of its own task, and the workers go on."""
    count = dice.randrange(20, 300)
    kinds = [dice.choice((KeyError, ValueError, SystemExit, KeyboardInterrupt)) for _ in range(count)]

    def fail(number: int) -> None:
        raise kinds[number](number)

    with pool(source, dice) as executor:
        futures = [executor.submit(fail, number) for number in range(count)]
        for number, future in enumerate(futures):
            error = future.exception()
            expect(type(error) is kinds[number] and error.args == (number,), "another task's exception")
        expect(executor.submit(square, 3, dice).result() == 9, "a worker ended with its task")
    return count
