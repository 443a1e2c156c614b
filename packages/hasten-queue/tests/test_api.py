"""Names, signatures, class relations, representations, copies and pickles."""

import copy
import inspect
import pickle
import queue as stdlib
from types import GenericAlias

import pytest

import hasten.queue as ours

CLASSES = ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"]
SIGNATURES = {
    "put": "(self, item, block=True, timeout=None)",
    "get": "(self, block=True, timeout=None)",
    "put_nowait": "(self, item)",
    "get_nowait": "(self)",
    "qsize": "(self)",
    "empty": "(self)",
    "full": "(self)",
    "task_done": "(self)",
    "join": "(self, timeout=None)",
    "shutdown": "(self, immediate=False)",
    "put_many": "(self, items, block=True, timeout=None)",
    "get_many": "(self, max, block=True, timeout=None)",
    "_init": "(self, maxsize)",
    "_qsize": "(self)",
    "_put": "(self, item)",
    "_get": "(self)",
}
SIMPLE = ["put", "get", "put_nowait", "get_nowait", "qsize", "empty", "shutdown"]


def methods_of(name):
    return SIMPLE if name == "SimpleQueue" else SIGNATURES


def test_public_names():
    assert set(ours.__all__) == {*CLASSES, "Empty", "Full", "ShutDown"}
    assert set(stdlib.__all__) <= set(ours.__all__)


@pytest.mark.parametrize("name", ["Empty", "Full", "ShutDown"])
def test_exceptions_are_the_standard_librarys(name):
    if hasattr(stdlib, name):
        assert getattr(ours, name) is getattr(stdlib, name)
    else:
        assert getattr(ours, name).__mro__[1] is Exception


@pytest.mark.parametrize("name", CLASSES)
def test_names_of_classes(name):
    cls = getattr(ours, name)
    assert (cls.__module__, cls.__qualname__) == ("hasten.queue", name)
    assert cls.__doc__


@pytest.mark.parametrize("name", CLASSES[:3])
def test_instances_are_the_standard_librarys_too(name):
    assert isinstance(getattr(ours, name)(), getattr(stdlib, name))
    assert isinstance(getattr(ours, name)(), ours.Queue)


@pytest.mark.parametrize("name", CLASSES)
def test_no_method_is_the_standard_librarys(name):
    cls = getattr(ours, name)
    theirs = {attribute for base in cls.__mro__ if base.__module__ == "queue" for attribute in vars(base)}
    not_methods = {"__module__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}
    for attribute in theirs - not_methods:
        home = next(base for base in cls.__mro__ if attribute in vars(base))
        assert home.__module__.startswith("hasten.queue"), f"{name}.{attribute} comes from {home}"


@pytest.mark.parametrize("name", CLASSES)
def test_signatures(name):
    for method in methods_of(name):
        found = str(inspect.signature(getattr(getattr(ours, name), method)))
        assert found.replace(", /", "") == SIGNATURES[method], method


@pytest.mark.parametrize("name", CLASSES)
def test_keyword_arguments(name):
    q = getattr(ours, name)()
    q.put(item=1, block=True, timeout=None)
    q.put_nowait(item=2)
    assert sorted([q.get(block=True, timeout=None), q.get_nowait()]) == [1, 2]


@pytest.mark.parametrize("name", CLASSES[:3])
def test_constructor_arguments(name):
    cls = getattr(ours, name)
    assert (cls().maxsize, cls(3).maxsize, cls(maxsize=4).maxsize) == (0, 3, 4)
    with pytest.raises(TypeError):
        cls(1, 2)
    with pytest.raises(TypeError):
        cls(size=1)


def test_simple_queue_takes_no_arguments(impl):
    with pytest.raises(TypeError):
        impl.SimpleQueue(1)


@pytest.mark.parametrize("name", CLASSES)
def test_docstrings(name):
    for method in methods_of(name):
        assert getattr(getattr(ours, name), method).__doc__, method


@pytest.mark.parametrize("name", CLASSES)
def test_generic_alias(impl, name):
    cls = getattr(impl, name)
    alias = cls[int]
    assert isinstance(alias, GenericAlias)
    assert (alias.__origin__, alias.__args__) == (cls, (int,))
    assert isinstance(alias(), cls)


@pytest.mark.parametrize("name", CLASSES)
def test_repr_names_the_class(name):
    assert repr(getattr(ours, name)()).startswith(f"<hasten.queue.{name} object at 0x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", CLASSES)
def test_pickling_fails(impl, name, protocol):
    if impl is stdlib and protocol < 2:
        pytest.skip("some versions pickle a lock by these protocols")
    with pytest.raises(TypeError):
        pickle.dumps(getattr(impl, name)(), protocol)


@pytest.mark.parametrize("name", CLASSES)
def test_deep_copy_fails(impl, name):
    with pytest.raises(TypeError, match="pickle"):
        copy.deepcopy(getattr(impl, name)())


def test_simple_queue_cannot_be_copied(impl):
    with pytest.raises(TypeError, match="pickle"):
        copy.copy(impl.SimpleQueue())


def test_shallow_copy_shares_the_items(impl, kind):
    q = getattr(impl, kind)()
    q.put(1)
    twin = copy.copy(q)
    assert type(twin) is type(q)
    twin.put(2)
    assert (q.qsize(), twin.qsize()) == (2, 2)
    assert {q.get(), twin.get()} == {1, 2}
    assert q.empty() and twin.empty()


def test_attributes(impl, kind):
    q = getattr(impl, kind)(5)
    q.note = "mine"
    assert (q.maxsize, q.unfinished_tasks, q.note) == (5, 0, "mine")
    for name in ["mutex", "not_empty", "not_full", "all_tasks_done", "queue"]:
        assert hasattr(q, name)
    with pytest.raises(AttributeError):
        _ = q.missing
    del q.note
    with pytest.raises(AttributeError):
        del q.note


def test_object_setattr_works(impl, kind):
    q = getattr(impl, kind)()
    object.__setattr__(q, "note", 1)
    assert q.note == 1


def test_weak_references_and_hash(impl, kind):
    import weakref

    q = getattr(impl, kind)()
    assert weakref.ref(q)() is q
    assert q == q and q != getattr(impl, kind)()
    assert {q: 1}[q] == 1
