"""Everything at once, for a while; HASTEN_STRESS_SECONDS says how long (2 by default).

Each thread draws from its own random numbers what it does next.  What must hold in the end is counted: each
task was run once or cancelled, each callback called once, each future reported.
"""

import os
import random
import sys
import threading
import time

import pytest

import hasten.futures
from hasten.futures import CancelledError, Future, ThreadPoolExecutor, as_completed, wait

SECONDS = float(os.environ.get("HASTEN_STRESS_SECONDS", 2))
THREADS = 6


class Fault(Exception):
    pass


class Worker:
    """What one thread does, and its books."""

    def __init__(self, pools, seed):
        self.pools, self.random, self.over = pools, random.Random(seed), False
        self.steps = self.submitted = self.cancelled = self.called = 0
        self.ran = []  # append() is atomic: tasks run in many threads
        self.calls = []

    def work(self):
        actions = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        while not self.over:
            self.random.choice(actions)()
            self.steps += 1

    def submit(self, function=None, *args):
        self.submitted += 1
        return self.random.choice(self.pools).submit(function or self.task, *args)

    def task(self):
        self.ran.append(1)
        return 7

    def do_submit(self):
        assert self.submit().result(60) == 7

    def do_submit_many(self):
        futures = [self.submit() for _ in range(self.random.choice([1, 3, 30]))]
        done, not_done = wait(futures, 60)
        assert done == set(futures) and not not_done

    def do_cancel(self):
        futures = [self.submit() for _ in range(20)]
        self.random.shuffle(futures)
        cancelled = sum(future.cancel() for future in futures[:10])
        self.cancelled += cancelled
        found = 0
        for future in as_completed(futures, 60):
            try:
                assert future.result(0) == 7
            except CancelledError:
                found += 1
        assert found == cancelled

    def do_callback(self):
        future = self.submit()
        for _ in range(3):
            self.called += 1
            future.add_done_callback(self.calls.append)
        future.result(60)

    def do_fail(self):
        def fail():
            self.ran.append(1)
            raise Fault

        assert type(self.submit(fail).exception(60)) is Fault

    def do_first(self):
        pending = {self.submit() for _ in range(8)}
        while pending:
            done, pending = wait(pending, 60, hasten.futures.FIRST_COMPLETED)
            assert done

    def do_time_out(self):
        """Those who give up while the task ends."""
        future = self.submit()
        try:
            assert future.result(self.random.choice([0, 1e-6, 1e-4])) == 7
        except hasten.futures.TimeoutError:
            assert future.result(60) == 7

    def do_close_early(self):
        futures = [self.submit() for _ in range(10)]
        found = as_completed(futures, 60)
        for _ in range(self.random.randrange(10)):
            next(found)
        found.close()
        wait(futures, 60)

    def do_by_hand(self):
        future, started = Future(), threading.Event()

        def answer():
            self.ran.append(1)
            started.set()
            future.set_result(5)

        self.submit(answer)
        assert future.result(60) == 5
        assert started.is_set()

    def do_look(self):
        future = self.submit()
        with future._condition:
            repr(future)
            future._get_snapshot()
        assert future.result(60) == 7

    def do_chain(self):
        """A task that submits another one, from its callback."""
        last = Future()
        first = self.submit()
        self.submitted += 1
        pool = self.random.choice(self.pools)
        first.add_done_callback(lambda _: pool.submit(self.task).add_done_callback(last.set_result))
        assert last.result(60).result(0) == 7

    def do_pool(self):
        """One that is dropped or shut down with its work."""
        pool = ThreadPoolExecutor(self.random.choice([1, 3]))
        for _ in range(self.random.randrange(5)):
            self.submitted += 1
            future = pool.submit(self.task)
            if self.random.random() < 0.3:
                self.cancelled += future.cancel()
        if self.random.random() < 0.5:
            pool.shutdown()
        threads = list(pool._threads)
        del pool
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture(params=[1e-6, 0.005], ids=["switching often", "as usual"])
def switch_interval(request):
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(before)


@pytest.mark.timeout(2 * SECONDS + 120)
def test_stress(switch_interval, spawn):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four:
        workers = [Worker([one, four], seed) for seed in range(THREADS)]
        tasks = [spawn(worker.work) for worker in workers]
        end = time.monotonic() + SECONDS
        steps = [0] * THREADS
        while time.monotonic() < end and not any(task.error for task in tasks):
            time.sleep(min(1, SECONDS))
            now = [worker.steps for worker in workers]
            assert now != steps, "nobody moves"
            steps = now
        for worker in workers:
            worker.over = True
        for task in tasks:
            task.result(90)
    for worker in workers:
        assert len(worker.ran) == worker.submitted - worker.cancelled
        assert len(worker.calls) == worker.called
    assert all(steps)
