"""Ordinary Python classes: combined with other ones, looked at by tools, made without __init__()."""

import concurrent.futures
import copy
import functools
import inspect
import pickle
import queue as stdlib
import threading
import types
import weakref
from unittest import mock

import pytest

import hasten.queue as ours

CLASSES = ["Queue", "LifoQueue", "PriorityQueue"]
PUBLIC = ["put", "put_nowait", "get", "get_nowait", "task_done", "join", "qsize", "empty", "full"]
HOOKS = ["_init", "_qsize", "_put", "_get"]


class Slotted:
    __slots__ = ("left", "right")


class Derived(Slotted):
    __slots__ = ("more",)


OTHERS = [threading.Thread, threading.Event, concurrent.futures.Future, dict, list, Exception, OSError,
Slotted,
          Derived, threading.local]  # fmt: skip


def works(q):
    q.put(2)
    q.put_nowait(1)
    assert (q.qsize(), q.full(), q.empty(), q.maxsize) == (2, True, False, 2)
    with pytest.raises(stdlib.Full):
        q.put(3, timeout=0.001)
    assert {q.get(), q.get_nowait()} == {1, 2}
    with pytest.raises(stdlib.Empty):
        q.get(block=False)
    q.task_done()
    q.task_done()
    q.join()
    with q.mutex:
        assert not q.queue
    q.put(3)
    assert q.get(timeout=1) == 3


