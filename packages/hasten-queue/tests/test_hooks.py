"""_init, _qsize, _put and _get of subclasses, put() and get() too, defined early or patched late."""

import collections
import threading
from unittest import mock

import pytest


class Failed(Exception):
    pass


def recording(impl, kind, *names):
    """A subclass that notes the calls of the hooks *names* and passes them on."""
    calls = []
    body = {}
    for name in names:

        def hook(self, *args, name=name):
            calls.append(name)
            return getattr(super(cls, self), name)(*args)

        body[name] = hook
    cls = type("Recording", (getattr(impl, kind),), body)
    return cls, calls


@pytest.mark.parametrize("name", ["_init", "_qsize", "_put", "_get"])
def test_each_hook_alone(impl, kind, name):
    cls, calls = recording(impl, kind, name)
    q = cls(5)
    q.put(2)
    q.put_nowait(1)
    assert q.qsize() == 2
    assert {q.get(), q.get_nowait()} == {1, 2}
    assert set(calls) == {name}


def test_all_hooks(impl, kind):
    cls, calls = recording(impl, kind, "_init", "_qsize", "_put", "_get")
    q = cls()
    q.put(1)
    assert not q.empty() and not q.full()
    assert q.get() == 1
    with pytest.raises(impl.Empty):
        q.get_nowait()
    assert calls[0] == "_init"
    assert (calls.count("_init"), calls.count("_put"), calls.count("_get")) == (1, 1, 1)


def test_init_gets_maxsize(impl, kind):
    seen = []
    cls = type("Sized", (getattr(impl, kind),), {"_init": lambda self, maxsize: seen.append(maxsize)})
    cls(7)
    assert seen == [7]


@pytest.mark.parametrize("target", ["class", "base", "instance"])
@pytest.mark.parametrize("name", ["_put", "_get", "_qsize"])
def test_patched_late_and_put_back(impl, kind, target, name):
    base = type("Base", (getattr(impl, kind),), {})
    cls = type("Derived", (base,), {})
    q, calls = cls(), []
    q.put(1)
    q.put(2)
    assert q.get() in (1, 2)
    where = {"class": cls, "base": base, "instance": q}[target]
    original = getattr(q if target == "instance" else getattr(impl, kind), name)

    def hook(*args):
        calls.append(name)
        return original(*args)

    setattr(where, name, hook)
    q.put(3)
    q.get()
    assert q.qsize() == 1
    assert calls
    delattr(where, name)
    calls.clear()
    q.put(4)
    q.get()
    assert q.qsize() == 1
    assert not calls


@pytest.mark.parametrize("name", ["_put", "_get", "put", "get"])
@pytest.mark.parametrize("target", ["instance", "class"])
def test_mock_patch_object(impl, kind, name, target):
    q = type("Patched", (getattr(impl, kind),), {})()
    q.put(1)
    where = q if target == "instance" else type(q)
    with mock.patch.object(where, name, autospec=target == "class") as hook:
        q.put_nowait(2)
        q.get_nowait()
    assert hook.call_count == 1
    size = 0 if name in ("_put", "put") else 2  # the other half of the pair went on working
    assert q.qsize() == size
    q.put(3)
    assert q.qsize() == size + 1
    assert q.get() in (1, 2, 3)


def test_patched_more_often_than_a_type_has_versions(impl):
    cls = type("Patched", (impl.Queue,), {})
    q = cls()
    for i in range(1500):
        cls._put = lambda self, item, i=i: impl.Queue._put(self, item + i)
        q.put(1)
        assert q.get() == 1 + i
    del cls._put
    q.put(1)
    assert q.get() == 1


def test_metaclass_with_its_own_mro(impl):
    class Meta(type):
        def mro(cls):
            return super().mro()

    class Odd(impl.Queue, metaclass=Meta):
        pass

    q = Odd()
    q.put(1)
    Odd._get = lambda self: ("hooked", impl.Queue._get(self))
    assert q.get() == ("hooked", 1)


def test_class_of_an_instance_changed(impl):
    class First(impl.Queue):
        pass

    class Second(impl.Queue):
        def _get(self):
            return "second", super()._get()

    q = First()
    q.put(1)
    q.put(2)
    assert q.get() == 1
    q.__class__ = Second
    assert q.get() == ("second", 2)


