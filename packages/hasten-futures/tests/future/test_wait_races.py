"""wait() and as_completed() while many threads end the futures: each is reported, and once."""

import threading

import pytest


class Fault(Exception):
    pass


def end(future, number):
    """One of the three ways, which the number says."""
    if number % 3 == 0:
        future.set_result(number)
    elif number % 3 == 1:
        future.set_exception(Fault(number))
    else:
        future.cancel()
        future.set_running_or_notify_cancel()


@pytest.fixture
def race(spawn):
    """Let four threads end the futures, each its share, as soon as the caller is at the barrier."""

    def start(futures, end=end):
        barrier = threading.Barrier(5)

        def work(share):
            barrier.wait()
            for number in share:
                end(futures[number], number)

        tasks = [spawn(work, range(first, len(futures), 4)) for first in range(4)]
        barrier.wait()
        return tasks

    return start


def finish(tasks):
    for task in tasks:
        task.result()


def test_all_completed(impl, race):
    for _ in range(30):
        futures = [impl.Future() for _ in range(40)]
        tasks = race(futures)
        assert impl.wait(futures, 30) == (set(futures), set())
        finish(tasks)
        assert not any(future._waiters for future in futures)


def test_first_completed(impl, race):
    for _ in range(30):
        futures = [impl.Future() for _ in range(40)]
        tasks, pending, reported = race(futures), set(futures), []
        while pending:
            done, pending = impl.wait(pending, 30, impl.FIRST_COMPLETED)
            assert done
            assert all(future.done() for future in done)
            reported.extend(done)
        finish(tasks)
        assert len(reported) == 40 and set(reported) == set(futures)


def test_first_exception(impl, race):
    for _ in range(30):
        futures = [impl.Future() for _ in range(40)]
        tasks = race(futures)
        done, _ = impl.wait(futures, 30, impl.FIRST_EXCEPTION)
        assert any(not future.cancelled() and future.exception() for future in done)
        finish(tasks)


def test_as_completed(impl, race):
    for _ in range(30):
        futures = [impl.Future() for _ in range(40)]
        tasks = race(futures)
        reported = []
        for future in impl.as_completed(futures, 30):
            assert future.done()
            reported.append(future)
        finish(tasks)
        assert len(reported) == 40 and set(reported) == set(futures)
        assert not any(future._waiters for future in futures)


def test_overlapping_sets(impl, race, spawn):
    """Two in wait() and two in as_completed() over sets with a common part."""
    for _ in range(15):
        futures = [impl.Future() for _ in range(60)]
        low, high = futures[:40], futures[20:]
        waits = [spawn(impl.wait, low, 30), spawn(impl.wait, high[::-1], 30)]
        lists = [spawn(lambda part=part: list(impl.as_completed(part, 30))) for part in (low, high)]
        finish(race(futures))
        assert [task.result().done for task in waits] == [set(low), set(high)]
        assert [set(task.result()) for task in lists] == [set(low), set(high)]
        assert not any(future._waiters for future in futures)


def test_opposite_order_does_not_deadlock(impl, spawn):
    """Both take hold of all futures at once; the order of the arguments is not that of the locks."""
    futures = [impl.Future() for _ in range(50)]

    def poll(order):
        for _ in range(200):
            impl.wait(order, 0)
            with pytest.raises(impl.TimeoutError):
                list(impl.as_completed(order, 0))

    for task in [spawn(poll, futures), spawn(poll, futures[::-1])]:
        task.result()
    assert not any(future._waiters for future in futures)


def test_given_up_while_they_complete(impl, race):
    """Timeouts around the completions: what is reported done is done, nothing is in both sets."""
    for round in range(40):
        futures = [impl.Future() for _ in range(40)]
        tasks = race(futures)
        done, not_done = impl.wait(futures, round / 40_000)
        assert done | not_done == set(futures) and not done & not_done
        assert all(future.done() for future in done)
        finish(tasks)
        assert impl.wait(futures, 0).done == set(futures)


def test_closed_while_they_complete(impl, race):
    for steps in range(20):
        futures = [impl.Future() for _ in range(40)]
        tasks, found = race(futures), impl.as_completed(futures, 30)
        for _ in range(steps):
            next(found)
        found.close()
        finish(tasks)
        assert not any(future._waiters for future in futures)


def test_dropped_while_they_complete(impl, race):
    """The last reference may go in any thread, at any moment."""
    for _ in range(20):
        futures = [impl.Future() for _ in range(40)]
        tasks = race(futures.copy())
        found = impl.as_completed(futures, 30)
        next(found)
        futures.clear()
        seen = 1
        for _ in found:
            seen += 1
        assert seen == 40
        finish(tasks)


def test_many_waiters_of_one(impl, spawn):
    for _ in range(20):
        future, barrier = impl.Future(), threading.Barrier(9)

        def wait(number, future=future, barrier=barrier):
            barrier.wait()
            if number % 4 == 0:
                return future.result(30)
            if number % 4 == 1:
                return impl.wait([future], 30).done.pop().result()
            if number % 4 == 2:
                return next(impl.as_completed([future], 30)).result()
            return future.exception(30) or 5

        tasks = [spawn(wait, number) for number in range(8)]
        barrier.wait()
        future.set_result(5)
        assert [task.result() for task in tasks] == [5] * 8


def test_one_winner(impl, spawn):
    """set_result(), set_exception() and cancel() at once: one succeeds, and callbacks are called once."""
    for _ in range(100):
        future, barrier, called = impl.Future(), threading.Barrier(4), []
        future.add_done_callback(called.append)

        def attempt(step, *args, future=future, barrier=barrier):
            barrier.wait()
            try:
                return getattr(future, step)(*args) in (None, True)
            except impl.InvalidStateError:
                return False

        attempts = [("set_result", 1), ("set_exception", Fault()), ("cancel",), ("set_result", 2)]
        assert sum(task.result() for task in [spawn(attempt, *args) for args in attempts]) == 1
        assert future.done()
        assert called == [future]


def test_cancel_races_with_the_start(impl, spawn):
    """Either it is cancelled or it runs, and both sides agree."""
    for _ in range(100):
        future, barrier = impl.Future(), threading.Barrier(2)

        def cancel(future=future, barrier=barrier):
            barrier.wait()
            return future.cancel()

        task = spawn(cancel)
        barrier.wait()
        runs = future.set_running_or_notify_cancel()
        assert task.result() is not runs
        assert future.running() is runs and future.cancelled() is not runs
