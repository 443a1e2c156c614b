"""Every method of a Future in every state, and which steps from one state to another there are."""

import pytest

STATES = ["PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "returned", "raised"]
DONE = STATES[2:]
ERROR = OSError("what the call raised")


@pytest.fixture
def make(impl):
    def make(state):
        """A future that came to its state on the usual way."""
        future = impl.Future()
        if state.startswith("CANCELLED"):
            assert future.cancel() is True
        if state in ("RUNNING", "CANCELLED_AND_NOTIFIED"):
            future.set_running_or_notify_cancel()
        elif state == "returned":
            future.set_result("what the call returned")
        elif state == "raised":
            future.set_exception(ERROR)
        return future

    return make


@pytest.fixture(params=STATES)
def state(request):
    return request.param


def test_new_futures_are_pending(impl):
    future = impl.Future()
    assert (future.done(), future.running(), future.cancelled()) == (False, False, False)


def test_arguments(impl):
    with pytest.raises(TypeError):
        impl.Future(1)
    with pytest.raises(TypeError):
        impl.Future(result=1)


@pytest.mark.parametrize("method", ["cancel", "cancelled", "running", "done", "set_running_or_notify_cancel"])
def test_methods_without_arguments(impl, method):
    with pytest.raises(TypeError):
        getattr(impl.Future(), method)(1)


@pytest.mark.parametrize("method, name", [
    ("set_result", "result"),
    ("set_exception", "exception"),
    ("add_done_callback", "fn"),
])  # fmt: skip
def test_methods_with_one_argument(impl, method, name):
    future = impl.Future()
    with pytest.raises(TypeError):
        getattr(future, method)()
    with pytest.raises(TypeError):
        getattr(future, method)(1, 2)
    with pytest.raises(TypeError):
        getattr(future, method)(wrong=1)
    getattr(future, method)(**{name: None})


def test_questions(make, state):
    future = make(state)
    assert future.done() is (state in DONE)
    assert future.running() is (state == "RUNNING")
    assert future.cancelled() is state.startswith("CANCELLED")


def test_result(impl, make, state):
    future = make(state)
    if state == "returned":
        assert future.result() == future.result(0) == future.result(timeout=None) == "what the call returned"
        return
    error = {"PENDING": impl.TimeoutError, "RUNNING": impl.TimeoutError, "raised": OSError}
    with pytest.raises(error.get(state, impl.CancelledError)) as caught:
        future.result(0)
    assert (caught.value is ERROR) is (state == "raised")
    assert state == "raised" or not caught.value.args


def test_exception(impl, make, state):
    future = make(state)
    if state in ("returned", "raised"):
        expected = ERROR if state == "raised" else None
        assert future.exception() is future.exception(0) is future.exception(timeout=None) is expected
        return
    with pytest.raises(impl.CancelledError if state in DONE else impl.TimeoutError) as caught:
        future.exception(0)
    assert not caught.value.args


def test_cancel(make, state):
    future = make(state)
    expected = state not in ("RUNNING", "returned", "raised")
    before = future._state
    assert future.cancel() is expected
    assert future.cancel() is expected
    assert future.cancelled() is expected
    assert future._state == ("CANCELLED" if state == "PENDING" else before)


def test_set_running_or_notify_cancel(make, state, log):
    future = make(state)
    if state in ("PENDING", "CANCELLED"):
        assert future.set_running_or_notify_cancel() is (state == "PENDING")
        assert future._state == ("RUNNING" if state == "PENDING" else "CANCELLED_AND_NOTIFIED")
        assert not log.records
        state = future._state
    else:
        state = future._state
    for _ in range(2):
        with pytest.raises(RuntimeError, match="^Future in unexpected state"):
            future.set_running_or_notify_cancel()
        assert future._state == state
    assert log.messages == [f"Future {id(future)} in unexpected state: {state}"] * 2
    assert {record.levelname for record in log.records} == {"CRITICAL"}


@pytest.mark.parametrize("method", ["set_result", "set_exception"])
def test_set(impl, make, state, method):
    future = make(state)
    value = KeyError("new")
    if state in DONE:
        before, shown = future._get_snapshot() if hasattr(future, "_get_snapshot") else None, repr(future)
        with pytest.raises(impl.InvalidStateError) as caught:
            getattr(future, method)(value)
        assert str(caught.value).startswith(f"{future._state}: {shown}")
        assert repr(future) == shown
        assert before is None or before == future._get_snapshot()
        return
    assert getattr(future, method)(value) is None
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    if method == "set_result":
        assert future.result() is value and future.exception() is None
    else:
        assert future.exception() is value
        with pytest.raises(KeyError) as error:
            future.result()
        assert error.value is value


@pytest.mark.since(3, 15)
def test_snapshot(make, state):
    assert make(state)._get_snapshot() == {
        "PENDING": (False, False, None, None),
        "RUNNING": (False, False, None, None),
        "CANCELLED": (True, True, None, None),
        "CANCELLED_AND_NOTIFIED": (True, True, None, None),
        "returned": (True, False, "what the call returned", None),
        "raised": (True, False, None, ERROR),
    }[state]


def test_repr(make, state):
    future = make(state)
    shown = {"returned": "finished returned str", "raised": "finished raised OSError"}.get(state)
    shown = shown or state.partition("_")[0].lower()
    assert repr(future) == f"<Future at {id(future):#x} state={shown}>"


def test_callback(make, state):
    future, called = make(state), []
    assert future.add_done_callback(called.append) is None
    assert called == ([future] if state in DONE else [])


def test_one_instance_of_an_error_for_each_call(impl, make):
    errors = []
    for state in ("PENDING", "CANCELLED"):
        future = make(state)
        for method in (future.result, future.exception) * 2:
            try:
                method(0)
            except (impl.TimeoutError, impl.CancelledError) as error:
                errors.append(error)
    assert len({id(error) for error in errors}) == 8
