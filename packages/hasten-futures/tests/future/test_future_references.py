"""What a Future holds, and when it lets go: without the help of the garbage collector."""

import gc
import sys
import threading
import weakref

import pytest

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


class Thing:
    pass


class Fault(Exception):
    pass


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def until_gone(until):
    """Wait until the threads have dropped what a weak reference points to.

    Functions and frames of a free-threaded build are left to the collector, whoever refers to them.
    """

    def wait(gone):
        until(lambda: gone() is None or (FREE_THREADED and gc.collect() is None))

    return wait


def held_after(thing, action):
    """How many references *action* adds to *thing*."""
    before = sys.getrefcount(thing)
    action(thing)
    return sys.getrefcount(thing) - before


@pytest.mark.parametrize("method", ["set_result", "set_exception"])
def test_an_outcome_is_held_once(impl, method):
    future, thing = impl.Future(), Fault()
    alone = sys.getrefcount(thing)
    assert held_after(thing, getattr(future, method)) == 1

    def ask(thing, future=future):
        for _ in range(5):
            assert future.exception() in (thing, None)
            assert method == "set_exception" or future.result() is thing
            repr(future)

    def set_again(thing, future=future):
        with pytest.raises(impl.InvalidStateError):
            getattr(future, method)(thing)

    assert held_after(thing, ask) == 0
    assert held_after(thing, set_again) == 0
    del future, ask, set_again
    assert sys.getrefcount(thing) == alone


@pytest.mark.parametrize("method", ["set_result", "set_exception"])
def test_an_outcome_goes_with_its_future(impl, method):
    future, thing = impl.Future(), Fault()
    getattr(future, method)(thing)
    gone = weakref.ref(thing)
    del thing
    assert gone() is not None
    del future
    assert gone() is None


def test_callbacks_go_with_their_future(impl):
    future, thing = impl.Future(), Thing()
    future.add_done_callback(lambda _, thing=thing: None)
    gone = weakref.ref(thing)
    del thing, future
    assert gone() is None


def test_a_callback_that_knows_its_future_is_collected(impl):
    future = impl.Future()
    future.add_done_callback(lambda _, future=future: None)
    gone = weakref.ref(future)
    del future
    gc.collect()
    assert gone() is None


def test_a_future_that_is_its_own_result_is_collected(impl):
    future = impl.Future()
    future.set_result([future])
    future.me = future
    gone = weakref.ref(future)
    del future
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("how", ["set_exception", "task"])
def test_raising_makes_no_cycle(impl, make_pool, how, until_gone):
    """The traceback holds the frames that asked, and none of ours may hold the future."""
    seen = []

    def failed():
        def task():
            raise Fault

        if how == "task":
            future = make_pool(1).submit(task)
            impl.wait([future])
        else:
            future = impl.Future()
            future.set_exception(Fault())
        seen.append(weakref.ref(future))
        return future

    def ask():
        try:
            failed().result()
        except Fault as error:
            seen.append(weakref.ref(error))

    ask()
    until_gone(seen[0])
    until_gone(seen[1])


def test_a_timeout_makes_no_cycle(impl):
    def ask():
        future = impl.Future()
        for method in (future.result, future.exception):
            try:
                method(0)
            except impl.TimeoutError:
                pass
        return weakref.ref(future)

    assert ask()() is None


def test_cancelling_makes_no_cycle(impl):
    def ask():
        future = impl.Future()
        future.cancel()
        for method in (future.result, future.exception):
            try:
                method()
            except impl.CancelledError:
                pass
        return weakref.ref(future)

    assert ask()() is None


def test_a_wait_that_timed_out_holds_nothing(impl):
    def ask(future):
        with pytest.raises(impl.TimeoutError):
            future.result(0.001)
        with pytest.raises(impl.TimeoutError):
            future.exception(0.001)
        assert impl.wait([future], 0.001).not_done == {future}
        with pytest.raises(impl.TimeoutError):
            list(impl.as_completed([future], 0.001))

    future = impl.Future()
    ask(future)
    assert held_after(future, ask) == 0
    assert future._waiters == []


# ---- in the pool ---------------------------------------------------------------------------------


def test_arguments_go_when_the_task_is_done(make_pool, until_gone):
    pool, thing = make_pool(1), Thing()
    future = pool.submit(lambda *args, **kwargs: None, thing, again=thing)
    gone = weakref.ref(thing)
    del thing
    future.result(30)
    until_gone(gone)
    assert future.done()


def test_the_function_goes_when_the_task_is_done(make_pool, until_gone):
    pool = make_pool(1)
    future = pool.submit(lambda: lambda: 1)
    inner = future.result(30)
    gone = weakref.ref(inner)
    futures = [pool.submit(inner)]
    del inner, future
    futures[0].result(30)
    until_gone(gone)


def test_an_idle_worker_keeps_no_result(make_pool, until_gone):
    pool = make_pool(2)
    future = pool.submit(Thing)
    gone = weakref.ref(future.result(30))
    assert gone() is not None
    del future
    until_gone(gone)


def test_an_idle_worker_keeps_no_exception(make_pool, until_gone):
    def fail():
        raise Fault

    pool = make_pool(2)
    future = pool.submit(fail)
    gone = weakref.ref(future.exception(30))
    assert gone() is not None
    del future
    until_gone(gone)


def test_a_cancelled_task_lets_go(make_pool, until_gone):
    pool, gate, thing = make_pool(1), threading.Event(), Thing()
    pool.submit(gate.wait)
    future = pool.submit(id, thing)
    gone = weakref.ref(thing)
    del thing
    assert future.cancel()
    gate.set()
    until_gone(gone)


def test_results_that_hold_the_pool(impl, until):
    """A cycle of pool, future and result is left to the collector, and its threads end."""
    pool = impl.ThreadPoolExecutor(2)
    future = pool.submit(lambda pool=pool: pool)
    pool.future = future
    assert future.result(30) is pool
    threads, gone = list(pool._threads), weakref.ref(pool)
    del pool, future
    until(lambda: gc.collect() is not None and gone() is None)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
