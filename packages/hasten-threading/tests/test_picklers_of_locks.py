"""Picklers that know locks (dill's does) store conditions, and what has one, as the standard library's."""

from __future__ import annotations

import copy
import io
import pickle
import sys
import threading
from types import SimpleNamespace

import pytest

needs_state = pytest.mark.skipif(sys.version_info < (3, 11), reason="classes have no __getstate__()")
LOCKS = {"lock": threading.Lock, "RLock": threading.RLock}


class PicklerOfLocks(pickle.Pickler):
    def reducer_override(self, obj):
        make = LOCKS.get(type(obj).__name__)
        return NotImplemented if make is None else (new_lock, (type(obj).__name__,))


def new_lock(name):
    return LOCKS[name]()


class AnotherPython(pickle.Unpickler):
    """Where the classes of the standard library are found in place of ours."""

    def find_class(self, module, name):
        if module == __name__:
            return globals()[name]
        return super().find_class(module.replace("hasten.", ""), name)


@pytest.fixture(params=["here", "in another Python"])
def through_a_pickle(request, monkeypatch):
    load = pickle.Unpickler if request.param == "here" else AnotherPython
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(**globals()))

    def through(instance):
        stream = io.BytesIO()
        PicklerOfLocks(stream).dump(instance)
        stream.seek(0)
        return load(stream).load()

    return through


def notifies_a_waiter(condition, other) -> bool:
    """Whether a notify() by *other* ends a wait of *condition*."""
    ready, woken = threading.Event(), []

    def wait():
        with condition:
            ready.set()
            woken.append(condition.wait(20))

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait()
    with other:  # the thread has let go of the lock, so it waits
        other.notify()
    thread.join()
    return woken == [True]


@needs_state
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_condition(impl, kind, through_a_pickle):
    condition = impl.Condition(getattr(impl, kind)())
    got = through_a_pickle(condition)
    assert notifies_a_waiter(got, got)
    with condition, got:  # each has a lock of its own
        assert got._is_owned() and not got.wait(0)
        with pytest.raises(RuntimeError):
            impl.Condition().notify()
    assert not got._is_owned()


@needs_state
def test_condition_that_was_used(impl, through_a_pickle):
    condition = impl.Condition()
    assert condition.acquire() and condition.release() is None
    condition.name = "a condition"
    got = through_a_pickle(condition)
    assert got.name == "a condition"
    assert got.acquire() and got.acquire()
    assert not got.wait(0)  # given up as often as it was taken, and taken again
    got.release()
    got.release()
    with pytest.raises(RuntimeError):
        got.release()


@needs_state
def test_event(impl, through_a_pickle):
    event = impl.Event()
    event.set()
    got = through_a_pickle(event)
    assert got.is_set()
    got.clear()
    assert not got.wait(0.001) and event.is_set()
    threading.Timer(0, got.set).start()
    assert got.wait(20)


@needs_state
def test_semaphore(impl, through_a_pickle):
    semaphore = impl.Semaphore(2)
    semaphore.acquire()
    got = through_a_pickle(semaphore)
    assert got.acquire(False) and not got.acquire(False)
    threading.Timer(0, got.release).start()
    assert got.acquire(timeout=20)


@needs_state
def test_barrier(impl, through_a_pickle):
    got = through_a_pickle(impl.Barrier(2, timeout=20))
    thread = threading.Thread(target=got.wait)
    thread.start()
    assert got.wait() in (0, 1)
    thread.join()


def test_a_copy_of_a_condition_is_the_same_condition(impl):
    condition = impl.Condition()
    other = copy.copy(condition)
    assert other is not condition and other._lock is condition._lock
    assert notifies_a_waiter(condition, other)
    assert notifies_a_waiter(other, condition)
    assert repr(other) == repr(condition)


def test_a_copy_of_a_condition_has_all_that_the_program_has_set(impl):
    """Values in `__slots__`, an attribute `locked` of the program's, and the order of all."""

    class Gate(impl.Condition):
        __slots__ = ("opened",)

        def __init__(self):
            super().__init__()
            self.later, self.locked, self.earlier, self.opened = 1, False, 2, 3

    gate = copy.copy(Gate())
    assert (gate.opened, gate.locked) == (3, False)
    assert [name for name in vars(gate) if name in ("later", "earlier")] == ["later", "earlier"]


@needs_state
def test_a_condition_that_was_not_initialised_can_be_copied(impl):
    made = impl.Condition.__new__(impl.Condition)
    assert type(copy.copy(made)) is impl.Condition
