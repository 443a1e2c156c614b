"""The classes are ordinary Python classes: combined, introspected, half made, with parts replaced."""

import copy
import inspect
import pickle
import signal
import sys
import threading
import weakref

import pytest
from support.signalling import Interrupt

import hasten.threading as ours

CLASSES = {"Barrier": (2,), "BoundedSemaphore": (), "Condition": (), "Event": (), "Semaphore": ()}


class Slotted:
    __slots__ = ("extra",)


@pytest.fixture(params=CLASSES)
def name(request):
    return request.param


@pytest.fixture
def cls(name, impl):
    return getattr(impl, name)


def own_functions(cls):
    return [
        name
        for name, value in vars(cls).items()
        if hasattr(value, "__code__") and (not name.startswith("_") or name in ("__init__", "__enter__"))
    ]


# ---- classes of several --------------------------------------------------------------------------


@pytest.mark.parametrize("other", [Exception, list, dict, int, Slotted, threading.Thread])
def test_combined_with_other_layouts(name, cls, other):
    class Both(cls, other):
        pass

    class Reversed(other, cls):
        pass

    for combined in (Both, Reversed):
        instance = combined.__new__(combined)
        cls.__init__(instance, *CLASSES[name])
        assert isinstance(instance, cls) and isinstance(instance, other)
        use(name, instance)


def test_two_of_ours_have_states_of_their_own(impl):
    class Both(impl.Event, impl.Semaphore):
        def __init__(self):
            impl.Event.__init__(self)
            impl.Semaphore.__init__(self, 3)

    both = Both()
    both.set()
    assert both.acquire() and both._value == 2 and both.is_set()


def use(name, instance):
    """Something that nobody has to wait for."""
    if name == "Event":
        instance.set()
        assert instance.wait(0) and instance._flag is True
    elif name == "Condition":
        with instance:
            instance.notify_all()
            assert instance.wait(0) is False
    elif name == "Barrier":
        assert (instance.parties, instance.n_waiting, instance.broken) == (2, 0, False)
        instance.abort()
        assert instance.broken
    else:
        assert instance.acquire(False) is True and instance.acquire(False) is False
        instance.release()


# ---- introspection -------------------------------------------------------------------------------


def test_methods_are_those_of_python(name, cls):
    instance = cls(*CLASSES[name])
    for method in own_functions(cls):
        bound = getattr(instance, method)
        if name == "Condition" and method in ("acquire", "release", "locked"):
            continue  # in an instance these are the lock's
        assert bound.__func__ is getattr(cls, method) and bound.__self__ is instance
        assert weakref.WeakMethod(bound)() == bound
        assert bound.__module__ == cls.__module__
        assert bound.__qualname__.partition(".")[0] in [base.__name__ for base in cls.__mro__]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="the API is that of 3.15")
def test_signatures_are_the_standard_librarys(name):
    theirs = getattr(threading, name)
    for method in [*own_functions(theirs), "__repr__"]:
        found = inspect.signature(getattr(getattr(ours, name), method))
        assert found == inspect.signature(vars(theirs)[method]), method


def test_copies_share(impl):
    event = impl.Event()
    other = copy.copy(event)
    assert type(other) is type(event)
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(event)


# ---- objects without __init__() ------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CLASSES, "serialize_iterator"])
def test_nothing_crashes_before_init(name):
    cls = getattr(ours, name)
    for attribute in set(dir(cls)) - {"isSet", "notifyAll"}:
        if attribute in ("__init__", "__class__", "__new__", "__init_subclass__", "__subclasshook__"):
            continue
        instance = cls.__new__(cls)
        try:
            value = getattr(instance, attribute)
        except AttributeError:
            continue
        if attribute in vars(cls) and callable(value):
            for arguments in [(), (1,), (1, 2), (1, 2, 3)]:
                try:
                    value(*arguments)
                except (AttributeError, TypeError, RuntimeError):
                    continue


@pytest.mark.parametrize("method", ["set", "clear", "is_set", "wait"])
def test_methods_before_init_raise(method, impl):
    with pytest.raises(AttributeError):
        getattr(impl.Event.__new__(impl.Event), method)()


# ---- parts that programs read and replace ----------------------------------------------------------


def test_the_flag_is_an_attribute(impl):
    event = impl.Event()
    event._flag = True
    assert event.is_set() and event.wait(0)
    event._flag = False
    assert not event.is_set() and not event.wait(0)


def test_setting_the_flag_by_its_condition_wakes_all(impl, spawn):
    event = impl.Event()
    waiter = spawn(event.wait, 30).settle()
    with event._cond:
        event._flag = True
        event._cond.notify_all()
    assert waiter.result() is True


def test_who_waits_on_the_events_condition_is_woken(impl, spawn, until):
    event = impl.Event()

    def wait():
        with event._cond:
            return event._cond.wait(30)

    waiter = spawn(wait)
    until(lambda: event._cond._waiters)
    event.set()
    assert waiter.result() is True


def test_a_condition_of_the_users_in_an_event(impl, spawn, until):
    event = impl.Event()
    event._cond = impl.Condition()
    waiter = spawn(event.wait, 30)
    until(lambda: len(event._cond._waiters) == 1)
    event.set()
    assert waiter.result() is True and event.is_set()


def test_resizing_a_semaphore_by_its_condition(impl, spawn, until):
    sem = impl.Semaphore(0)
    early = spawn(sem.acquire, True, 30).settle()
    with sem._cond:
        sem._value += 2
        sem._cond.notify(2)
    assert early.result() is True
    assert sem.acquire(False) is True and sem._value == 0
    late = spawn(sem.acquire, True, 30)
    until(lambda: len(sem._cond._waiters) == 1)
    sem.release()
    assert late.result() is True and sem._value == 0
    assert sem.acquire(timeout=0.001) is False


