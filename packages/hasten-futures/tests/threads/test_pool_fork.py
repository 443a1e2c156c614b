"""fork() in a program with pools: the child has none of the workers, and nothing waits for them there."""

import os
import threading

import pytest
from support.forked import child_of_fork, in_child, needs_fork, status_of

import hasten.futures
from hasten.futures import BrokenExecutor, CancelledError, ThreadPoolExecutor

pytestmark = [
    needs_fork,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.fixture
def gate():
    return threading.Event()


@pytest.fixture
def pool(gate):
    """Two workers, both of them busy."""
    with ThreadPoolExecutor(2) as pool:
        pool.running = [pool.submit(gate.wait) for _ in range(2)]
        pool.queued = [pool.submit(len, "abc") for _ in range(3)]
        yield pool
        gate.set()


def outcome(future, timeout=20):
    try:
        return future.result(timeout)
    except (BrokenExecutor, CancelledError) as error:
        return type(error)


def use(pool):
    """Several tasks at a time and one after the other."""
    barrier = threading.Barrier(2)
    assert sorted(future.result(20) for future in [pool.submit(barrier.wait, 20) for _ in range(2)]) == [0, 1]
    assert list(pool.map(len, ["a", "bc"], timeout=20)) == [1, 2]


def test_a_pool_without_workers():
    with ThreadPoolExecutor(2) as pool:
        in_child(lambda: use(pool))
        use(pool)


def test_with_idle_workers():
    with ThreadPoolExecutor(2) as pool:
        use(pool)
        in_child(lambda: use(pool))
        use(pool)


def test_with_busy_workers(pool, gate):
    in_child(lambda: use(pool))
    gate.set()
    use(pool)
    assert [future.result(20) for future in pool.running + pool.queued] == [True] * 2 + [3] * 3


def test_futures_of_the_parent_are_broken(pool):
    def check():
        for future in pool.running + pool.queued:
            assert outcome(future) in (hasten.futures.thread.BrokenThreadPool, CancelledError)
            assert future.done()
        assert hasten.futures.wait(pool.running + pool.queued, 20).not_done == set()
        assert len(list(hasten.futures.as_completed(pool.running + pool.queued, 20))) == 5

    in_child(check)


def test_what_was_done_stays(gate):
    with ThreadPoolExecutor(1) as pool:
        done, failed = pool.submit(len, "abc"), pool.submit(len)
        assert isinstance(failed.exception(20), TypeError)

        def check():
            assert done.result(0) == 3
            assert isinstance(failed.exception(0), TypeError)

        in_child(check)


def test_futures_without_a_pool(spawn):
    """Nobody's: the child may end them itself.  Those who wait in the parent are not in the child."""
    future, other = hasten.futures.Future(), hasten.futures.Future()
    waiting = [spawn(future.result).settle(), spawn(hasten.futures.wait, [future, other]).settle()]

    def check():
        assert not future.done()
        future.set_result("child")
        assert future.result(0) == "child"
        assert hasten.futures.wait([other], 0).not_done == {other}

    in_child(check)
    future.set_result("parent")
    other.set_result("parent")
    assert waiting[0].result() == "parent"
    assert waiting[1].result().done == {future, other}


def test_shutdown_in_the_child(pool, gate):
    def check():
        pool.shutdown()
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(len, "")

    in_child(check)
    assert pool.submit(len, "abc") is not None
    gate.set()


def test_with_statement_in_the_child(pool):
    def check():
        with pool:
            use(pool)

    in_child(check)


def test_a_new_pool_in_the_child(pool):
    def check():
        with ThreadPoolExecutor(2) as own:
            use(own)

    in_child(check)


def test_counts_in_the_child(pool):
    """As users read them."""

    def check():
        assert pool._work_queue.qsize() == 0
        use(pool)
        assert sum(thread.is_alive() for thread in pool._threads) == 2

    in_child(check)


def test_from_a_worker(gate):
    """The thread that forks is the child's only one, and its task goes on in both."""
    with ThreadPoolExecutor(2) as pool:
        queued = []

        def task():
            queued.extend(pool.submit(len, "abc") for _ in range(2))
            other = pool.submit(gate.wait)
            return status_of(child_of_fork(lambda: check(other)))

        def check(other):
            assert outcome(other) in (hasten.futures.thread.BrokenThreadPool, CancelledError)
            assert pool.submit(len, "abcd").result(20) == 4

        assert pool.submit(task).result(60) == 0
        gate.set()


def test_from_a_callback(pool, gate):
    """In the child the thread that forks is still a worker, and busy: there is one other."""
    statuses, over = [], threading.Event()

    def check():
        assert pool.submit(len, "abcd").result(20) == 4

    def callback(_):
        statuses.append(status_of(child_of_fork(check)))
        over.set()

    pool.running[0].add_done_callback(callback)
    gate.set()
    assert over.wait(60)
    assert statuses == [0]


def test_from_an_initializer():
    statuses = []

    def initialize():
        statuses.append(status_of(child_of_fork(lambda: None)))

    with ThreadPoolExecutor(1, initializer=initialize) as pool:
        assert pool.submit(len, "abc").result(60) == 3
    assert statuses == [0]


def test_children_of_children(pool):
    in_child(lambda: in_child(lambda: in_child(lambda: use(pool))))


def test_while_others_submit(spawn):
    """The fork may hit any moment of submit() and of the workers.

    A variable that the threads and the child share would be a cell, which without a GIL has a lock of the
    interpreter's, and that may be held for ever in a child.
    """
    over = threading.Event()
    with ThreadPoolExecutor(3) as pool:

        def submit(pool, over):
            while not over.is_set():
                futures = [pool.submit(len, "abc") for _ in range(20)]
                assert hasten.futures.wait(futures, 30).not_done == set()

        tasks = [spawn(submit, pool, over) for _ in range(2)]
        try:
            for _ in range(25):
                in_child(lambda pool=pool: use(pool))
        finally:
            over.set()
        for task in tasks:
            task.result()


def test_while_others_wait(spawn):
    over = threading.Event()

    def wait():
        while not over.is_set():
            futures = [hasten.futures.Future() for _ in range(10)]
            for future in futures[:5]:
                future.set_result(1)
            hasten.futures.wait(futures, 0.001)
            found = hasten.futures.as_completed(futures, 0.001)
            next(found)
            found.close()

    def check():
        with ThreadPoolExecutor(2) as own:
            use(own)

    tasks = [spawn(wait) for _ in range(2)]
    try:
        for _ in range(25):
            in_child(check)
    finally:
        over.set()
    for task in tasks:
        task.result()


def test_the_parent_loses_nothing(pool, gate):
    children = [child_of_fork(lambda: os._exit(0)) for _ in range(5)]
    gate.set()
    assert [future.result(20) for future in pool.running + pool.queued] == [True] * 2 + [3] * 3
    assert [status_of(pid) for pid in children] == [0] * 5
