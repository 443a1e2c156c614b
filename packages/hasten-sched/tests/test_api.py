"""Names, signatures, class relations, the class of the events, subclasses, copies and pickles."""

import copy
import inspect
import pickle
import sched as stdlib
import time
from collections import namedtuple

import pytest

import hasten.sched as ours

FIELDS = ("time", "priority", "sequence", "action", "argument", "kwargs")


def test_public_names():
    assert ours.__all__ == stdlib.__all__ == ["scheduler"]
    assert (ours.scheduler.__module__, ours.scheduler.__qualname__) == ("hasten.sched", "scheduler")
    assert ours.scheduler.__doc__


def test_instances_are_the_standard_librarys_too():
    assert issubclass(ours.scheduler, stdlib.scheduler)
    assert isinstance(ours.scheduler(), stdlib.scheduler)


def test_no_method_is_the_standard_librarys():
    for attribute in set(vars(stdlib.scheduler)) - {
        "__module__",
        "__dict__",
        "__weakref__",
        "__firstlineno__",
        "__static_attributes__",
    }:
        home = next(base for base in ours.scheduler.__mro__ if attribute in vars(base))
        assert home.__module__.startswith("hasten.sched"), f"{attribute} comes from {home}"


@pytest.mark.parametrize("name", ["enter", "enterabs", "cancel", "empty", "run", "__init__"])
def test_signatures(name):
    theirs, mine = (inspect.signature(getattr(module.scheduler, name)) for module in (stdlib, ours))
    assert mine == theirs
    assert getattr(ours.scheduler, name).__doc__ or name == "__init__"


def test_defaults():
    scheduler = ours.scheduler()
    assert scheduler.timefunc is time.monotonic
    assert scheduler.delayfunc is time.sleep


def test_keyword_arguments(impl, clock):
    scheduler = impl.scheduler(timefunc=clock.time, delayfunc=clock.sleep)
    scheduler.enter(delay=2, priority=1, action=clock.note, argument=(1,), kwargs={"k": 2})
    scheduler.enterabs(time=1, priority=1, action=clock.note, argument=(3,), kwargs={"k": 4})
    scheduler.run(blocking=True)
    assert clock.log == [(1, 3, ("k", 4)), (2, 1, ("k", 2))]


@pytest.mark.parametrize("call", [
    lambda s: s.enter(1, 1),
    lambda s: s.enterabs(1, 1, print, (), {}, 6),
    lambda s: s.enterabs(1, 1, print, nothing=1),
    lambda s: s.cancel(),
])  # fmt: skip
def test_wrong_arguments(impl, call):
    scheduler = impl.scheduler()
    with pytest.raises(TypeError):
        call(scheduler)
    assert scheduler.empty()


# ---- events ----


def test_the_class_of_the_events():
    assert ours.Event._fields == FIELDS
    if stdlib.Event._fields == FIELDS:
        assert ours.Event is stdlib.Event
    else:
        assert ours.Event.__module__ == "hasten.sched"
    assert all(getattr(ours.Event, name).__doc__ for name in FIELDS)


def test_an_event_is_a_named_tuple(clock):
    scheduler = ours.scheduler(clock.time, clock.sleep)
    scheduler.enter(1, 1, print)
    event = scheduler.enterabs(5, 2, max, (1, 2), {"key": None})
    assert type(event) is ours.Event and isinstance(event, tuple)
    assert event == (5, 2, 1, max, (1, 2), {"key": None}) == ours.Event(5, 2, 1, max, (1, 2), {"key": None})
    assert event._asdict() == dict(zip(FIELDS, event))
    assert [event.time, event.priority, event.sequence] == [5, 2, 1]
    assert repr(event) == (
        "Event(time=5, priority=2, sequence=1, action=<built-in function max>, argument=(1, 2), "
        "kwargs={'key': None})"
    )
    assert event._replace(time=6).time == 6
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.copy(event) == event


def test_events_compare_by_time_priority_and_sequence():
    scheduler = ours.scheduler()
    events = [scheduler.enterabs(t, p, print) for t, p in [(1, 2), (1, 1), (0, 5), (1, 1)]]
    assert [event.sequence for event in sorted(events)] == [2, 1, 3, 0]
    assert events[1] != events[3] and events[1] < events[3] and events[0] >= events[1]


def test_a_hash_is_that_of_the_tuple():
    event = ours.scheduler().enterabs(1, 1, print, (), frozenset())
    assert hash(event) == hash(tuple(event)) == hash(ours.Event(*event))
    with pytest.raises(TypeError):
        hash(ours.scheduler().enterabs(1, 1, print))


def test_fields_are_the_objects_that_were_given():
    values = 1.5, 10**6, max, (1, 2), {"a": 1}
    event = ours.scheduler().enterabs(*values)
    queued = event._replace()
    assert all(a is b for a, b in zip((*event[:2], *event[3:]), values))
    assert all(a is b for a, b in zip((*queued[:2], *queued[3:]), values))


