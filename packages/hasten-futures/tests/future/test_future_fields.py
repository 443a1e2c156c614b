"""What others read and write on a Future: asyncio, debuggers, test suites, user code."""

import copy
import pickle
import threading
import weakref
from types import GenericAlias

import pytest


def test_initial_fields(impl):
    future = impl.Future()
    assert (future._state, future._result, future._exception) == ("PENDING", None, None)
    assert (future._waiters, future._done_callbacks) == ([], [])


def test_fields_follow(impl):
    error = OSError()
    future, failed = impl.Future(), impl.Future()
    future.set_running_or_notify_cancel()
    assert future._state == "RUNNING"
    future.set_result(5)
    assert (future._state, future._result, future._exception) == ("FINISHED", 5, None)
    failed.set_exception(error)
    assert (failed._state, failed._result, failed._exception) == ("FINISHED", None, error)


@pytest.mark.parametrize("state, told", [
    ("PENDING", "pending"),
    ("RUNNING", "running"),
    ("CANCELLED", "cancelled"),
    ("CANCELLED_AND_NOTIFIED", "cancelled"),
    ("FINISHED", "finished returned NoneType"),
])  # fmt: skip
def test_state_can_be_set_from_outside(impl, state, told):
    future = impl.Future()
    future._state = state
    assert future._state == state
    assert repr(future).endswith(f"state={told}>")
    assert future.running() is (state == "RUNNING")
    assert future.done() is (state not in ("PENDING", "RUNNING"))
    assert future.cancelled() is state.startswith("CANCELLED")


def test_outcome_can_be_set_from_outside(impl):
    future, error = impl.Future(), OSError()
    future._state, future._result = "FINISHED", 7
    assert future.result() == 7
    future._exception = error
    assert future.exception() is error
    with pytest.raises(OSError):
        future.result()
    future._exception = None
    assert future.result() == 7
    future._state = "PENDING"
    future.set_result(8)
    assert future.result() == 8


def test_outcome_set_from_outside_is_seen_by_a_waiter(impl, spawn):
    """As documented nowhere and done in some test suites: fields set, then the condition notified."""
    future = impl.Future()
    task = spawn(future.result).settle()
    with future._condition:
        future._state, future._result = "FINISHED", 7
        future._condition.notify_all()
    assert task.result() == 7


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_outcome_set_from_outside_is_seen_whole(impl, spawn, ask):
    """Not before the condition is let go: until then the state may be there without the result."""
    error = KeyError(1)
    future = impl.Future()
    with future._condition:
        future._state = "FINISHED"
        task = spawn(getattr(future, ask)).settle()
        future._result, future._exception = (None, error) if ask == "exception" else (7, None)
    assert task.result() == (error if ask == "exception" else 7)


def test_callbacks_can_be_seen(impl):
    future, callback = impl.Future(), print
    future.add_done_callback(callback)
    assert list(future._done_callbacks) == [callback]


# ---- the condition -------------------------------------------------------------------------------


def test_the_condition_is_one(impl):
    future = impl.Future()
    assert isinstance(future._condition, threading.Condition)
    assert future._condition is future._condition
    with future._condition, future._condition:
        assert not future.done()
        future.set_result(5)
        assert future.result() == 5


@pytest.mark.parametrize("step, arguments", [
    ("set_result", [5]),
    ("set_exception", [OSError()]),
    ("cancel", []),
    ("set_running_or_notify_cancel", []),
])  # fmt: skip
def test_who_holds_the_condition_stops_time(impl, step, arguments, spawn):
    future = impl.Future()
    with future._condition:
        task = spawn(getattr(future, step), *arguments).settle()
        assert future._state == "PENDING"
        assert task.is_alive()
    task.result()
    assert future._state != "PENDING"


def test_waiting_on_the_condition(impl, spawn):
    future = impl.Future()

    def wait():
        with future._condition:
            return future._condition.wait_for(lambda: future._state == "FINISHED", 30)

    task = spawn(wait).settle()
    future.set_result(5)
    assert task.result() is True


def test_the_condition_seen_while_somebody_waits(impl, spawn):
    """Looking at it from outside must not lose a sleeper."""
    future = impl.Future()
    before = spawn(future.result).settle()
    with future._condition:
        pass
    after = spawn(future.result).settle()
    future.set_result(5)
    assert [before.result(), after.result()] == [5, 5]


# ---- waiters of other implementations ------------------------------------------------------------


class Waiter:
    """What the standard library's wait() hangs into `_waiters`."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        if not name.startswith("add_"):
            raise AttributeError(name)
        return lambda future: self.told.append((name, future._state))


@pytest.mark.parametrize("end, told", [
    (lambda future: future.set_result(1), ("add_result", "FINISHED")),
    (lambda future: future.set_exception(OSError()), ("add_exception", "FINISHED")),
    (lambda future: future.cancel() and future.set_running_or_notify_cancel(),
     ("add_cancelled", "CANCELLED_AND_NOTIFIED")),
], ids=["result", "exception", "cancel"])  # fmt: skip
def test_waiters_are_told_once(impl, end, told):
    future, waiter, other, gone = impl.Future(), Waiter(), Waiter(), Waiter()
    with future._condition:
        future._waiters.append(waiter)
        future._waiters.append(gone)
        future._waiters.append(other)
    with future._condition:
        future._waiters.remove(gone)
    end(future)
    assert (waiter.told, other.told, gone.told) == ([told], [told], [])


def test_waiters_are_told_before_callbacks(impl):
    future, waiter, seen = impl.Future(), Waiter(), []
    future._waiters.append(waiter)
    future.add_done_callback(lambda _: seen.extend(waiter.told))
    future.set_result(1)
    assert seen == [("add_result", "FINISHED")]


# ---- an object like others -----------------------------------------------------------------------


def test_generic_alias(impl):
    alias = impl.Future[int]
    assert isinstance(alias, GenericAlias)
    assert (alias.__origin__, alias.__args__) == (impl.Future, (int,))
    assert isinstance(alias(), impl.Future)


def test_weak_references_and_hash(impl):
    future = impl.Future()
    assert weakref.ref(future)() is future
    assert future == future and future != impl.Future()
    assert {future: 1}[future] == 1
    assert bool(future) is True


def test_own_attributes(impl):
    future = impl.Future()
    future.note = "mine"
    assert vars(future)["note"] == "mine"
    del future.note
    assert not hasattr(future, "note")
    with pytest.raises(AttributeError):
        _ = future.missing


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("done", [False, True])
def test_pickling_fails(impl, protocol, done):
    future = impl.Future()
    if done:
        future.set_result(5)
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(future, protocol)


@pytest.mark.parametrize("done", [False, True])
def test_deep_copy_fails(impl, done):
    future = impl.Future()
    if done:
        future.set_result(5)
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.deepcopy(future)
