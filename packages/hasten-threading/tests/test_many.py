"""Crowds: hundreds of threads that wait for one thing."""

import threading

import pytest

import hasten.threading as ours

CROWD = 900


@pytest.fixture
def crowd():
    """Start that many threads of little stack in one function, and wait for all of them at the end."""
    threads = []
    before = threading.stack_size(256 * 1024)

    def start(function, count=CROWD):
        threads.extend(threading.Thread(target=function, daemon=True) for _ in range(count))
        for thread in threads[-count:]:
            thread.start()
        return threads

    yield start
    threading.stack_size(before)
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_one_event_for_all(crowd, until):
    event, arrived, done = ours.Event(), [], []

    def wait():
        arrived.append(1)
        done.append(event.wait())

    crowd(wait)
    until(lambda: len(arrived) == CROWD)
    assert not done
    event.set()
    until(lambda: len(done) == CROWD)
    assert all(done)


def test_units_of_a_semaphore(crowd, until):
    sem, arrived, done = ours.Semaphore(0), [], []

    def wait():
        arrived.append(1)
        done.append(sem.acquire())

    crowd(wait)
    until(lambda: len(arrived) == CROWD)
    for n in [1, 99, 300]:
        count = len(done)
        sem.release(n)
        until(lambda n=n, count=count: len(done) == count + n)
    sem.release(CROWD - 400)
    until(lambda: len(done) == CROWD)
    assert sem._value == 0


def test_a_condition_with_many_waiters(crowd, until):
    cond, done = ours.Condition(), []

    def wait():
        with cond:
            done.append(cond.wait())

    crowd(wait)
    until(lambda: len(cond._waiters) == CROWD)
    with cond:
        cond.notify(100)
    until(lambda: len(done) == 100)
    assert len(cond._waiters) == CROWD - 100
    with cond:
        cond.notify_all()
    until(lambda: len(done) == CROWD)


@pytest.mark.parametrize("end", ["pass", "abort", "reset"])
def test_a_barrier_for_many(end, crowd, until):
    barrier, indexes = ours.Barrier(CROWD + 1), []

    def wait():
        try:
            indexes.append(barrier.wait())
        except ours.BrokenBarrierError:
            indexes.append(None)

    crowd(wait)
    until(lambda: barrier.n_waiting == CROWD)
    if end == "pass":
        assert barrier.wait() == CROWD
    else:
        getattr(barrier, end)()
    until(lambda: len(indexes) == CROWD)
    if end == "pass":
        assert sorted(indexes) == list(range(CROWD))
    else:
        assert indexes == [None] * CROWD


def test_many_leave_while_many_are_let_go(crowd, until):
    """Half of them have timeouts that end about when the event is set."""
    event, done, begun, guard = ours.Event(), [], [], threading.Lock()

    def wait():
        with guard:  # exactly every other one has a timeout
            begun.append(1)
            number = len(begun)
        done.append(event.wait(0.05 + number * 0.0001 if number % 2 else None))

    crowd(wait, 400)
    until(lambda: len(begun) == 400)
    event.set()
    until(lambda: len(done) == 400)
    assert done.count(True) >= 200
