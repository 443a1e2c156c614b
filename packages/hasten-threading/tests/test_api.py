"""What is seen of the classes from outside: where methods come from, signatures, references, pickles."""

import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref

import pytest

import hasten.threading

CLASSES = {
    "Barrier": (2,),
    "BoundedSemaphore": (),
    "Condition": (),
    "Event": (),
    "Semaphore": (),
}
# The standard library's algorithm for a subclass of Barrier that keeps its state elsewhere
INTERNAL = {"Barrier": {"_break", "_enter", "_exit", "_release", "_wait"}}
NOT_METHODS = {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}
NOT_METHODS.add("__slotnames__")  # copyreg puts it into a class when an instance is copied


@pytest.fixture(params=CLASSES)
def name(request):
    return request.param


@pytest.fixture
def instance(name, impl):
    return getattr(impl, name)(*CLASSES[name])


def found_in(cls, attribute):
    return next(base for base in cls.__mro__ if attribute in vars(base))


def test_no_method_is_the_standard_librarys(name):
    cls = getattr(hasten.threading, name)
    for attribute in set(vars(getattr(threading, name))) - NOT_METHODS - INTERNAL.get(name, set()):
        assert found_in(cls, attribute).__module__.startswith("hasten."), attribute


def test_one_world(name):
    cls = getattr(hasten.threading, name)
    assert issubclass(cls, getattr(threading, name))
    assert (cls.__module__, cls.__qualname__) == ("hasten.threading", name)
    assert cls.__doc__


METHODS = {
    "Barrier": ["wait", "reset", "abort"],
    "BoundedSemaphore": ["acquire", "release"],
    "Condition": ["wait", "wait_for", "notify", "notify_all"],
    "Event": ["is_set", "set", "clear", "wait"],
    "Semaphore": ["acquire", "release"],
}


def test_signatures(name):
    ours, theirs = getattr(hasten.threading, name), getattr(threading, name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    pair = [cls(*CLASSES[name]) for cls in (ours, theirs)]
    for method in METHODS[name]:
        our_signature, their_signature = (inspect.signature(getattr(it, method)) for it in pair)
        assert our_signature == their_signature, method


@pytest.mark.parametrize("function", ["serialize_iterator", "synchronized_iterator", "concurrent_tee"])
def test_signatures_for_iterators(function):
    if not hasattr(threading, function):
        pytest.skip(f"the standard library has no {function}")
    ours, theirs = getattr(hasten.threading, function), getattr(threading, function)
    assert inspect.signature(ours) == inspect.signature(theirs)
    pair = [ours([]), theirs([])] if inspect.isclass(theirs) else []
    for method in ["send", "throw", "close"] if pair else []:
        our_signature, their_signature = (inspect.signature(getattr(it, method)) for it in pair)
        assert our_signature == their_signature, method


def test_everything_has_help(name):
    cls = getattr(hasten.threading, name)
    for method in METHODS[name]:
        assert inspect.getdoc(getattr(cls, method))


def test_arguments_by_keyword(impl):
    assert impl.Condition(lock=None) and impl.Semaphore(value=1) and impl.BoundedSemaphore(value=1)
    sem = impl.Semaphore(value=0)
    sem.release(n=2)
    assert sem.acquire(blocking=True, timeout=1) and sem.acquire(blocking=False)
    event = impl.Event()
    assert event.wait(timeout=0) is False
    with impl.Condition() as held:
        assert held in (True, None)
    cond = impl.Condition()
    with cond:
        assert cond.wait_for(predicate=lambda: 1, timeout=0) == 1
        cond.notify(n=1)
    for call, arguments in [
        (impl.Event, (1,)),
        (impl.Semaphore, (1, 2)),
        (event.wait, (1, 2)),
        (event.set, (1,)),
    ]:
        with pytest.raises(TypeError):
            call(*arguments)


def test_weak_references(instance):
    died = []
    ref = weakref.ref(instance, lambda ref: died.append(1))
    assert ref() is instance
    objects = weakref.WeakSet([instance])
    assert instance in objects


def test_attributes_of_the_users(instance):
    instance.label = "mine"
    assert vars(instance)["label"] == "mine"


def test_cycles_are_collected(name, impl):
    instance = getattr(impl, name)(*CLASSES[name])
    instance.me = instance
    ref = weakref.ref(instance)
    del instance
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickles(instance, protocol):
    with pytest.raises((TypeError, pickle.PicklingError)):  # which one, up to the version and its locks
        pickle.dumps(instance, protocol)


def test_no_deep_copies(instance):
    with pytest.raises(TypeError):
        copy.deepcopy(instance)


class PicklableEvent(hasten.threading.Event):
    def __getstate__(self):
        return self.is_set()

    def __setstate__(self, state):
        super().__init__()  # as in the standard library: without it there is nothing to set
        if state:
            self.set()


class ReducedSemaphore(hasten.threading.Semaphore):
    def __reduce__(self):
        return ReducedSemaphore, (self._value,)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_subclasses_may_have_pickles(protocol, monkeypatch):
    module = sys.modules.setdefault(__name__, sys.modules.get(__name__) or type(sys)(__name__))
    monkeypatch.setattr(module, "PicklableEvent", PicklableEvent, raising=False)
    monkeypatch.setattr(module, "ReducedSemaphore", ReducedSemaphore, raising=False)
    event = PicklableEvent()
    event.set()
    assert pickle.loads(pickle.dumps(event, protocol)).is_set()
    assert pickle.loads(pickle.dumps(ReducedSemaphore(7), protocol))._value == 7


def test_subclass_without_init(name, impl):
    """A subclass may make its own __init__ and call ours."""

    class Sub(getattr(impl, name)):
        def __init__(self, label):
            super().__init__(*CLASSES[name])
            self.label = label

    assert Sub("x").label == "x"


def test_patching_a_method(name, impl, monkeypatch):
    cls = getattr(impl, name)
    method = METHODS[name][0]
    calls = []
    monkeypatch.setattr(cls, method, lambda self, *args: calls.append(args))
    getattr(cls(*CLASSES[name]), method)(1)
    assert calls == [(1,)]
