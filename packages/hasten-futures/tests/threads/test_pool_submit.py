"""submit(): what may be submitted, from where, and that each task runs once and in order."""

import functools
import threading

import pytest


def test_arguments_reach_the_function(make_pool):
    pool = make_pool(2)

    def task(*args, **kwargs):
        return args, kwargs

    assert pool.submit(task).result(30) == ((), {})
    assert pool.submit(task, 1, 2, x=3).result(30) == ((1, 2), {"x": 3})
    assert pool.submit(task, self=1, fn=2, executor=3).result(30) == ((), {"self": 1, "fn": 2, "executor": 3})
    arguments = {"x": 1}
    future = pool.submit(task, **arguments)
    arguments["x"] = 2
    assert future.result(30) == ((), {"x": 1})


@pytest.mark.parametrize("function, args, result", [
    (len, ["abc"], 3),
    (str.upper, ["a"], "A"),
    ("a,b".split, [","], ["a", "b"]),
    (functools.partial(pow, 2), [5], 32),
    (dict, [[(1, 2)]], {1: 2}),
    (type("Called", (), {"__call__": lambda self, x: x + 1})(), [1], 2),
], ids=["builtin", "descriptor", "bound", "partial", "class", "instance"])  # fmt: skip
def test_any_callable(make_pool, function, args, result):
    assert make_pool(1).submit(function, *args).result(30) == result


def test_what_submit_returns(impl, make_pool):
    future = make_pool(1).submit(len, "")
    assert type(future) is impl.Future
    assert future.result(30) == 0
    assert future.exception() is None
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)


def test_missing_function(make_pool):
    pool = make_pool(1)
    with pytest.raises(TypeError):
        pool.submit()
    with pytest.raises(TypeError):
        pool.submit(fn=len)
    assert pool.submit(len, "abc").result(30) == 3


@pytest.mark.parametrize("function", [None, 5, "words"])
def test_what_can_not_be_called(make_pool, function):
    """Found out by the worker, so the future has the error."""
    pool = make_pool(1)
    error = pool.submit(function).exception(30)
    assert type(error) is TypeError
    assert "object is not callable" in str(error)
    assert pool.submit(len, "abc").result(30) == 3


def test_wrong_arguments(make_pool):
    assert type(make_pool(1).submit(len).exception(30)) is TypeError


def test_states_of_a_task(impl, make_pool, until):
    pool, gate = make_pool(1), threading.Event()
    running, waiting = pool.submit(gate.wait), pool.submit(len, "abc")
    until(running.running)
    assert running.cancel() is False
    assert not waiting.running() and not waiting.done()
    with pytest.raises(impl.TimeoutError):
        waiting.result(0.01)
    gate.set()
    assert waiting.result(30) == 3


def test_a_cancelled_task_does_not_run(impl, make_pool, until):
    pool, gate, ran = make_pool(1), threading.Event(), []
    pool.submit(gate.wait)
    futures = [pool.submit(ran.append, number) for number in range(6)]
    assert futures[1].cancel() and futures[4].cancel()
    gate.set()
    assert impl.wait(futures, 30).not_done == set()
    assert ran == [0, 2, 3, 5]
    until(lambda: futures[1]._state == "CANCELLED_AND_NOTIFIED")
    with pytest.raises(impl.CancelledError):
        futures[4].result()


def test_one_worker_keeps_the_order(make_pool):
    pool, ran = make_pool(1), []
    futures = [pool.submit(ran.append, number) for number in range(1000)]
    for future in futures:
        future.result(30)
    assert ran == list(range(1000))


def test_callbacks_of_tasks(make_pool):
    """In the worker, when the task is over; or in the caller when that comes too late."""
    pool, gate, seen = make_pool(1), threading.Event(), []
    future = pool.submit(gate.wait)
    future.add_done_callback(lambda done: seen.append((done, done.result(), threading.current_thread())))
    gate.set()
    pool.shutdown()
    assert seen == [(future, True, *pool._threads)]
    future.add_done_callback(lambda done: seen.append(threading.current_thread()))
    assert seen[1] is threading.current_thread()


