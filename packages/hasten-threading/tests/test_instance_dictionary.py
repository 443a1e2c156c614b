"""`__dict__` of events and semaphores, which programs copy and update to pickle them."""

from __future__ import annotations

import collections
import functools
import inspect
import pickle
import threading
import typing

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


def replaced_by_dictionary(base: type) -> type:
    class ReplacedByDictionary(pickled_by_dictionary(base)):
        def __setstate__(self, state):
            self.__dict__ = state
            self._cond = threading.Condition(threading.Lock())

    ReplacedByDictionary.__qualname__ = ReplacedByDictionary.__name__
    return ReplacedByDictionary


def test_a_dictionary_that_is_replaced(impl, through_a_pickle):
    event = replaced_by_dictionary(impl.Event)()
    event.name = "an event"
    event.set()
    got = through_a_pickle(event)
    assert got.is_set() and got.name == "an event"
    got.clear()
    assert not got.wait(0)


def test_attributes_are_found_without_a_getattr(impl):
    """By inspect, by runtime protocols of 3.12 and later, and by what else looks into the dictionary."""

    @typing.runtime_checkable
    class Named(typing.Protocol):
        name: str

    event = impl.Event()
    assert not isinstance(event, Named)
    event.name = "an event"
    assert isinstance(event, Named)
    assert inspect.getattr_static(event, "name") == "an event"
    assert object.__getattribute__(event, "__dict__")["name"] == "an event"


def test_a_dictionary_that_is_kept(impl):
    event = impl.Event()
    fields = vars(event)
    event.name = "an event"
    assert "name" in fields and fields.get("name") == fields["name"] == "an event"
    assert fields.setdefault("name", "another") == "an event"
    assert fields.pop("name", None) == "an event" and not hasattr(event, "name")
    assert fields.pop("name", None) is None and fields.get("name", 1) == 1
    with pytest.raises(KeyError):
        fields.pop("name")
    with pytest.raises(KeyError):
        fields["name"]
    event.set()
    assert fields["_flag"] is True
    fields["_flag"] = False
    assert not event.is_set()


def test_a_cached_property_is_computed_once(impl):
    calls = []

    class Own(impl.Event):
        @functools.cached_property
        def value(self):
            calls.append(self)
            return object()

    event = Own()
    assert event.value is event.value and vars(event)["value"] is event.value
    assert calls == [event]


def test_names_of_a_condition(impl):
    lock = impl.Lock()
    fields = vars(impl.Condition(lock))
    assert {"_lock", "_waiters"} <= set(fields)
    assert fields["_lock"] is lock and len(fields["_waiters"]) == 0
    assert not [name for name in fields if name.endswith("_state")]


def test_names_of_a_barrier(impl):
    barrier = impl.Barrier(2, timeout=3)
    assert set(vars(barrier)) == {"_cond", "_action", "_timeout", "_parties", "_state", "_count"}
    barrier.abort()
    assert vars(barrier)["_state"] == -2 and vars(barrier)["_count"] == 0
    barrier.__dict__["_state"] = 0
    assert not barrier.broken


def test_a_condition_that_sets_everything_itself(impl):
    class Own(impl.Condition):
        def __init__(self, lock):
            self.__dict__.update(_lock=lock, _waiters=collections.deque())
            self.acquire, self.release = lock.acquire, lock.release

    condition = Own(impl.Lock())
    with condition:
        assert not condition.wait(0.001)
        condition.notify_all()
    assert not condition._lock.locked()


class Mixin:
    """What has a dictionary of its own."""


@pytest.mark.parametrize("kind", ["Event", "Semaphore", "Condition"])
def test_behind_another_class(impl, kind):
    class Mixed(Mixin, getattr(impl, kind)):
        pass

    class Worker(impl.Thread, getattr(impl, kind)):
        def __init__(self):
            impl.Thread.__init__(self, name="worker")
            getattr(impl, kind).__init__(self)

    for instance in [Mixed(), Worker()]:
        fields = vars(instance)
        assert set(vars(getattr(impl, kind)())) <= set(fields)
        assert not [name for name in fields if name.endswith("_state")]
        fields["mine"] = 1
        assert instance.mine == 1
    assert vars(Worker())["_name"] == "worker"


def test_two_of_ours_as_bases(impl):
    class Both(impl.Event, impl.BoundedSemaphore):
        def __init__(self):
            impl.Event.__init__(self)
            impl.BoundedSemaphore.__init__(self, 3)

        def __setstate__(self, state):
            self.__dict__ = state

    both = Both()
    assert set(vars(both)) == {"_cond", "_flag", "_value", "_initial_value"}
    vars(both).update(_flag=True, _value=2)
    assert both.is_set() and both._value == 2
    both.release()
    with pytest.raises(ValueError):
        both.release()


def test_init_subclass_of_the_program(impl):
    made = []

    class Registered(impl.Event):
        def __init_subclass__(cls, label, **options):
            super().__init_subclass__(**options)
            made.append((cls.__name__, label))

    class Derived(Registered, label="one"):
        pass

    assert made == [("Derived", "one")]
    assert set(vars(Derived())) == {"_cond", "_flag"}
    with pytest.raises(TypeError):
        type("Derived", (impl.Event,), {}, label="two")


def test_any_dictionary_can_take_the_place(impl):
    class AttributeDictionary(dict):
        __getattr__ = dict.get
        own = {}

    condition = impl.Condition()
    fields = AttributeDictionary(vars(condition), mine=1)
    condition.__dict__ = fields
    assert condition.mine == 1 and "mine" in vars(condition)
