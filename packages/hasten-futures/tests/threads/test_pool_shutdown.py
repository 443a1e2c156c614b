"""shutdown() in all its forms, from everywhere, and pools that are dropped without it."""

import gc
import threading
import weakref

import pytest

REFUSED = "^cannot schedule new futures after shutdown$"


def test_waits_for_all_that_was_submitted(make_pool):
    pool, gate, ran = make_pool(2), threading.Event(), []
    futures = [pool.submit(gate.wait), *(pool.submit(ran.append, number) for number in range(100))]
    gate.set()
    pool.shutdown()
    assert all(future.done() for future in futures)
    assert sorted(ran) == list(range(100))
    assert not any(thread.is_alive() for thread in pool._threads)


def test_submit_afterwards(make_pool):
    pool = make_pool(1)
    pool.submit(len, "").result(30)
    for _ in range(2):
        pool.shutdown()
        with pytest.raises(RuntimeError, match=REFUSED):
            pool.submit(len, "")
        with pytest.raises(RuntimeError, match=REFUSED):
            list(pool.map(len, ["a"]))


def test_before_any_task(make_pool):
    pool = make_pool(1)
    pool.shutdown()
    assert len(pool._threads) == 0
    with pytest.raises(RuntimeError, match=REFUSED):
        pool.submit(len, "")


def test_arguments(make_pool):
    make_pool(1).shutdown(True)
    make_pool(1).shutdown(wait=False, cancel_futures=False)
    with pytest.raises(TypeError):
        make_pool(1).shutdown(True, True)


def test_with_statement(impl):
    with impl.ThreadPoolExecutor(2) as pool:
        assert isinstance(pool, impl.ThreadPoolExecutor)
        future = pool.submit(len, "abc")
    assert future.done()
    with pytest.raises(RuntimeError, match=REFUSED):
        pool.submit(len, "")


def test_with_statement_that_raises(impl):
    gate = threading.Event()
    with pytest.raises(KeyError, match="inside"), impl.ThreadPoolExecutor(1) as pool:
        future = pool.submit(gate.wait)
        gate.set()
        raise KeyError("inside")
    assert future.done()


def test_without_waiting(make_pool):
    """All that is queued is run all the same."""
    pool, gate = make_pool(1), threading.Event()
    futures = [pool.submit(gate.wait) for _ in range(5)]
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError, match=REFUSED):
        pool.submit(len, "")
    assert not any(future.done() for future in futures)
    gate.set()
    assert [future.result(30) for future in futures] == [True] * 5
    for thread in pool._threads:
        thread.join(30)
        assert not thread.is_alive()


def test_cancel_futures(impl, make_pool, until):
    pool, gate = make_pool(2), threading.Event()
    futures = [pool.submit(gate.wait) for _ in range(10)]
    until(lambda: sum(future.running() for future in futures) == 2)
    pool.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in futures] == [False] * 2 + [True] * 8
    gate.set()
    pool.shutdown()
    assert [future.result(0) for future in futures[:2]] == [True] * 2


def test_cancel_futures_calls_back(make_pool, until):
    pool, gate, seen = make_pool(1), threading.Event(), []
    running = pool.submit(gate.wait)
    until(running.running)
    future = pool.submit(len, "")
    future.add_done_callback(lambda done: seen.append(done.cancelled()))
    pool.shutdown(wait=False, cancel_futures=True)
    assert seen == [True]
    gate.set()


