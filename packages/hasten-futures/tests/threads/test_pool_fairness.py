"""Who gets a turn: the main thread while workers run C functions, and all workers while there is work."""

import sys
import threading
import time

import pytest


@pytest.fixture
def tasks(impl):
    """How many: the standard library's pool takes 15 times as long for one."""
    return 30_000 if impl.__name__.startswith("hasten") else 15_000


@pytest.fixture
def switch_interval():
    before = sys.getswitchinterval()
    yield sys.setswitchinterval
    sys.setswitchinterval(before)


@pytest.mark.parametrize("workers", [1, 4])
def test_c_functions_do_not_shut_others_out(make_pool, tasks, workers, switch_interval):
    """No Python code runs in the worker that would let others have the GIL.

    Counted is how often the main thread sees that there is less work.
    """
    switch_interval(0.0005)
    pool, gate, numbers = make_pool(workers), threading.Event(), range(2000)
    blocked = [pool.submit(gate.wait) for _ in range(workers)]
    last = [pool.submit(sum, numbers) for _ in range(tasks)][-1]
    gate.set()
    seen = set()
    while not last.done():
        seen.add(pool._work_queue.qsize())
    assert len(seen - {0}) >= 20
    assert all(future.result(0) for future in blocked)


def test_callers_submit_while_c_functions_run(make_pool, tasks, spawn):
    """Another thread gets its tasks in between."""
    pool, gate = make_pool(1), threading.Event()
    pool.submit(gate.wait)
    last = [pool.submit(sum, range(2000)) for _ in range(tasks)][-1]

    def submit():
        gate.wait()
        turns = 0
        while not last.done():
            pool.submit(len, "")
            turns += 1
        return turns

    task = spawn(submit).settle()
    gate.set()
    assert task.result() >= 20


def test_a_thread_that_needs_the_gil_again_and_again(make_pool, spawn):
    """Each time it asks for the GIL it gets it soon, while a worker is never without a task."""
    pool, over = make_pool(1), threading.Event()

    def task():
        if not over.is_set():
            pool.submit(task)

    def ask():
        for _ in range(100):
            time.sleep(0)
        over.set()

    pool.submit(task)
    spawn(ask).result()


def test_all_workers_work(make_pool):
    """Tasks that wait are spread over the workers."""
    pool, barrier, names = make_pool(4), threading.Barrier(4), []

    def task():
        barrier.wait(30)
        names.append(threading.current_thread().name)

    for future in [pool.submit(task) for _ in range(40)]:
        future.result(30)
    assert len(set(names)) == 4
    assert {names.count(name) for name in names} == {10}