def test_a_bounded_semaphore_by_its_condition_is_bounded(impl):
    sem = impl.BoundedSemaphore(2)
    assert sem._cond and sem.acquire()
    sem.release()
    with pytest.raises(ValueError):
        sem.release()


def test_an_overridden_release_is_called_by_with(impl):
    calls = []

    class Sub(impl.Semaphore):
        def release(self, n=1):
            calls.append(n)
            super().release(n)

    with Sub() as held:
        assert held is True
    assert calls == [1]
    sem = impl.Semaphore()
    sem.release = lambda: calls.append("own")
    with sem:
        calls.append("inside")
    assert calls == [1, "inside", "own"]


def test_notify_all_calls_notify(impl):
    calls = []

    class Sub(impl.Condition):
        def notify(self, n=1):
            calls.append(n)
            super().notify(n)

    with Sub() as _, Sub() as _:
        pass
    cond = Sub()
    with cond:
        cond.notify_all()
    assert calls == [0]
    cond = impl.Condition()
    cond.notify = lambda n=1: calls.append("own")
    with cond:
        cond.notify_all()
    assert calls == [0, "own"]


@pytest.mark.parametrize("hook", ["_is_owned", "_release_save", "_acquire_restore"])
def test_hooks_of_the_object_are_called(hook, impl):
    cond, calls = impl.Condition(), []
    before = getattr(cond, hook)

    def called(*args):
        calls.append(hook)
        return before(*args)

    setattr(cond, hook, called)
    assert getattr(cond, hook) is called
    with cond:
        assert cond.wait(0) is False
    assert calls


def test_other_waiters(impl, spawn, until):
    """A program's own container in place of `_waiters` gets whoever waits."""
    from collections import deque

    cond, waiters = impl.Condition(), deque()
    cond._waiters = waiters

    def wait():
        with cond:
            return cond.wait(30)

    waiter = spawn(wait)
    until(lambda: len(waiters) == 1)
    with cond:
        cond.notify_all()
    assert waiter.result() is True and not waiters


def test_another_lock_for_with(impl):
    cond, lock = impl.Condition(), impl.Lock()
    cond._lock = lock
    with cond:
        assert lock.locked() and not cond._is_owned()
    assert not lock.locked()


def test_the_locks_methods_are_in_the_condition(impl):
    lock = impl.Lock()
    cond = impl.Condition(lock)
    assert cond._lock is lock
    assert vars(cond)["acquire"] == lock.acquire and vars(cond)["release"] == lock.release


def test_acquire_and_release_of_a_condition_are_its_locks(impl):
    """Also before the first call, in a loop, and over the methods of a subclass."""

    class Loud(impl.Condition):
        def acquire(self, *args):
            raise AssertionError("the lock's own comes first")

    for cond in (impl.Condition(), Loud()):
        for _ in range(3):
            assert cond.acquire() is True and cond.acquire(timeout=1) is True
            assert cond._is_owned()
            cond.release(), cond.release()
            assert not cond._is_owned()
        assert vars(cond)["acquire"] == cond._lock.acquire and vars(cond)["release"] == cond._lock.release
        with pytest.raises(RuntimeError):
            cond.release()


def test_the_parts_of_a_barrier(impl):
    def action():
        return None

    barrier = impl.Barrier(1, action, 5)
    assert (barrier._parties, barrier._action, barrier._timeout) == (1, action, 5)
    assert (barrier._count, barrier._state) == (0, 0)
    calls = []
    barrier._action = lambda: calls.append(1)
    assert barrier.wait() == 0 and calls == [1]
    barrier.abort()
    assert barrier._state == -2


def test_a_set_that_meets_the_first_use_of_the_condition(impl, spawn):
    for _ in range(50):
        event = impl.Event()

        def wait(event=event):
            with event._cond:
                return event._cond.wait_for(lambda: event._flag, 20)

        waiting = spawn(wait)
        event.set()
        assert waiting.result()


def test_a_barrier_by_its_condition(impl, spawn, until):
    barrier = impl.Barrier(3)
    early = spawn(barrier.wait, 30)
    until(lambda: barrier.n_waiting == 1)
    with barrier._cond:
        assert (barrier._count, barrier._state) == (1, 0)
    late = spawn(barrier.wait, 30)
    until(lambda: barrier.n_waiting == 2)
    assert sorted([barrier.wait(30), early.result(), late.result()]) == [0, 1, 2]
    until(lambda: barrier._count == 0 and barrier._state == 0)
    barrier.abort()
    assert barrier.broken
    barrier.reset()
    assert (barrier.broken, barrier.n_waiting) == (False, 0)


# ---- the lock after an interrupted wait() -------------------------------------------------------------


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 looks at signals before the end of a with")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
@pytest.mark.parametrize("kind", ["RLock", "Lock"])
def test_an_interrupt_while_the_lock_is_taken_again(kind, spawn):
    """One signal ends the sleep, and more come while another thread keeps the lock."""
    cond, over, budget = ours.Condition(getattr(ours, kind)()), threading.Event(), [0]

    def handler(*_):
        if budget[0]:
            budget[0] -= 1
            raise Interrupt

    def disturb():
        with cond:  # free only once the main thread sleeps
            for _ in range(20):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                over.wait(0.002)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for _ in range(5):
            task = None
            try:
                try:
                    with cond:
                        task = spawn(disturb)
                        budget[0] = 2
                        cond.wait(30)
                except Interrupt:  # and no RuntimeError of a lock that is not held
                    pass
                budget[0] = 0
            except Interrupt:
                budget[0] = 0
            task.result()
            assert not cond.locked()
    finally:
        signal.signal(signal.SIGUSR1, before)
