"""Games with locks, semaphores, events, conditions and barriers whose users are killed at random moments.

Each function plays one round with a crowd, and returns the number of kills.  Words in shared memory tell what
the players have seen; each word has one writer at a time.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Callable

from bench.cases import expect

from stress.faults import expect_end
from stress.multiprocessing_crowds import PATIENCE, Crowd, until

FORK = multiprocessing.get_context("fork")
KILLS = 20  # in a round, before the last ones
PLAYERS = 4
GENERATION = PLAYERS  # the word that the leader writes


def shared_words() -> Any:
    """64-bit words of zero, shared with the children that are forked from now on."""
    return memoryview(mmap.mmap(-1, 4096)).cast("q")


def pause(dice: random.Random) -> None:
    time.sleep(dice.random() * 0.003)


# ---- locks ----


def tells_death(lock: Any) -> bool:
    """Whether it says that its last owner died; the standard library's locks have no such word."""
    return bool(getattr(lock, "owner_died", False))


def visit(lock: Any, words: Any, depth: int) -> None:
    """Hold the lock: nobody else does, unless his death is told."""
    expect_end(lock.acquire(timeout=PATIENCE), "the lock is not given back")
    died = tells_death(lock)
    expect(not tells_death(lock), "the owner's death is told twice")
    expect(died or words[0] == 0, f"{words[0]} has the lock, too")
    for _ in range(depth - 1):
        lock.acquire()
    words[0] = os.getpid()
    expect(words[0] == os.getpid(), "two hold the lock")
    words[1] += 1
    expect(words[0] == os.getpid(), "two hold the lock")
    words[0] = 0
    for _ in range(depth):
        lock.release()


def visit_for_ever(lock: Any, words: Any, depth: int) -> None:
    while True:
        visit(lock, words, depth)


def hold(lock: Any, words: Any) -> None:
    lock.acquire()
    words[0] = os.getpid()
    time.sleep(10 * PATIENCE)


def lock_holders(kind: str, depth: int, module: Any, dice: random.Random) -> int:
    lock, words = getattr(module, kind)(ctx=FORK), shared_words()
    with Crowd() as crowd:
        for _ in range(PLAYERS):
            crowd.start(partial(visit_for_ever, lock, words, depth))
        for _ in range(KILLS):
            pause(dice)
            crowd.kill(crowd.one(dice))
            visit(lock, words, depth)
            crowd.start(partial(visit_for_ever, lock, words, depth))
    visit(lock, words, depth)
    with crowd:
        pid = crowd.start(partial(hold, lock, words))
        until(lambda: bool(words[0] == pid), "the holder does not get the lock")
    expect_end(lock.acquire(timeout=PATIENCE), "a dead holder keeps the lock")
    expect((tells_death(lock), tells_death(lock)) == (True, False), "the owner's death is not told once")
    lock.release()
    return crowd.kills


# ---- semaphores ----


def use_for_ever(semaphore: Any) -> None:
    while True:
        semaphore.acquire()
        semaphore.release()


def semaphore_users(kind: str, module: Any, dice: random.Random) -> int:
    """Of three units two can be lost, so that one is always there to be had."""
    units, crowd = 3, Crowd()
    semaphore = getattr(module, kind)(units, ctx=FORK)
    while crowd.kills < KILLS:
        before = crowd.kills
        with crowd:
            for _ in range(PLAYERS):
                crowd.start(partial(use_for_ever, semaphore))
            for _ in range(units - 1):
                pause(dice)
                crowd.kill(crowd.one(dice))
                expect_end(semaphore.acquire(timeout=PATIENCE), "no unit is left")
                semaphore.release()
        got = 0
        while semaphore.acquire(False):
            got += 1
        expect(units - (crowd.kills - before) <= got <= units, f"{got} of {units} units are left")
        for _ in range(units):
            semaphore.release()
    return crowd.kills


# ---- events and conditions ----


def all_have(words: Any, seats: list[int], generation: int) -> bool:
    return all(words[seat] == generation for seat in seats)


def announce_and_stay(announce: Callable[[int], Any], generation: int) -> None:
    announce(generation)
    time.sleep(10 * PATIENCE)


def await_all(wait: Callable[[int], Any], words: Any, seat: int, generation: int) -> None:
    while True:
        wait(generation)
        words[seat] = generation
        generation += 1


