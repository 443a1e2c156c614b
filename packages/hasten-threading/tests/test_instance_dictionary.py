"""`__dict__` of events and semaphores, which programs copy and update to pickle them."""

from __future__ import annotations

import pickle
import threading

import pytest


def pickled_by_dictionary(base: type) -> type:
    class PickledByDictionary(base):
        def __getstate__(self):
            state = self.__dict__.copy()
            del state["_cond"]
            return state

        def __setstate__(self, state):
            self.__dict__.update(state)
            self._cond = threading.Condition(threading.Lock())

    PickledByDictionary.__qualname__ = PickledByDictionary.__name__
    return PickledByDictionary


@pytest.fixture
def through_a_pickle(monkeypatch):
    def through(instance):
        monkeypatch.setitem(globals(), type(instance).__name__, type(instance))
        return pickle.loads(pickle.dumps(instance))

    return through


def test_event(impl, through_a_pickle):
    event = pickled_by_dictionary(impl.Event)()
    event.set()
    got = through_a_pickle(event)
    assert got.is_set() and got.wait(0)
    got.clear()
    assert not got.wait(0)
    assert event.is_set()


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_semaphore(impl, kind, through_a_pickle):
    semaphore = pickled_by_dictionary(getattr(impl, kind))(2)
    semaphore.acquire()
    got = through_a_pickle(semaphore)
    assert got.acquire(timeout=0.01)
    assert not got.acquire(timeout=0.01)
    got.release(2)
    if kind == "BoundedSemaphore":
        with pytest.raises(ValueError):
            got.release()
    assert semaphore.acquire(timeout=0.01)


def test_names(impl):
    assert set(vars(impl.Event())) == {"_cond", "_flag"}
    assert vars(impl.Semaphore(3))["_value"] == 3
    assert set(vars(impl.BoundedSemaphore(3))) == {"_cond", "_value", "_initial_value"}


def test_a_subclass_that_sets_everything_itself(impl):
    class Own(impl.Event):
        def __init__(self):
            self._cond = threading.Condition(threading.Lock())
            self._flag = True

    assert Own().wait(0)


def test_what_cannot_be_pickled_is_the_lock(impl):
    for instance in [impl.Event(), impl.Semaphore(), impl.Condition(impl.Lock())]:
        with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
            pickle.dumps(instance)
    with pytest.raises(TypeError, match="cannot pickle '_thread.RLock' object"):
        pickle.dumps(impl.Condition())