def test_callbacks_of_one_task_come_before_the_next_task(make_pool):
    pool, gate, seen = make_pool(1), threading.Event(), []
    first = pool.submit(gate.wait)
    first.add_done_callback(lambda _: seen.append("callback"))
    second = pool.submit(seen.append, "task")
    gate.set()
    second.result(30)
    assert seen == ["callback", "task"]


# ---- from everywhere -----------------------------------------------------------------------------


def test_many_submitters(make_pool, spawn):
    """Each task exactly once, and those of one thread in their order when there is one worker."""
    for workers in (1, 4):
        pool, barrier, ran = make_pool(workers), threading.Barrier(8), []

        def submit(name, pool=pool, barrier=barrier, ran=ran):
            barrier.wait()
            return [pool.submit(ran.append, (name, number)) for number in range(200)]

        for task in [spawn(submit, name) for name in range(8)]:
            for future in task.result():
                future.result(30)
        assert len(ran) == 1600
        assert sorted(ran) == [(name, number) for name in range(8) for number in range(200)]
        if workers == 1:
            for name in range(8):
                assert [number for who, number in ran if who == name] == list(range(200))


def test_from_a_worker(make_pool):
    pool = make_pool(1)
    inner = pool.submit(lambda: pool.submit(len, "abc")).result(30)
    assert inner.result(30) == 3


def test_from_a_worker_that_waits_for_it(make_pool):
    """There is another worker for it."""
    pool = make_pool(2)
    assert pool.submit(lambda: pool.submit(len, "abc").result(30)).result(30) == 3


def test_nested_as_deep_as_there_are_workers(make_pool):
    pool = make_pool(10)

    def task(depth):
        return pool.submit(task, depth - 1).result(30) + 1 if depth else 0

    assert pool.submit(task, 9).result(30) == 9


def test_a_chain(make_pool, spawn):
    """Each task submits the next; only one thread is needed."""
    pool, over = make_pool(1), threading.Event()

    def step(number):
        if number:
            pool.submit(step, number - 1)
        else:
            over.set()

    pool.submit(step, 5000)
    assert over.wait(30)


def test_from_callbacks(make_pool):
    pool, over, seen = make_pool(2), threading.Event(), []

    def step(done):
        seen.append(done.result())
        if len(seen) < 500:
            pool.submit(len, seen).add_done_callback(step)
        else:
            over.set()

    pool.submit(len, seen).add_done_callback(step)
    assert over.wait(30)
    assert seen == list(range(500))


def test_from_a_signal_handler(make_pool, on_signal, when_main_sleeps):
    from support.signalling import SENDERS

    pool, futures, gate = make_pool(2), [], threading.Event()
    on_signal(lambda: futures.append(pool.submit(gate.set)))
    task = when_main_sleeps(SENDERS["kill"])
    assert pool.submit(gate.wait, 30).result(30) is True
    task.result()
    assert futures[0].result(30) is None


def test_from_a_finalizer(make_pool):
    pool, futures = make_pool(1), []

    class Last:
        def __del__(self):
            futures.append(pool.submit(len, "abc"))

    things = [Last() for _ in range(10)]
    pool.submit(len, things).result(30)
    del things
    import gc

    gc.collect()
    assert [future.result(30) for future in futures] == [3] * 10


def test_two_pools_that_feed_each_other(make_pool):
    one, two, over = make_pool(1), make_pool(1), threading.Event()

    def step(number, here, there):
        if number:
            there.submit(step, number - 1, there, here)
        else:
            over.set()

    one.submit(step, 2000, one, two)
    assert over.wait(30)


def test_what_users_read(make_pool, until):
    pool, gate = make_pool(max_workers=3, thread_name_prefix="mine"), threading.Event()
    assert (pool._max_workers, len(pool._threads), pool._work_queue.qsize()) == (3, 0, 0)
    futures = [pool.submit(gate.wait) for _ in range(8)]
    until(lambda: sum(future.running() for future in futures) == 3)
    assert (len(pool._threads), pool._work_queue.qsize(), pool._work_queue.empty()) == (3, 5, False)
    assert not pool._shutdown and not pool._broken
    futures[7].cancel()
    assert pool._work_queue.qsize() == 5
    gate.set()
    pool.shutdown()
    assert (pool._work_queue.empty() or pool._work_queue.get_nowait() is None) and pool._shutdown
