"""An ordinary Python class: combined with other ones, looked at by tools, made without __init__()."""

import concurrent.futures
import functools
import inspect
import threading
import types
import weakref
from unittest import mock

import pytest

import hasten.sched as ours

PUBLIC = ["enterabs", "enter", "cancel", "empty", "run"]


class Slotted:
    __slots__ = ("left", "right")


OTHERS = [threading.Thread, concurrent.futures.Future, dict, list, Exception, Slotted, threading.local]


@pytest.mark.parametrize("scheduler_first", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_two_bases(impl, clock, other, scheduler_first):
    cls = impl.scheduler

    class Both(*((cls, other) if scheduler_first else (other, cls))):
        def __init__(self):
            other.__init__(self)
            cls.__init__(self, clock.time, clock.sleep)

    both = Both()
    if other is Slotted:
        both.left = 1
        assert both.left == 1 and "left" not in vars(both)
    both.enter(2, 1, clock.note, ("second",))
    both.enterabs(1, 1, clock.note, ("first",))
    cls.cancel(both, both.enter(3, 1, clock.note))
    assert not both.empty() and len(both.queue) == 2
    cls.run(both)
    assert clock.log == [(1, "first"), (2, "second")] and both.empty()


def test_a_thread_that_is_a_scheduler(impl):
    class Both(threading.Thread, impl.scheduler):
        def __init__(self):
            threading.Thread.__init__(self)
            impl.scheduler.__init__(self)

        def run(self):
            impl.scheduler.run(self)

    both, ran = Both(), []
    both.enter(0.001, 1, ran.append, (1,))
    both.start()
    both.join(20)
    assert ran == [1] and not both.is_alive()


def test_setattr_of_other_bases_is_called(impl):
    class Noting:
        def __setattr__(self, name, value):
            names.append(name)
            super().__setattr__(name, value)

    class Both(impl.scheduler, Noting):
        pass

    names = []
    both = Both()
    both.mine = 1
    assert both.mine == 1 and {"mine", "timefunc", "delayfunc"} <= set(names)


@pytest.mark.parametrize("name", PUBLIC)
def test_methods_are_functions(name):
    scheduler = ours.scheduler()
    bound, function = getattr(scheduler, name), getattr(ours.scheduler, name)
    assert inspect.ismethod(bound) and bound.__self__ is scheduler and bound.__func__ is function
    assert weakref.WeakMethod(bound)() == bound
    assert isinstance(function.__code__, types.CodeType)
    assert (function.__module__, function.__qualname__) == ("hasten.sched", f"scheduler.{name}")
    wrapped = functools.wraps(function)(lambda *args: function(*args))
    assert inspect.signature(wrapped) == inspect.signature(function)


CALLS = {"enterabs": (1, 1, print), "enter": (1, 1, print), "cancel": (1,), "empty": (), "run": ()}


@pytest.mark.parametrize("name", CALLS)
def test_methods_without_init(impl, name):
    with pytest.raises((AttributeError, ValueError)):
        getattr(impl.scheduler.__new__(impl.scheduler), name)(*CALLS[name])


@pytest.mark.parametrize("name", ["queue", "_queue", "_lock", "timefunc", "delayfunc"])
def test_attributes_without_init(impl, name):
    with pytest.raises(AttributeError):
        getattr(impl.scheduler.__new__(impl.scheduler), name)


@pytest.mark.parametrize("name", CALLS)
def test_methods_on_something_else(name):
    for wrong in (None, 1, object()):
        with pytest.raises(AttributeError):
            getattr(ours.scheduler, name)(wrong, *CALLS[name])


def test_init_again(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler.enter(1, 1, clock.note)
    scheduler.__init__(clock.time, clock.sleep)
    assert scheduler.empty()
    scheduler.enter(2, 1, clock.note)
    scheduler.run()
    assert clock.log == [(2,)]


def test_init_again_within_an_action(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler.enter(1, 1, scheduler.__init__, (clock.time, clock.sleep))
    scheduler.enter(2, 1, clock.note, ("before",))
    scheduler.run()  # goes on with the events it has begun with
    assert clock.log == [(2, "before")] and scheduler.empty()


# ---- the list and the lock ----


def test_the_list_is_the_heap(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    events = [scheduler.enter(delay, 1, clock.note, (delay,)) for delay in (3, 1, 2)]
    with scheduler._lock:
        assert sorted(scheduler._queue) == sorted(events) and scheduler._queue[0] == events[1]
        assert scheduler._queue is scheduler._queue
        with scheduler._lock:  # can be taken again
            scheduler._queue.remove(events[2])
            impl.heapq.heapify(scheduler._queue)
    scheduler.enter(5, 1, clock.note, (5,))
    assert len(scheduler._queue) == 3
    scheduler.cancel(events[0])
    scheduler.run()
    assert clock.log == [(1, 1), (5, 5)]
    assert scheduler._queue == [] and scheduler.empty()
    kept = scheduler._queue
    scheduler.enter(1, 1, clock.note)
    assert len(kept) == 1


def test_a_list_of_a_programs(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler.enter(1, 1, clock.note, ("gone",))
    mine = []
    scheduler._queue = mine
    event = scheduler.enter(2, 1, clock.note, ("kept",))
    assert mine == [event]
    mine.clear()
    assert scheduler.empty()
    mine.append(event)
    scheduler.run()
    assert clock.log == [(2, "kept")]


@pytest.mark.parametrize("strange", [(1, 2), 3, None, "text"])
def test_strange_things_in_the_list(impl, clock, strange):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler._queue.append(strange)
    with pytest.raises((TypeError, ValueError)):
        scheduler.run()
    scheduler._queue.clear()
    assert scheduler.empty()


def test_the_lock_keeps_others_out(impl, spawn):
    scheduler = impl.scheduler()
    with scheduler._lock:
        task = spawn(scheduler.enter, 1, 1, print).settle()
        assert scheduler._queue == []
    task.result()
    assert len(scheduler._queue) == 1


def test_a_lock_of_a_programs(impl, clock):
    class Noting:
        held = entered = 0

        def __enter__(self):
            self.entered += 1
            self.held += 1

        def __exit__(self, *exc):
            self.held -= 1

    scheduler = impl.scheduler(clock.time, clock.sleep)
    lock = scheduler._lock = Noting()
    scheduler.enter(1, 1, lambda: clock.note(lock.held))
    scheduler.run()
    assert clock.log == [(1, 0)] and lock.entered > 1 and lock.held == 0


# ---- replaced parts ----


def test_nothing_is_missing():
    import sched as stdlib

    assert not {name for name in vars(stdlib) if not name.startswith("__")} - set(vars(ours))
    for name in ("heapq", "time", "threading", "_time", "_sentinel"):
        assert getattr(ours, name) is getattr(stdlib, name)


def test_replaced_heapq(impl, clock):
    scheduler = impl.scheduler(clock.time, clock.sleep)
    scheduler.enter(2, 1, clock.note, ("second",))
    with mock.patch.object(impl, "heapq", wraps=impl.heapq) as replaced:
        scheduler.enter(1, 1, clock.note, ("first",))
        assert replaced.heappush.call_count == 1
        scheduler.run()
        assert replaced.heappop.call_count == 2
    assert clock.log == [(1, "first"), (2, "second")]


def test_replaced_event_class(impl, clock):
    class Mine(impl.Event):
        pass

    scheduler = impl.scheduler(clock.time, clock.sleep)
    with mock.patch.object(impl, "Event", Mine):
        event = scheduler.enter(1, 1, clock.note, ("mine",))
    assert type(event) is Mine and type(scheduler.enter(2, 1, clock.note)) is impl.Event
    assert scheduler.queue[0] is event
    scheduler.run()
    assert clock.log == [(1, "mine"), (2,)]


def test_replaced_threading(impl, clock):
    lock = threading.RLock()
    with mock.patch.object(impl, "threading", mock.Mock(RLock=lambda: lock)):
        scheduler = impl.scheduler(clock.time, clock.sleep)
    assert scheduler._lock is lock and impl.scheduler()._lock is not lock
    scheduler.enter(1, 1, clock.note)
    scheduler.run()
    assert clock.log == [(1,)]


def test_replaced_time(impl, clock):
    with mock.patch.object(impl, "time") as replaced:
        scheduler = impl.scheduler(clock.time, clock.sleep)
        scheduler.enter(1, 1, clock.note)
        scheduler.run()
    assert clock.log == [(1,)] and not replaced.mock_calls


# ---- exceptions in comparisons ----


class Injected(BaseException):
    pass


class Moody:
    """A time that compares by number, and raises at the comparison that it is told."""

    left = -1

    def __init__(self, number):
        self.number = number

    def step(self):
        Moody.left -= 1
        if Moody.left == 0:
            raise Injected

    def __lt__(self, other):
        self.step()
        return self.number < other.number

    def __gt__(self, other):
        self.step()
        return self.number > other.number

    def __eq__(self, other):
        return self.number == other.number

    __hash__ = None

    def __sub__(self, other):
        return self.number - other.number


@pytest.mark.parametrize("call", ["enter", "run", "look"])
def test_a_comparison_that_raises_loses_no_event(call):
    for step in range(1, 40):
        ran, now = [], Moody(0)

        def sleep(delay, now=now):
            now.number += delay

        scheduler = ours.scheduler(lambda now=now: now, sleep)
        for number in (3, 1, 2, 5, 4):
            scheduler.enterabs(Moody(number), 1, ran.append, (number,))
        Moody.left = step
        raised = False
        try:
            if call == "enter":
                scheduler.enterabs(Moody(0), 1, ran.append, (0,))
            elif call == "run":
                scheduler.run()
            else:
                _ = scheduler.queue
        except Injected:
            raised = True
        Moody.left = -1
        scheduler.run()
        wanted = [1, 2, 3, 4, 5] if call != "enter" or raised else [0, 1, 2, 3, 4, 5]
        assert sorted(ran) == wanted and scheduler.empty(), (step, ran)
        if not raised:
            return
    assert call == "run"


def test_names_in_the_dictionary(impl):
    scheduler = impl.scheduler()
    event = scheduler.enter(1000, 1, print)
    assert {"_queue", "_lock", "timefunc", "delayfunc"} <= set(vars(scheduler))
    assert "_scheduler_state" not in vars(scheduler)
    assert vars(scheduler)["_queue"] == [event]
    vars(scheduler)["_queue"] = []
    assert scheduler.empty()
