"""All primitives at once, for a while; HASTEN_STRESS_SECONDS says how long (2 by default).

Each worker draws from its own random numbers what it does next.  What must hold in the end is counted.
"""

import os
import random
import signal
import sys
import threading
import time

import pytest
from support.signalling import MAIN

import hasten.threading as ours

SECONDS = float(os.environ.get("HASTEN_STRESS_SECONDS", 2))
WORKERS = 8


class Interrupt(Exception):
    pass


class World:
    """The things that all workers use, and what is known about them."""

    def __init__(self):
        self.over = False
        self.units = 3
        self.sem = ours.Semaphore(self.units)
        self.bounded = ours.BoundedSemaphore(2)
        self.event = ours.Event()
        self.cond = ours.Condition()
        self.plain = ours.Condition(ours.Lock())
        self.barrier = ours.Barrier(3, action=self.act)
        self.lock, self.rlock = ours.Lock(), ours.RLock()
        self.numbers = ours.serialize_iterator(iter(range(10**9)))
        self.items = []
        self.inside = {"lock": 0, "rlock": 0}
        self.actions = 0
        self.guard = threading.Lock()  # of the standard library, for the books
        self.put, self.got, self.passed, self.seen = 0, 0, 0, []

    def act(self):
        self.actions += 1
        if self.actions % 50 == 0:
            self.barrier.reset()


class Worker:
    def __init__(self, world, seed):
        self.world, self.random = world, random.Random(seed)
        self.steps, self.put, self.got, self.passed, self.seen = 0, 0, 0, 0, []

    def work(self):
        actions = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        while not self.world.over:
            self.random.choice(actions)()
            self.steps += 1

    def timeout(self):
        return self.random.choice([0, 0.0001, 0.001, 0.01])

    def do_semaphore(self):
        if self.world.sem.acquire(timeout=self.timeout()):
            self.world.sem.release()

    def do_semaphore_many(self):
        got = sum(self.world.sem.acquire(False) for _ in range(3))
        if got:
            self.world.sem.release(got)

    def do_bounded(self):
        with self.world.bounded:
            self.world.event.is_set()

    def do_event(self):
        self.world.event.wait(self.timeout())

    def do_set(self):
        self.world.event.set()
        self.world.event.clear()

    def do_put(self):
        with self.world.cond:
            self.world.items.append(1)
            self.put += 1
            self.world.cond.notify(self.random.choice([1, 2]))

    def do_get(self):
        with self.world.cond:
            if self.world.cond.wait_for(lambda: self.world.items, self.timeout()):
                self.world.items.pop()
                self.got += 1

    def do_plain(self):
        with self.world.plain:
            if self.random.random() < 0.5:
                self.world.plain.notify_all()
            else:
                self.world.plain.wait(self.timeout())

    def do_barrier(self):
        try:
            self.world.barrier.wait(self.timeout())
            self.passed += 1
        except ours.BrokenBarrierError:
            if self.random.random() < 0.5:
                self.world.barrier.reset()

    def do_locks(self):
        world = self.world
        for name, lock in [("lock", world.lock), ("rlock", world.rlock)]:
            if lock.acquire(timeout=self.timeout()):
                try:
                    world.inside[name] += 1
                    assert world.inside[name] == 1, f"two hold the {name}"
                    world.inside[name] -= 1
                finally:
                    lock.release()

    def do_iterate(self):
        self.seen.append(next(self.world.numbers))

    def do_thread(self):
        seen = []
        thread = ours.Thread(target=lambda: seen.append(self.world.sem.acquire(timeout=0)))
        thread.start()
        thread.join()
        assert len(seen) == 1
        if seen == [True]:
            self.world.sem.release()

    def do_timer(self):
        event = ours.Event()
        timer = ours.Timer(0.001, event.set)
        timer.start()
        assert event.wait(30), "a timer has not fired"
        timer.join()


@pytest.fixture(params=[1e-6, 0.005], ids=["switching often", "as usual"])
def switch_interval(request):
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(before)


@pytest.mark.timeout(2 * SECONDS + 120)
def test_stress(switch_interval, spawn, until):
    world = World()
    workers = [Worker(world, seed) for seed in range(WORKERS)]
    tasks = [spawn(worker.work) for worker in workers]
    steps = [0] * WORKERS
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not failed(tasks):
        time.sleep(min(1, SECONDS))
        # if nobody moves, this never ends; a machine that is busy elsewhere may take longer than the pause
        until(lambda steps=steps: failed(tasks) or steps != [worker.steps for worker in workers])
        steps = [worker.steps for worker in workers]
    until(lambda: failed(tasks) or all(worker.steps for worker in workers))
    world.over = True
    for task in tasks:
        task.result()
    check(world, workers)


def failed(tasks):
    return any(task.error for task in tasks)


def check(world, workers):
    assert world.sem._value == world.units
    assert world.bounded._value == 2
    assert world.inside == {"lock": 0, "rlock": 0}
    assert sum(worker.put for worker in workers) == sum(worker.got for worker in workers) + len(world.items)
    seen = sorted(sum((worker.seen for worker in workers), []))
    assert seen == list(range(len(seen)))
    assert sum(worker.passed for worker in workers) % 3 == 0
    assert not world.cond._waiters and not world.plain._waiters
    assert world.barrier.n_waiting == 0
    assert all(worker.steps for worker in workers)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
@pytest.mark.timeout(2 * SECONDS + 120)
def test_stress_with_interrupts(spawn):
    """The main thread takes part and is interrupted at any point inside its waits."""
    world, over = World(), threading.Event()
    workers = [Worker(world, seed) for seed in range(4)]
    rng, armed, interrupts = random.Random(0), False, 0

    def annoy():
        while not over.wait(rng.random() * 0.002):
            signal.pthread_kill(MAIN, signal.SIGUSR1)

    def handle(*_):
        nonlocal armed
        if armed:
            armed = False
            raise Interrupt

    before = signal.signal(signal.SIGUSR1, handle)
    tasks = [spawn(worker.work) for worker in workers] + [spawn(annoy)]
    end = time.monotonic() + SECONDS
    try:
        while not failed(tasks) and (
            time.monotonic() < end or not interrupts or not all(worker.steps for worker in workers)
        ):
            cond = world.cond if rng.random() < 0.7 else None
            if cond is not None:
                cond.acquire()
            try:
                armed = True
                (cond or world.event).wait(0.005)
                armed = False
            except Interrupt:
                interrupts += 1
            if cond is not None and cond._is_owned():  # not, if taking the lock again was interrupted
                cond.release()
    finally:
        armed = False
        world.over = True
        over.set()
        for task in tasks:
            task.result()
        signal.signal(signal.SIGUSR1, before)
    assert interrupts
    check(world, workers)