def test_mixins_before_and_after(impl):
    class Tagging:
        def _put(self, item):
            super()._put(("tagged", item))

    class Before(Tagging, impl.Queue):
        pass

    q = Before()
    q.put(1)
    assert q.get() == ("tagged", 1)


@pytest.mark.parametrize("name", ["put", "get"])
def test_nowait_calls_the_overridden_method(impl, kind, name):
    calls = []

    class Noting(getattr(impl, kind)):
        pass

    def method(self, *args, **options):
        calls.append((args[1:] if name == "put" else args, options))
        return getattr(super(Noting, self), name)(*args, **options)

    q = Noting()
    setattr(Noting, name, method)
    q.put_nowait(1)
    assert q.get_nowait() == 1
    assert calls == [((), {"block": False})]


def test_container_of_a_set(impl):
    """The recipe of a queue that holds each item once."""

    class Unique(impl.Queue):
        def _init(self, maxsize):
            self.queue = set()

        def _put(self, item):
            self.queue.add(item)

        def _get(self):
            return self.queue.pop()

    q = Unique(2)
    for item in [1, 1, 1, 2]:
        q.put_nowait(item)
    assert (q.qsize(), q.unfinished_tasks) == (2, 4)
    with pytest.raises(impl.Full):
        q.put_nowait(3)
    assert {q.get(), q.get()} == {1, 2}
    with pytest.raises(impl.Empty):
        q.get_nowait()


def test_ordered_unique_recipe(impl):
    class Unique(impl.Queue):
        def _init(self, maxsize):
            super()._init(maxsize)
            self.seen = set()

        def _put(self, item):
            if item not in self.seen:
                self.seen.add(item)
                super()._put(item)

    q = Unique()
    for item in "abcabcd":
        q.put(item)
    assert [q.get() for _ in range(q.qsize())] == list("abcd")


def test_container_of_another_type(impl):
    class Counted(impl.Queue):
        def _init(self, maxsize):
            self.counts = collections.Counter()

        def _qsize(self):
            return sum(self.counts.values())

        def _put(self, item):
            self.counts[item] += 1

        def _get(self):
            item = min(+self.counts)
            self.counts[item] -= 1
            return item

    q = Counted(3)
    for item in "bab":
        q.put(item)
    assert q.full()
    assert [q.get() for _ in range(3)] == list("abb")
    assert q.empty()


def test_init_without_super(impl, kind):
    class Careless(getattr(impl, kind)):
        def __init__(self):
            self.name = "careless"

    q = Careless()
    with pytest.raises(AttributeError):
        q.put(2)
    q.__init__ = super(Careless, q).__init__
    q.__init__(3)
    q.put(2)
    assert (q.get(), q.maxsize, q.name) == (2, 3, "careless")


def test_init_of_its_own_that_sets_everything(impl, kind):
    """As programs do that want another kind of lock."""

    class Complete(getattr(impl, kind)):
        def __init__(self, maxsize):
            self.maxsize = maxsize
            self._init(maxsize)
            self.mutex = threading.RLock()
            self.not_empty = threading.Condition(self.mutex)
            self.not_full = threading.Condition(self.mutex)
            self.all_tasks_done = threading.Condition(self.mutex)
            self.unfinished_tasks = 0
            self.is_shutdown = False

    q = Complete(2)
    with q.mutex:  # one that can be taken again
        q.put(1)
        q.put(2)
        assert q.full()
    with pytest.raises(impl.Full):
        q.put(3, timeout=0.001)
    assert {q.get(), q.get()} == {1, 2}
    q.task_done()
    assert q.unfinished_tasks == 1


@pytest.mark.parametrize("name", ["_put", "_get", "_qsize"])
def test_hook_that_raises(impl, kind, name):
    class Failing(getattr(impl, kind)):
        fail = False

    original = getattr(Failing, name)

    def hook(self, *args):
        if self.fail:
            raise Failed
        return original(self, *args)

    setattr(Failing, name, hook)
    q = Failing(5)
    q.put(1)
    q.fail = True
    with pytest.raises(Failed):
        {"_put": lambda: q.put(2), "_get": q.get, "_qsize": q.qsize}[name]()
    q.fail = False
    assert (q.qsize(), q.unfinished_tasks) == (1, 1)
    assert q.get() == 1
    q.put(3)
    assert q.get() == 3