@pytest.mark.parametrize("queue_first", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_two_bases(impl, kind, other, queue_first):
    cls = getattr(impl, kind)
    bases = (cls, other) if queue_first else (other, cls)

    class Both(*bases):
        def __init__(self):
            other.__init__(self)
            cls.__init__(self, 2)

    both = Both()
    if other is Derived:
        both.left, both.more = 1, 2
        assert (both.left, both.more) == (1, 2) and "more" not in vars(both)
    if other is dict:
        dict.__setitem__(both, "key", 1)
        assert dict.__getitem__(both, "key") == 1
    if queue_first:
        works(both)
    cls.put(both, 1)
    assert (cls.qsize(both), cls.get(both)) == (1, 1)


def test_a_thread_that_is_a_queue(impl):
    cls = impl.Queue

    class Worker(threading.Thread, cls):
        def __init__(self):
            threading.Thread.__init__(self)
            cls.__init__(self)
            self.results = cls()

        def run(self):
            while True:
                item = self.get()
                if item == 0:
                    return
                self.results.put(item * 2)

    worker = Worker()
    worker.start()
    for item in (1, 2, 0):
        worker.put(item)
    assert {worker.results.get(timeout=20), worker.results.get(timeout=20)} == {2, 4}
    worker.join(20)  # Thread's, which comes first
    assert not worker.is_alive()


def test_hooks_and_super_of_a_combined_class(impl):
    calls = []

    class Noting(impl.Queue, dict):
        def _put(self, item):
            calls.append(item)
            super()._put(item)

        def put(self, item, block=True, timeout=None):
            return super().put(item, block, timeout)

    q = Noting()
    q.put_nowait(1)
    q._put = lambda item: calls.append(("mine", item))
    q.put(2)
    del q._put
    q.put(3)
    assert calls == [1, ("mine", 2), 3]
    assert [q.get_nowait(), q.get_nowait()] == [1, 3]


def test_hook_on_an_instance_whose_setattr_is_anothers(impl):
    class Both(Exception, impl.Queue):  # BaseException has a __setattr__ of its own
        def __init__(self):
            impl.Queue.__init__(self)

    q, calls = Both(), []
    q._put = calls.append
    q.put(1)
    assert calls == [1]


def test_setattr_of_other_bases_is_called(impl):
    class Noting:
        def __setattr__(self, name, value):
            names.append(name)
            super().__setattr__(name, value)

    class Both(impl.Queue, Noting):
        pass

    names = []
    q = Both()
    q.mine = 1
    assert q.mine == 1 and "mine" in names


# ---- what tools look at ----


@pytest.mark.parametrize("name", PUBLIC + HOOKS)
def test_methods_are_functions(kind, name):
    cls = getattr(ours, kind)
    q = cls()
    bound, function = getattr(q, name), getattr(cls, name)
    assert inspect.ismethod(bound) and bound.__self__ is q and bound.__func__ is function
    assert weakref.WeakMethod(bound)() == bound
    assert isinstance(function.__code__, types.CodeType)
    assert (function.__module__, function.__name__) == ("hasten.queue", name)
    assert function.__qualname__ == f"Queue.{name}" and function.__doc__
    wrapped = functools.wraps(function)(lambda *args: function(*args))
    assert inspect.signature(wrapped) == inspect.signature(function)


@pytest.mark.parametrize("name", [*PUBLIC, *HOOKS, "__init__"])
def test_signatures_are_equal(kind, name):
    theirs, mine = (inspect.signature(getattr(getattr(module, kind), name)) for module in (stdlib, ours))
    if name == "join":  # has a timeout
        mine = mine.replace(parameters=list(mine.parameters.values())[:-1])
    if name in HOOKS or name == "_init":  # the names of hooks' arguments are nobody's
        assert len(theirs.parameters) == len(mine.parameters)
    else:
        assert mine == theirs


@pytest.mark.parametrize("name", ["put", "put_nowait", "get", "get_nowait", "qsize", "empty"])
def test_simple_queue_is_a_type_like_the_interpreters(name):
    mine, theirs = getattr(ours.SimpleQueue, name), getattr(stdlib.SimpleQueue, name)
    assert type(mine) is type(theirs)
    assert inspect.signature(mine) == inspect.signature(theirs)


def test_autospec(kind):
    q = mock.create_autospec(getattr(ours, kind))()
    q.put(1, timeout=3)
    q.put.assert_called_once_with(1, timeout=3)
    with pytest.raises(AttributeError):
        _ = q.push


def test_replaced_methods(impl, kind):
    cls = getattr(impl, kind)
    with mock.patch.object(cls, "get", lambda self, block=True, timeout=None: "patched"):
        q = cls()
        assert (q.get(), q.get_nowait()) == ("patched", "patched")
    q = cls()
    q.put_nowait(1)
    q.put = lambda item, block=True, timeout=None: ("instance", item, block)
    assert q.put_nowait(2) == ("instance", 2, False)
    assert (q.qsize(), q.get()) == (1, 1)


def test_the_dictionary_shows_what_is_in_the_queue(impl):
    q = impl.Queue()
    q.put(1)
    q.mine = 2
    assert vars(q)["mine"] == 2
    assert repr(vars(q)["queue"]) == "deque([1])"


def test_pickled_by_its_own_state(impl, kind, monkeypatch):
    class Items(getattr(impl, kind)):
        def __getstate__(self):
            return list(self.queue)

        def __setstate__(self, items):
            self.__init__()
            for item in items:
                self.put(item)

    monkeypatch.setattr(threading, "_items_of_a_test", Items, raising=False)
    Items.__module__, Items.__qualname__ = "threading", "_items_of_a_test"
    q = Items()
    q.put(1)
    q.put(2)
    for twin in (pickle.loads(pickle.dumps(q)), copy.deepcopy(q)):
        assert {twin.get_nowait(), twin.get_nowait()} == {1, 2} and twin.empty()
    assert q.qsize() == 2


# ---- without __init__() ----

CALLS = {
    "put": (1,), "put_nowait": (1,), "get": (False,), "get_nowait": (), "task_done": (), "join": (),
    "qsize": (), "empty": (), "full": (), "_qsize": (), "_put": (1,), "_get": (),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_methods_without_init(impl, kind, name):
    cls = getattr(impl, kind)
    with pytest.raises(AttributeError):
        getattr(cls.__new__(cls), name)(*CALLS[name])


@pytest.mark.parametrize("name", ["put_many", "get_many", "shutdown"])
def test_our_methods_without_init(kind, name):
    cls = getattr(ours, kind)
    with pytest.raises(AttributeError):
        getattr(cls.__new__(cls), name)(*{"put_many": ([1],), "get_many": (1,)}.get(name, ()))


ATTRIBUTES = [
    "maxsize",
    "mutex",
    "not_empty",
    "not_full",
    "all_tasks_done",
    "queue",
    "unfinished_tasks",
    "is_shutdown",
]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_without_init(impl, kind, name):
    cls = getattr(impl, kind)
    with pytest.raises(AttributeError):
        getattr(cls.__new__(cls), name)
    q = cls.__new__(cls)
    value = {"unfinished_tasks": 3, "is_shutdown": True, "maxsize": 4}.get(name, [])
    setattr(q, name, value)
    assert getattr(q, name) == value


def test_simple_queue_without_init(impl):
    q = impl.SimpleQueue.__new__(impl.SimpleQueue)
    q.put(1)
    assert (q.get(), q.empty(), q.qsize()) == (1, True, 0)


@pytest.mark.parametrize("name", PUBLIC)
def test_methods_on_something_else(kind, name):
    for wrong in (None, 1, object(), ours.SimpleQueue()):
        with pytest.raises((AttributeError, TypeError)):
            getattr(getattr(ours, kind), name)(wrong, *CALLS[name])


def test_init_again(impl, kind):
    q = getattr(impl, kind)(1)
    q.put(1)
    q.__init__(3)
    assert (q.qsize(), q.maxsize, q.unfinished_tasks) == (0, 3, 0)
    q.put(2)
    assert q.get() == 2


def test_init_again_while_others_wait(kind, spawn):
    q = getattr(ours, kind)(1)
    waiting = spawn(lambda: q.get(timeout=0.2)).settle()
    for _ in range(1000):
        q.__init__(1)
        q.put(1)
        q.get()
    with pytest.raises(stdlib.Empty):
        waiting.result()
