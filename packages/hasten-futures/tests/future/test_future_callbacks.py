"""Callbacks of a Future: order, time, thread, and what becomes of those that raise."""

import threading

import pytest


class Fault(Exception):
    pass


ENDS = {
    "result": lambda future: future.set_result(1),
    "exception": lambda future: future.set_exception(Fault()),
    "cancel": lambda future: future.cancel(),
}


@pytest.fixture(params=ENDS)
def end(request):
    return ENDS[request.param]


def test_called_once_in_order_with_the_future(impl, end):
    future, called = impl.Future(), []
    for number in range(5):
        future.add_done_callback(lambda done, number=number: called.append((number, done)))
    assert called == []
    end(future)
    assert called == [(number, future) for number in range(5)]
    future.cancel()
    if future.cancelled():
        future.set_running_or_notify_cancel()
    assert len(called) == 5


def test_called_after_the_state_is_set(impl, end):
    future, seen = impl.Future(), []
    future.add_done_callback(lambda done: seen.append((done.done(), done.running(), repr(done))))
    end(future)
    assert seen == [(True, False, repr(future))]


def test_the_same_one_twice(impl, end):
    future, called = impl.Future(), []
    future.add_done_callback(called.append)
    future.add_done_callback(called.append)
    end(future)
    assert called == [future, future]


def test_added_late_is_called_at_once_and_here(impl, end):
    future, threads = impl.Future(), []
    end(future)
    future.add_done_callback(lambda _: threads.append(threading.get_ident()))
    assert threads == [threading.get_ident()]


def test_called_in_the_thread_that_ends_it(impl, end, spawn):
    future, threads = impl.Future(), []
    future.add_done_callback(lambda _: threads.append(threading.current_thread()))
    task = spawn(end, future)
    task.result()
    assert threads == [task]


def test_added_by_a_callback(impl, end):
    """The future is done by then, so the new one does not wait for those in the list."""
    future, called = impl.Future(), []

    def first(done):
        done.add_done_callback(lambda _: called.append("added"))
        called.append("first")

    future.add_done_callback(first)
    future.add_done_callback(lambda _: called.append("second"))
    end(future)
    assert called == ["added", "first", "second"]


def test_waits_inside_callbacks_return(impl, end):
    future, seen = impl.Future(), []

    def wait(done):
        try:
            seen.append(done.result())
        except (Fault, impl.CancelledError) as error:
            seen.append(type(error))

    future.add_done_callback(wait)
    end(future)
    assert seen in ([1], [Fault], [impl.CancelledError])


def test_ends_another_future(impl, end):
    """A chain of futures."""
    chain = [impl.Future() for _ in range(100)]
    for one, following in zip(chain, chain[1:]):
        one.add_done_callback(lambda _, following=following: following.set_result(2))
    end(chain[0])
    assert [future.result() for future in chain[1:]] == [2] * 99


# ---- those that raise ----------------------------------------------------------------------------


def fail(_):
    raise Fault("in the callback")


def test_a_fault_is_logged_and_does_not_stop_the_others(impl, end, log):
    future, called = impl.Future(), []
    for callback in (called.append, fail, called.append, fail, called.append):
        future.add_done_callback(callback)
    end(future)
    assert called == [future] * 3
    assert log.messages == [f"exception calling callback for {future!r}"] * 2
    assert {record.levelname for record in log.records} == {"ERROR"}
    assert [type(error) for error in log.errors] == [Fault] * 2


def test_a_fault_of_one_added_late_is_logged(impl, end, log):
    future = impl.Future()
    end(future)
    future.add_done_callback(fail)
    assert log.messages == [f"exception calling callback for {future!r}"]
    assert [type(error) for error in log.errors] == [Fault]


def test_what_can_not_be_called(impl, end, log):
    early, late = impl.Future(), impl.Future()
    early.add_done_callback(None)
    end(early)
    end(late)
    late.add_done_callback(5)
    assert [type(error) for error in log.errors] == [TypeError] * 2
    assert [str(error) for error in log.errors] == [
        "'NoneType' object is not callable",
        "'int' object is not callable",
    ]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_exception_comes_out(impl, end, error, log):
    """Like everywhere else, SystemExit and its like are not for logs.  The future is done all the same."""

    def fail(_):
        raise error("out")

    future, called = impl.Future(), []
    future.add_done_callback(called.append)
    future.add_done_callback(fail)
    with pytest.raises(error, match="out"):
        end(future)
    assert future.done()
    assert called == [future]
    with pytest.raises(error, match="out"):
        future.add_done_callback(fail)
    assert not log.records


def test_many(impl, end):
    future, called = impl.Future(), []
    for number in range(10_000):
        future.add_done_callback(lambda _, number=number: called.append(number))
    end(future)
    assert called == list(range(10_000))


def test_adding_while_another_thread_ends_it(impl, end, spawn):
    """Each callback is called exactly once, whoever comes first."""
    for _ in range(50):
        future, barrier = impl.Future(), threading.Barrier(3)
        called = []  # append() is atomic

        def add(name, future=future, barrier=barrier, called=called):
            barrier.wait()
            for number in range(20):
                future.add_done_callback(lambda _, number=number: called.append((name, number)))

        adders = [spawn(add, name) for name in "ab"]
        barrier.wait()
        end(future)
        for adder in adders:
            adder.result()
        assert sorted(called) == [(name, number) for name in "ab" for number in range(20)]
