"""Names, signatures, docstrings, class relations and pickling of Thread and Timer and of the functions."""

import copy
import inspect
import pickle
import threading

import pytest

import hasten.threading as ours

SIGNATURES = {
    "Thread": "(group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None)",
    "Timer": "(interval, function, args=None, kwargs=None)",
    "Thread.start": "(self)",
    "Thread.run": "(self)",
    "Thread.join": "(self, timeout=None)",
    "Thread.is_alive": "(self)",
    "Thread.getName": "(self)",
    "Thread.setName": "(self, name)",
    "Thread.isDaemon": "(self)",
    "Thread.setDaemon": "(self, daemonic)",
    "Timer.start": "(self)",
    "Timer.run": "(self)",
    "Timer.cancel": "(self)",
    "Timer.join": "(self, timeout=None)",
    "active_count": "()",
    "activeCount": "()",
    "current_thread": "()",
    "currentThread": "()",
    "enumerate": "()",
    "main_thread": "()",
    "gettrace": "()",
    "getprofile": "()",
    "settrace": "(func)",
    "setprofile": "(func)",
    "settrace_all_threads": "(func)",
    "setprofile_all_threads": "(func)",
    "synchronized_iterator": "(func)",
}
CLASSES = ["Thread", "Timer", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier"]
CLASSES += ["_MainThread", "_DummyThread"]
NO_METHODS = {"__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__"}


def find(path):
    found = ours
    for name in path.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature(path):
    assert str(inspect.signature(find(path))).replace(", /", "") == SIGNATURES[path]


@pytest.mark.parametrize("path", SIGNATURES)
def test_docstring(path):
    assert find(path).__doc__


def test_public_names():
    assert set(threading.__all__) <= set(ours.__all__)
    assert len(set(ours.__all__)) == len(ours.__all__)
    for name in ours.__all__:
        assert hasattr(ours, name)


@pytest.mark.parametrize("name", CLASSES)
def test_no_method_is_the_standard_librarys(name):
    cls = getattr(ours, name)
    theirs = {attribute for base in cls.__mro__ if base.__module__ == "threading" for attribute in vars(base)}
    for attribute in theirs - NO_METHODS:
        if attribute.startswith("_") and not attribute.endswith("__"):
            continue  # called by the standard library's own methods alone, and those are never reached
        home = next(base for base in cls.__mro__ if attribute in vars(base))
        if callable(vars(home)[attribute]) or isinstance(vars(home)[attribute], property):
            assert home.__module__.startswith("hasten.threading"), f"{name}.{attribute} comes from {home}"


@pytest.mark.parametrize("name", ["Thread", "Timer", "Event"])
def test_names_of_classes(name):
    cls = getattr(ours, name)
    assert (cls.__module__, cls.__qualname__) == ("hasten.threading", name)
    assert issubclass(cls, getattr(threading, name))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_fails(impl, protocol):
    for thread in (impl.Thread(), impl.Timer(1, print)):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(thread, protocol)


def test_deep_copy_fails(impl):
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.deepcopy(impl.Thread())