def test_sequence_numbers_count_from_zero(clock):
    scheduler = ours.scheduler(clock.time, clock.sleep)
    numbers = [scheduler.enter(1, 1, print).sequence for _ in range(3)]
    numbers.append(scheduler.enterabs(float("inf"), 10**30, print).sequence)
    numbers.append(scheduler.enter(1, 1, print).sequence)
    assert numbers == [0, 1, 2, 3, 4]
    assert ours.scheduler().enter(1, 1, print).sequence == 0


def test_kwargs_of_each_event_are_its_own(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    events = [scheduler.enter(i, 1, clock.note) for i in range(4)]
    for event in events[1::2]:
        event.kwargs["mine"] = event.time
    assert len({id(event.kwargs) for event in events}) == 4
    del event, events
    last = scheduler.enter(4, 1, clock.note).kwargs
    last["late"] = True
    assert [event.kwargs for event in scheduler.queue] == [{}, {"mine": 1}, {}, {"mine": 3}, {"late": True}]
    scheduler.run()
    assert clock.log == [(0,), (1, ("mine", 1)), (2,), (3, ("mine", 3)), (4, ("late", True))]


def test_kwargs_kept_without_their_event(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    kept = [scheduler.enter(i, 1, clock.note).kwargs for i in range(3)]
    scheduler.enter(3, 1, clock.note).kwargs["alone"] = 1
    scheduler.enter(4, 1, clock.note)
    shown = scheduler.queue[4].kwargs
    shown["shown"] = 1
    kept[1]["kept"] = 1
    scheduler.run()
    assert clock.log == [(0,), (1, ("kept", 1)), (2,), (3, ("alone", 1)), (4, ("shown", 1))]


# ---- subclasses ----


def test_enter_calls_an_overridden_enterabs(impl, clock):
    class Counting(impl.scheduler):
        def enterabs(self, time, priority, action, argument=(), kwargs=impl._sentinel):
            seen.append((time, priority, argument))
            return super().enterabs(time, priority, action, argument, kwargs)

    seen = []
    scheduler = Counting(clock.time, clock.sleep)
    event = scheduler.enter(1, 2, clock.note, ("a",))
    assert event.kwargs == {}
    scheduler.run()
    assert seen == [(1, 2, ("a",))] and clock.log == [(1, "a")]


@pytest.mark.parametrize("where", ["instance", "class"])
def test_enter_calls_a_replaced_enterabs(impl, clock, where, monkeypatch):
    class Sub(impl.scheduler):
        """Replaced parts of it do not outlive the test."""

    scheduler = Sub(clock.time, clock.sleep)
    scheduler.enter(1, 1, clock.note)
    monkeypatch.setattr(
        scheduler if where == "instance" else Sub, "enterabs", lambda *args: args[-5:], raising=True
    )
    assert scheduler.enter(5, 1, print, (3,), {})[:4] == (5, 1, print, (3,))
    assert len(scheduler.queue) == 1


def test_subclass_with_attributes_and_own_clock(impl):
    class Steps(impl.scheduler):
        def __init__(self):
            super().__init__(self.tell, self.wait)
            self.now, self.waited = 0, []

        def tell(self):
            return self.now

        def wait(self, delay):
            self.waited.append(delay)
            self.now += delay

    scheduler, ran = Steps(), []
    scheduler.enter(3, 1, ran.append, ("a",))
    scheduler.run()
    assert ran == ["a"] and scheduler.waited == [3, 0]


def test_timefunc_and_delayfunc_are_plain_attributes(impl, clock):
    scheduler = impl.scheduler()
    scheduler.timefunc, scheduler.delayfunc = clock.time, clock.sleep
    scheduler.enter(3, 1, clock.note)
    scheduler.run()
    assert clock.log == [(3,)]
    del scheduler.timefunc
    with pytest.raises(AttributeError, match="timefunc"):
        scheduler.enter(1, 1, print)


def test_init_again_forgets_the_events(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler.enter(1, 1, clock.note, ("old",))
    scheduler.enter(10**400, 1, clock.note, ("huge",))
    scheduler.__init__(clock.time, clock.sleep)
    assert scheduler.empty() and scheduler.queue == []
    scheduler.enter(1, 1, clock.note, ("new",))
    scheduler.run()
    assert clock.log == [(1, "new")]


def test_no_pickle(impl):
    with pytest.raises(TypeError, match="cannot pickle '_thread.RLock' object"):
        pickle.dumps(impl.scheduler())


def test_shallow_copy_shares_the_events(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    twin = copy.copy(scheduler)
    twin.enter(1, 1, clock.note)
    assert not scheduler.empty()
    scheduler.run()
    assert twin.empty() and clock.log == [(1,)]


def test_weak_references_and_attributes(impl):
    import weakref

    scheduler = impl.scheduler()
    scheduler.name = "mine"
    assert weakref.ref(scheduler)().name == "mine"


def test_an_equal_tuple_of_another_class_is_as_good(clock):
    Other = namedtuple("Other", FIELDS)
    scheduler = ours.scheduler(clock.time, clock.sleep)
    scheduler.cancel(Other(*scheduler.enter(1, 1, print)))
    assert scheduler.empty()
