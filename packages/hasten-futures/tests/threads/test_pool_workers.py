"""The workers of a pool: how many, their names, and when a new one is started."""

import concurrent.futures
import logging
import os
import sysconfig
import threading

import pytest

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def meet(pool, count):
    """Tasks of which each needs all the others: they end only if *count* workers run them at one time."""
    barrier = threading.Barrier(count)
    futures = [pool.submit(barrier.wait, 30) for _ in range(count)]
    return sorted(future.result(30) for future in futures)


def asleep(thread):
    with open(f"/proc/self/task/{thread.native_id}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


@pytest.fixture
def until_idle(until):
    """Wait until the workers of a pool sleep for lack of work."""

    def wait(pool):
        seen = 0

        def idle():
            nonlocal seen
            seen = seen + 1 if all(asleep(thread) for thread in pool._threads) else 0
            return seen == 10

        until(idle)

    return wait


# ---- how many ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, -0.5, False])
def test_no_workers(impl, number):
    with pytest.raises(ValueError, match="^max_workers must be greater than 0"):
        impl.ThreadPoolExecutor(number)


@pytest.mark.parametrize("number", ["2", [], object(), 1j])
def test_no_number_of_workers(impl, number):
    with pytest.raises(TypeError):
        impl.ThreadPoolExecutor(number)


@pytest.mark.parametrize("number", [1, 7, True, 10**30, 1.5])
def test_max_workers_is_kept(make_pool, number):
    pool = make_pool(number)
    assert pool._max_workers == number
    assert pool.submit(len, "abc").result(30) == 3
    assert len(pool._threads) == 1


def test_default_number(make_pool):
    most = min(32, (os.cpu_count() or 1) + 4)
    for pool in (make_pool(), make_pool(None), make_pool(max_workers=None)):
        assert 5 <= pool._max_workers <= most


def test_no_thread_before_the_first_task(make_pool):
    before = threading.active_count()
    pool = make_pool(4)
    assert (len(pool._threads), threading.active_count()) == (0, before)


def test_a_worker_for_each_task_until_there_are_enough(make_pool):
    pool, gate = make_pool(3), threading.Event()
    counts = []
    for _ in range(6):
        pool.submit(gate.wait)
        counts.append(len(pool._threads))
    gate.set()
    assert counts == [1, 2, 3, 3, 3, 3]


def test_an_idle_worker_is_used_again(make_pool, until_idle):
    pool = make_pool(8)
    for _ in range(5):
        pool.submit(len, "").result(30)
        until_idle(pool)
        assert len(pool._threads) == 1


def test_one_idle_worker_is_not_enough_for_two(make_pool, until_idle):
    pool = make_pool(8)
    for count in (1, 2, 3, 5, 8):
        assert meet(pool, count) == list(range(count))
        until_idle(pool)
        assert len(pool._threads) == count
    for count in (8, 3, 1, 8):
        assert meet(pool, count) == list(range(count))
        until_idle(pool)
    assert len(pool._threads) == 8


@pytest.mark.parametrize("quick", [0, 1, 3, 20])
def test_no_task_is_left_behind_a_blocked_one(impl, make_pool, quick):
    """Whatever the pool did before: tasks that need each other find their workers.

    Not always in the standard library's, seen without a GIL: a worker that found no task counts as idle even
    if one came before it says so, and which it then runs; a later submit() relies on it.
    """
    if FREE_THREADED and impl is concurrent.futures:
        pytest.skip("the standard library may leave one behind")
    pool = make_pool(4)
    for _ in range(50):
        for _ in range(quick):
            pool.submit(len, "")
        assert meet(pool, 4) == [0, 1, 2, 3]
    assert len(pool._threads) == 4


def test_a_burst_that_begins_with_a_blocked_task(make_pool, until_idle):
    """The worker that is woken for the first task must not keep the others from being woken."""
    pool = make_pool(4)
    meet(pool, 4)
    for _ in range(50):
        until_idle(pool)
        gate = threading.Event()
        blocked = pool.submit(gate.wait, 30)
        pool.submit(gate.set).result(30)
        assert blocked.result(30) is True
    assert len(pool._threads) == 4


# ---- who they are --------------------------------------------------------------------------------


def name_of_worker():
    return threading.current_thread().name


def test_default_names(make_pool):
    one, two = make_pool(1), make_pool(1)
    prefixes = [pool.submit(name_of_worker).result(30).rpartition("_")[0] for pool in (one, two)]
    numbers = [int(prefix.rpartition("-")[2]) for prefix in prefixes]
    assert prefixes == [f"ThreadPoolExecutor-{number}" for number in numbers]
    assert numbers[1] == numbers[0] + 1


@pytest.mark.parametrize("prefix", ["mine", "a b", "x_y-1", "\xe9"])
def test_names_with_a_prefix(make_pool, prefix):
    pool = make_pool(3, prefix)
    barrier = threading.Barrier(3)

    def task():
        barrier.wait(30)
        return name_of_worker()

    names = [future.result(30) for future in [pool.submit(task) for _ in range(3)]]
    assert sorted(names) == [f"{prefix}_{number}" for number in range(3)]


def test_an_empty_prefix_is_none(make_pool):
    pool = make_pool(1, thread_name_prefix="")
    assert pool.submit(name_of_worker).result(30).startswith("ThreadPoolExecutor-")


def test_workers_are_threads_like_others(make_pool):
    pool, gate = make_pool(2, "listed"), threading.Event()
    for _ in range(2):
        pool.submit(gate.wait)
    listed = [thread for thread in threading.enumerate() if thread.name.startswith("listed")]
    assert sorted(thread.name for thread in listed) == ["listed_0", "listed_1"]
    assert set(listed) == set(pool._threads)
    assert not any(thread.daemon for thread in listed)
    gate.set()
    assert pool.submit(threading.current_thread).result(30) in pool._threads
    pool.shutdown()
    assert not any(thread.is_alive() for thread in listed)


def test_log_records_have_the_names(make_pool):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.Logger("test")
    logger.addHandler(handler)
    make_pool(1, "logged").submit(logger.warning, "hello").result(30)
    assert [record.threadName for record in records] == ["logged_0"]


def test_thread_local_data_belongs_to_a_worker(make_pool):
    pool, local = make_pool(1), threading.local()

    def count():
        local.count = getattr(local, "count", 0) + 1
        return local.count

    assert [pool.submit(count).result(30) for _ in range(3)] == [1, 2, 3]
    assert not hasattr(local, "count")


def test_context_variables_belong_to_a_worker(make_pool):
    import contextvars

    pool, variable = make_pool(1), contextvars.ContextVar("variable", default=0)

    def count():
        variable.set(variable.get() + 1)
        return variable.get()

    assert [pool.submit(count).result(30) for _ in range(3)] == [1, 2, 3]
    assert variable.get() == 0
    context = contextvars.copy_context()
    context.run(variable.set, 10)
    assert pool.submit(context.run, count).result(30) == 11
    assert context[variable] == 11


def test_profile_and_trace_functions_of_threads(make_pool):
    seen = set()
    threading.setprofile(lambda frame, event, arg: seen.add((name_of_worker(), frame.f_code.co_name)))
    try:
        make_pool(1, "profiled").submit(meet_nobody).result(30)
    finally:
        threading.setprofile(None)
    assert ("profiled_0", "meet_nobody") in seen


def meet_nobody():
    """A task with a name."""


# ---- when no thread can be started ---------------------------------------------------------------


@pytest.fixture
def no_threads(monkeypatch):
    """A function: from now on no thread can be started."""
    import hasten.threading

    def fail(self):
        raise RuntimeError("can't start new thread")

    return lambda: monkeypatch.setattr(hasten.threading.Thread, "start", fail)


@pytest.mark.ours
def test_the_first_thread_can_not_be_started(make_pool, no_threads, monkeypatch):
    """submit() raises, and the task is not queued: nobody would ever know of it."""
    pool, ran = make_pool(2), []
    no_threads()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        pool.submit(ran.append, 1)
    assert (pool._work_queue.qsize(), len(pool._threads)) == (0, 0)
    monkeypatch.undo()
    assert pool.submit(ran.append, 2).result(30) is None
    assert ran == [2]


@pytest.mark.ours
def test_another_thread_can_not_be_started(make_pool, no_threads, log):
    """The workers that there are do the work."""
    pool, gate = make_pool(2), threading.Event()
    pool.submit(gate.wait)
    no_threads()
    future = pool.submit(len, "abc")
    gate.set()
    assert future.result(30) == 3
    assert len(pool._threads) == 1
    assert len(log.records) == 1