def test_hook_that_notifies(impl, spawn):
    """A _get that throws items away tells the putters itself."""

    class Skipping(impl.Queue):
        def _get(self):
            while True:
                item = super()._get()
                if item is not None:
                    return item
                self.not_full.notify()

    q = Skipping(3)
    for item in [None, None, 1]:
        q.put(item)
    putters = [spawn(q.put, item).settle() for item in [2, 3, 4]]
    assert q.get() == 1
    for putter in putters:
        putter.result()
    assert sorted(q.get() for _ in range(3)) == [2, 3, 4]


def test_hook_holds_the_mutex(impl, kind):
    class Checking(getattr(impl, kind)):
        def _put(self, item):
            assert self.mutex.locked()
            super()._put(item)

        def _get(self):
            assert self.mutex.locked() and self.not_empty._is_owned()
            return super()._get()

    q = Checking()
    q.put(1)
    assert not q.mutex.locked()
    assert q.get() == 1
    assert not q.mutex.locked()


def test_one_thread_in_the_hooks_at_a_time(impl, kind, spawn):
    class Exclusive(getattr(impl, kind)):
        inside = most = 0

        def note(self, call, *args):
            Exclusive.inside += 1
            Exclusive.most = max(Exclusive.most, Exclusive.inside)
            try:
                return call(*args)
            finally:
                Exclusive.inside -= 1

        def _put(self, item):
            self.note(super()._put, item)

        def _get(self):
            return self.note(super()._get)

    q = Exclusive(2)
    putters = [spawn(lambda: [q.put(i) for i in range(100)]) for _ in range(3)]
    got = [q.get(timeout=30) for _ in range(300)]
    for putter in putters:
        putter.result()
    assert sorted(got) == sorted(list(range(100)) * 3)
    assert Exclusive.most == 1


@pytest.mark.parametrize("waiting", ["before", "after"])
@pytest.mark.parametrize("name, maxsize", [("_get", 0), ("_put", 1)])
def test_hook_deleted_while_a_thread_is_in_it(impl, kind, name, maxsize, waiting, spawn):
    """Who is in the hook has looked already: nobody may take its item, or its place, past it."""
    q, inside, go = getattr(impl, kind)(maxsize), threading.Event(), threading.Event()

    def hook(*args):
        if not inside.is_set():
            inside.set()
            assert go.wait(30)
        return getattr(type(q), name)(q, *args)

    setattr(q, name, hook)
    if name == "_get":
        q.put(1)
        use, undo = q.get, lambda: q.put(2)
    else:
        use, undo = lambda: q.put(1), q.get
    first = spawn(use)
    assert inside.wait(30)
    if waiting == "before":
        second = spawn(use).settle()
    delattr(q, name)
    if waiting == "after":
        second = spawn(use).settle()
    assert second.is_alive()
    go.set()
    first.result()
    second.settle()
    assert second.is_alive() and q.qsize() == (name == "_put")
    undo()
    second.result()


def test_hooks_come_and_go_while_threads_wait(impl, spawn):
    """No wake is lost on the way from one state to the other: everybody gets an item."""
    q = impl.Queue()
    for turn in range(30):
        getters = [spawn(q.get) for _ in range(4)]
        if turn % 2:
            q._put = lambda item: type(q)._put(q, item)
        for item in range(2):
            q.put(item)
        if turn % 2:
            del q._put
        for item in range(2):
            q.put(item)
        for getter in getters:
            getter.result()


def test_maxsize_is_a_property_of_a_subclass(impl, kind):
    class Elastic(getattr(impl, kind)):
        @property
        def maxsize(self):
            return self.allowed

        @maxsize.setter
        def maxsize(self, value):
            self.allowed = value

    q = Elastic(1)
    assert q.allowed == q.maxsize == 1
    q.put(1)
    assert q.full()
    with pytest.raises(impl.Full):
        q.put(2, timeout=0.001)
    q.allowed = 2
    assert not q.full()
    q.put(2, timeout=5)
    with pytest.raises(impl.Full):
        q.put_nowait(3)
    q.allowed = 0
    q.put(3, block=False)
    assert not q.full() and q.qsize() == 3


def test_maxsize_is_an_attribute_of_a_subclass(impl, kind):
    class Small(getattr(impl, kind)):
        maxsize = 1

    q = Small()
    assert q.maxsize == 0  # what __init__() was given
    q.put(1)
    q.put_nowait(2)
    del q.__dict__["maxsize"]
    assert q.maxsize == 1 and q.full()
    with pytest.raises(impl.Full):
        q.put_nowait(3)