def generations(
    wait: Callable[[int], Any], announce: Callable[[int], Any], words: Any, dice: random.Random
) -> int:
    """Announce one after the other, with kills before and after: each reaches all survivors.

    Every other time one who announces it, too, is killed on the way.
    """
    with Crowd() as crowd, Crowd() as criers:
        for seat in range(PLAYERS):
            crowd.start(partial(await_all, wait, words, seat, 1), seat)
        for generation in range(1, KILLS // 2 + 1):
            pause(dice)
            lost = [crowd.kill(crowd.one(dice))]
            if dice.random() < 0.5:
                crier = criers.start(partial(announce_and_stay, announce, generation))
                pause(dice)
                criers.kill(crier)
            announce(generation)
            time.sleep(dice.random() * 0.0003)
            lost.append(crowd.kill(crowd.one(dice)))
            seats = list(crowd.children.values())
            until(
                partial(all_have, words, seats, generation),
                f"generation {generation} has reached {[words[seat] for seat in seats]} only",
            )
            for seat in lost:
                crowd.start(partial(await_all, wait, words, seat, generation + 1), seat)
    return crowd.kills + criers.kills


def event_waiters(module: Any, dice: random.Random) -> int:
    """Two events in turn: one is cleared when all have seen it and wait for the other."""
    events, words = [module.Event(ctx=FORK) for _ in range(2)], shared_words()

    def announce(generation: int) -> None:
        events[(generation + 1) % 2].clear()
        events[generation % 2].set()

    return generations(lambda generation: events[generation % 2].wait(), announce, words, dice)


def condition_waiters(module: Any, dice: random.Random) -> int:
    condition, words = module.Condition(ctx=FORK), shared_words()

    def wait(generation: int) -> None:
        with condition:
            while words[GENERATION] < generation:
                condition.wait()

    def announce(generation: int) -> None:
        with condition:
            words[GENERATION] = generation
            condition.notify_all()

    return generations(wait, announce, words, dice)


# ---- barriers ----


def meet_for_ever(barrier: Any, words: Any, seat: int, generation: int) -> None:
    """Come once in each generation; the word is generation * 2, and one more if the barrier was broken."""
    while True:
        until(partial(answered, words, [GENERATION], generation / 2), "no generation begins")
        try:
            barrier.wait()
            words[seat] = generation * 2
        except threading.BrokenBarrierError:
            words[seat] = generation * 2 + 1
        generation += 1


def answered(words: Any, seats: Iterable[int], generation: float) -> bool:
    """Whether all of these words are at least twice the generation."""
    return all(words[seat] >= generation * 2 for seat in seats)


def barrier_parties(action: bool, module: Any, dice: random.Random) -> int:
    """A generation with a kill, and after reset() one without, in which all pass."""
    words, act = shared_words(), partial(time.sleep, 0.001) if action else None
    timeout = dice.choice([None, 0.05])
    barrier = module.Barrier(PLAYERS, act, timeout, ctx=FORK)
    with Crowd() as crowd:
        for seat in range(PLAYERS):
            crowd.start(partial(meet_for_ever, barrier, words, seat, 1), seat)
        for generation in range(1, 2 * KILLS, 2):
            words[GENERATION] = generation
            time.sleep(dice.random() * 0.002)
            lost = crowd.kill(crowd.one(dice))
            seats = list(crowd.children.values())
            if timeout is None:
                pause(dice)
                barrier.abort()
            until(partial(answered, words, seats, generation), "a survivor waits for ever")
            barrier.reset()
            expect(not barrier.broken and barrier.n_waiting == 0, "reset() leaves it broken")
            crowd.start(partial(meet_for_ever, barrier, words, lost, generation + 1), lost)
            words[GENERATION] = generation + 1
            until(partial(answered, words, range(PLAYERS), generation + 1), "not all pass after reset()")
            if timeout is None:  # else a slow start breaks it
                passed = partial(all_have, words, list(range(PLAYERS)), 2 * generation + 2)
                expect(passed(), "broken after reset()")
            barrier.reset()
    return crowd.kills


GAMES: dict[str, Any] = {
    "killed holders of a Lock": partial(lock_holders, "Lock", 1),
    "killed holders of an RLock": partial(lock_holders, "RLock", 2),
    "killed users of a Semaphore": partial(semaphore_users, "Semaphore"),
    "killed users of a BoundedSemaphore": partial(semaphore_users, "BoundedSemaphore"),
    "killed waiters of an Event": event_waiters,
    "killed waiters of a Condition": condition_waiters,
    "killed parties of a Barrier": partial(barrier_parties, False),
    "killed parties of a Barrier with an action": partial(barrier_parties, True),
}
