"""Subclasses of Future and instances with patched methods: each step goes through what the user defined."""

import threading

import pytest


@pytest.fixture
def loud(impl):
    """A subclass that says which of its methods are called."""

    class Loud(impl.Future):
        def __init__(self):
            super().__init__()
            self.calls = []

        def set_result(self, result):
            self.calls.append("set_result")
            super().set_result(result)

        def set_exception(self, exception):
            self.calls.append("set_exception")
            super().set_exception(exception)

        def cancel(self):
            self.calls.append("cancel")
            return super().cancel()

        def done(self):
            self.calls.append("done")
            return super().done()

    return Loud


def test_repr_names_the_subclass(loud):
    future = loud()
    assert repr(future) == f"<Loud at {id(future):#x} state=pending>"


def test_overridden_methods(loud, impl):
    returned, failed, cancelled = loud(), loud(), loud()
    returned.set_result(1)
    failed.set_exception(OSError())
    assert cancelled.cancel()
    assert (returned.result(), type(failed.exception()), cancelled.cancelled()) == (1, OSError, True)
    assert [future.calls for future in (returned, failed, cancelled)] == [
        ["set_result"],
        ["set_exception"],
        ["cancel"],
    ]
    assert returned.done() and returned.calls[-1] == "done"
    cancelled.set_running_or_notify_cancel()
    assert impl.wait([returned, failed, cancelled]).not_done == set()


def test_more_arguments(impl):
    class Named(impl.Future):
        def __init__(self, name, *, size=0):
            super().__init__()
            self.name, self.size = name, size

    future = Named("a", size=3)
    future.set_result(1)
    assert (future.name, future.size, future.result()) == ("a", 3, 1)


def test_slots(impl):
    class Slotted(impl.Future):
        __slots__ = ("note",)

    future = Slotted()
    future.note = 5
    future.set_result(1)
    assert (future.note, future.result()) == (5, 1)


def test_multiple_inheritance(impl):
    class Mixin:
        def double(self):
            return 2 * self.result()

    class Both(Mixin, impl.Future):
        pass

    future = Both()
    future.set_result(4)
    assert future.double() == 8
    assert isinstance(future, impl.Future)


def test_finalizer_sees_the_outcome(impl):
    seen = []

    class Final(impl.Future):
        def __del__(self):
            seen.append((self.done(), self._state, self._result))

    future = Final()
    future.set_result("kept")
    del future
    assert seen == [(True, "FINISHED", "kept")]


def test_patched_instance(impl):
    future, asked = impl.Future(), []
    cancel = future.cancel
    future.cancel = lambda: asked.append(1) or cancel()
    assert future.cancel() is True
    assert asked == [1]
    del future.cancel
    assert future.cancel() is True
    assert asked == [1]


def test_patched_class(impl, monkeypatch):
    monkeypatch.setattr(impl.Future, "running", lambda self: "patched")
    assert impl.Future().running() == "patched"


def test_a_patched_set_result_is_what_the_pool_calls(impl, make_pool, monkeypatch, until):
    """As tracing tools do it."""
    original, seen = impl.Future.set_result, []

    def set_result(self, result):
        seen.append(result)
        original(self, result)

    monkeypatch.setattr(impl.Future, "set_result", set_result)
    assert make_pool(1).submit(len, "abc").result(30) == 3
    assert seen == [3]


def test_cancelled_tasks_of_a_patched_class(impl, make_pool, monkeypatch, log):
    """The worker passes them over, and has nothing to say."""
    original = impl.Future.set_result
    monkeypatch.setattr(impl.Future, "set_result", lambda self, result: original(self, result))
    pool, gate = make_pool(1), threading.Event()
    pool.submit(gate.wait)
    future = pool.submit(len, "")
    assert future.cancel()
    gate.set()
    assert pool.submit(len, "abc").result(30) == 3
    assert future._state == "CANCELLED_AND_NOTIFIED"
    assert log.messages == []


def test_an_instance_patched_while_it_runs(make_pool):
    """The outcome of a task reaches whoever has put himself before set_result()."""
    gate, seen = threading.Event(), threading.Event()
    future = make_pool(1).submit(gate.wait)
    original = future.set_result

    def set_result(result):
        seen.set()
        original(result)

    future.set_result = set_result
    gate.set()
    assert future.result(30) is True
    assert seen.is_set()


@pytest.fixture
def independent(impl):
    """A subclass that keeps the state by itself, with the private names.  Process pools of others do so."""

    class Independent(impl.Future):
        def cancel(self):
            with self._condition:
                if self._state == "FINISHED":
                    return False
                if self._state not in ("CANCELLED", "CANCELLED_AND_NOTIFIED"):
                    self._state = "CANCELLED"
                    self._condition.notify_all()
            self._invoke_callbacks()
            return True

        def set_running_or_notify_cancel(self):
            with self._condition:
                if self._state == "CANCELLED":
                    self._state = "CANCELLED_AND_NOTIFIED"
                    for waiter in self._waiters:
                        waiter.add_cancelled(self)
                    return False
                self._state = "RUNNING"
                return True

    return Independent


@pytest.mark.parametrize("running", [False, True])
def test_a_subclass_that_cancels_by_itself(impl, independent, running, spawn):
    future, called = independent(), []
    future.add_done_callback(called.append)
    if running:
        future.set_running_or_notify_cancel()
    asked = [spawn(method).settle() for method in (future.result, future.exception)]
    waits = [
        spawn(impl.wait, [future]).settle(),
        spawn(lambda: list(impl.as_completed([future]))).settle(),
    ]
    assert future.cancel() is True
    for task in asked:
        with pytest.raises(impl.CancelledError):
            task.result(10)
    assert called == [future]
    future.set_running_or_notify_cancel()
    assert waits[0].result(10) == ({future}, set())
    assert waits[1].result(10) == [future]


def test_waits_take_subclasses(loud, impl, spawn):
    futures = [loud() for _ in range(3)]
    task = spawn(lambda: [future.result() for future in impl.as_completed(futures)]).settle()
    for number in (1, 0, 2):
        futures[number].set_result(number)
    assert task.result() == [1, 0, 2]