@pytest.mark.ours
def test_cancelled_futures_are_notified(impl, make_pool, until):
    """The standard library leaves wait() hanging there: no worker ever sees these futures."""
    pool, gate = make_pool(1), threading.Event()
    running = pool.submit(gate.wait)
    until(running.running)
    futures = [pool.submit(len, "") for _ in range(5)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert impl.wait(futures, 30).done == set(futures)
    assert {future._state for future in futures} == {"CANCELLED_AND_NOTIFIED"}
    gate.set()


def test_cancel_futures_with_nothing_to_cancel(make_pool):
    pool = make_pool(1)
    future = pool.submit(len, "abc")
    future.result(30)
    pool.shutdown(cancel_futures=True)
    assert future.result() == 3


def test_twice_and_at_once(make_pool, spawn):
    pool, gate = make_pool(2), threading.Event()
    futures = [pool.submit(gate.wait) for _ in range(4)]
    tasks = [spawn(pool.shutdown).settle() for _ in range(3)]
    assert all(task.is_alive() for task in tasks)
    gate.set()
    for task in tasks:
        task.result()
    assert all(future.done() for future in futures)
    pool.shutdown()


def test_wakes_idle_workers(make_pool):
    pool, barrier = make_pool(5), threading.Barrier(5)
    for future in [pool.submit(barrier.wait, 30) for _ in range(5)]:
        future.result(30)
    pool.shutdown()
    assert not any(thread.is_alive() for thread in pool._threads)


# ---- from inside ---------------------------------------------------------------------------------


def test_from_a_worker(make_pool):
    """It can't wait for itself."""
    pool, ran = make_pool(1), []
    future = pool.submit(pool.shutdown, wait=False)
    assert future.result(30) is None
    pool.shutdown()
    with pytest.raises(RuntimeError, match=REFUSED):
        pool.submit(ran.append, 1)


def test_from_a_worker_that_would_wait_for_itself(make_pool):
    pool = make_pool(1)
    error = pool.submit(pool.shutdown).exception(30)
    assert type(error) is RuntimeError
    assert "join current thread" in str(error)
    pool.shutdown()


def test_from_a_callback(make_pool):
    pool, gate = make_pool(1), threading.Event()
    future = pool.submit(gate.wait)
    queued = pool.submit(len, "abc")
    future.add_done_callback(lambda _: pool.shutdown(wait=False))
    gate.set()
    assert queued.result(30) == 3
    pool.shutdown()


@pytest.mark.ours
def test_from_a_callback_of_what_it_cancels(make_pool, until):
    """Where the standard library waits for a lock that it holds."""
    pool, gate, called = make_pool(1), threading.Event(), []
    running = pool.submit(gate.wait)
    until(running.running)
    futures = [pool.submit(len, "") for _ in range(5)]

    def again(_):
        called.append(1)
        pool.shutdown(wait=False, cancel_futures=False)

    for future in futures:
        future.add_done_callback(again)
    pool.shutdown(wait=False, cancel_futures=True)
    assert called == [1] * 5
    gate.set()


def test_submitted_while_it_shuts_down(make_pool):
    """A task that submits another one is told."""
    pool, gate, errors = make_pool(1), threading.Event(), []

    def task():
        gate.wait()
        try:
            pool.submit(len, "")
        except RuntimeError as error:
            errors.append(str(error))

    future = pool.submit(task)
    pool.shutdown(wait=False)
    gate.set()
    future.result(30)
    assert errors == ["cannot schedule new futures after shutdown"]


def test_submitters_race_with_it(make_pool, spawn):
    """What was accepted is run; the rest is refused."""
    for _ in range(20):
        pool, barrier, ran = make_pool(2), threading.Barrier(4), []

        def submit(pool=pool, barrier=barrier, ran=ran):
            futures = []
            barrier.wait()
            try:
                for _ in range(10_000):
                    futures.append(pool.submit(ran.append, 1))
            except RuntimeError:
                pass
            return futures

        tasks = [spawn(submit) for _ in range(3)]
        barrier.wait()
        pool.shutdown()
        futures = [future for task in tasks for future in task.result()]
        assert all(future.done() for future in futures)
        assert len(ran) == len(futures)


# ---- dropped -------------------------------------------------------------------------------------


def gone(threads):
    for thread in threads:
        thread.join(30)
    return not any(thread.is_alive() for thread in threads)


def test_dropped_idle(impl):
    pool, barrier = impl.ThreadPoolExecutor(3), threading.Barrier(3)
    for future in [pool.submit(barrier.wait, 30) for _ in range(3)]:
        future.result(30)
    threads = list(pool._threads)
    del pool
    gc.collect()
    assert gone(threads)


def test_dropped_with_work_queued(impl):
    """Its threads do the work and end."""
    pool, gate, ran = impl.ThreadPoolExecutor(1), threading.Event(), []
    first = pool.submit(gate.wait)
    futures = [pool.submit(ran.append, number) for number in range(50)]
    threads, reference = list(pool._threads), weakref.ref(pool)
    del pool
    gc.collect()
    assert reference() is None
    assert not first.done()
    gate.set()
    assert [future.result(30) for future in futures] == [None] * 50
    assert ran == list(range(50))
    assert gone(threads)


def test_dropped_with_its_futures(impl):
    """Nobody asks for the results; the tasks are done all the same."""
    pool, done = impl.ThreadPoolExecutor(2), threading.Semaphore(0)
    for _ in range(20):
        pool.submit(done.release)
    threads = list(pool._threads)
    del pool
    gc.collect()
    for _ in range(20):
        assert done.acquire(timeout=30)
    assert gone(threads)


def test_dropped_by_a_task(impl):
    """The last reference goes in a worker."""
    pool, ready = impl.ThreadPoolExecutor(1), threading.Event()
    holder = [pool]
    future = pool.submit(lambda: ready.wait(30) and holder.clear())
    threads = list(pool._threads)
    del pool
    ready.set()
    future.result(30)
    gc.collect()
    assert gone(threads)


def test_never_used(impl):
    reference = weakref.ref(impl.ThreadPoolExecutor(3))
    gc.collect()
    assert reference() is None
