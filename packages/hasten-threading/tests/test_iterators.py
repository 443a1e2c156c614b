"""Iterators for several threads."""

import copy
import itertools
import pickle
import sys
import threading

import pytest

import hasten.threading

pytestmark = pytest.mark.ours_without("serialize_iterator")


def echo():
    try:
        while True:
            value = yield "ready"
            yield f"got {value}"
    except ValueError:
        yield "caught"
    return "the end"


def stack(iterator, spawn, threads=6):
    """What each of some threads gets from the iterator."""
    start = threading.Event()

    def consume():
        assert start.wait(30)
        return list(iterator)

    tasks = [spawn(consume) for _ in range(threads)]
    start.set()
    return [task.result() for task in tasks]


# ---- serialize_iterator ----


@pytest.fixture
def busy_generator():
    """A generator that notices when two threads are inside."""

    def generate():
        i = 0
        while i < 5000:
            yield i
            i += 1

    return generate


def test_each_value_goes_to_one_thread(impl, busy_generator, spawn):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        got = stack(impl.serialize_iterator(busy_generator()), spawn)
    finally:
        sys.setswitchinterval(interval)
    assert sorted(sum(got, [])) == list(range(5000))
    assert all(part == sorted(part) for part in got)


def test_generator_methods(impl):
    it = impl.serialize_iterator(echo())
    assert iter(it) is it
    assert next(it) == "ready"
    assert it.send("this") == "got this"
    assert it.send(None) == "ready"
    assert it.throw(ValueError) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(it)
    assert stop.value.value == "the end"
    with pytest.raises(StopIteration):
        next(it)

    it = impl.serialize_iterator(echo())
    next(it)
    assert it.close() is None
    assert list(it) == []
    with pytest.raises(KeyError):
        it.throw(KeyError("x"))


def test_no_generator(impl):
    it = impl.serialize_iterator([1, 2])
    for call in [lambda: it.send(1), lambda: it.throw(ValueError), it.close]:
        with pytest.raises(AttributeError):
            call()
    with pytest.raises(TypeError):
        it.send(value=1)
    assert list(it) == [1, 2]


def test_not_iterable(impl):
    with pytest.raises(TypeError, match="not iterable"):
        impl.serialize_iterator(1)
    with pytest.raises(TypeError):
        impl.serialize_iterator()


class Watchful:
    """An iterator that looks whether the lock is held."""

    lock = None

    def __iter__(self):
        return self

    def __next__(self):
        return self.check()

    def check(self, *args):
        assert self.lock.locked()
        return args

    send = throw = close = check


def test_the_lock_is_held(impl):
    it = impl.serialize_iterator([])
    it._iterator = watchful = Watchful()
    watchful.lock = it._lock
    assert next(it) == ()
    assert it.send(1) == (1,)
    assert it.throw(ValueError, 2) == (ValueError, 2)
    assert it.close() == ()
    assert not it._lock.locked()


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock, hasten.threading.Lock])
def test_a_lock_of_the_users(impl, make):
    class Logging:
        def __init__(self):
            self.inner, self.log = make(), []

        def acquire(self):
            self.log.append("acquire")
            return self.inner.acquire()

        def release(self):
            self.log.append("release")
            self.inner.release()

        def __enter__(self):
            return self.acquire()

        def __exit__(self, *error):
            self.release()

    it = impl.serialize_iterator("ab")
    it._lock = lock = Logging()
    assert list(it) == ["a", "b"]
    assert lock.log == ["acquire", "release"] * 3
    it._lock = make()
    assert list(it) == []


def test_the_lock_is_released_on_errors(impl):
    def fail():
        yield 1
        raise LookupError

    it = impl.serialize_iterator(fail())
    assert next(it) == 1
    with pytest.raises(LookupError):
        next(it)
    assert not it._lock.locked()
    with pytest.raises(StopIteration):
        next(it)


def test_who_comes_second_waits(impl, spawn):
    inside, go = threading.Event(), threading.Event()

    def slow():
        inside.set()
        assert go.wait(30)
        yield 1
        yield 2

    it = impl.serialize_iterator(slow())
    first = spawn(next, it)
    assert inside.wait(30)
    second = spawn(next, it).settle()
    assert second.is_alive()
    go.set()
    assert [first.result(), second.result()] == [1, 2]


def test_copies_share_all(impl):
    it = impl.serialize_iterator("abcd")
    other = copy.copy(it)
    assert type(other) is type(it)
    assert other._lock is it._lock
    assert [next(it), next(other), next(it), next(other)] == list("abcd")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickles(impl, protocol):
    for it in [impl.serialize_iterator("abcd"), *impl.concurrent_tee("abcd")]:
        with pytest.raises(TypeError):
            pickle.dumps(it, protocol)


def test_subclass(impl):
    class Doubled(impl.serialize_iterator):
        def __next__(self):
            return 2 * super().__next__()

    assert list(Doubled([1, 2])) == [2, 4]


# ---- synchronized_iterator ----


def test_decorator(impl, spawn):
    @impl.synchronized_iterator
    def numbers(limit, *, step=1):
        """Numbers."""
        yield from range(0, limit, step)

    assert (numbers.__name__, numbers.__doc__) == ("numbers", "Numbers.")
    assert list(numbers.__wrapped__(3)) == [0, 1, 2]
    assert isinstance(numbers(1), impl.serialize_iterator)
    assert sorted(sum(stack(numbers(2000, step=2), spawn), [])) == list(range(0, 2000, 2))


def test_decorated_method(impl):
    class Box:
        items = "abc"

        @impl.synchronized_iterator
        def each(self):
            return iter(self.items)

    assert list(Box().each()) == ["a", "b", "c"]


def test_decorated_class(impl):
    assert list(itertools.islice(impl.synchronized_iterator(itertools.count)(5), 3)) == [5, 6, 7]


def test_decorated_function_without_iterator(impl):
    with pytest.raises(TypeError):
        impl.synchronized_iterator(lambda: 1)()


# ---- concurrent_tee ----


def test_tee(impl):
    a, b, c = impl.concurrent_tee(iter("abc"), 3)
    assert (next(a), next(a), next(b)) == ("a", "b", "a")
    assert (list(c), list(b), list(a)) == (["a", "b", "c"], ["b", "c"], ["c"])
    for it in (a, b, c):
        assert iter(it) is it
        with pytest.raises(StopIteration):
            next(it)


def test_number_of_tees(impl):
    assert impl.concurrent_tee("ab", 0) == ()
    assert impl.concurrent_tee(1, n=0) == ()
    assert [list(it) for it in impl.concurrent_tee("ab", 1)] == [["a", "b"]]
    assert len(impl.concurrent_tee("ab")) == 2
    with pytest.raises(ValueError, match="n must be a non-negative integer"):
        impl.concurrent_tee("ab", -1)
    for bad in [("ab", 1.5), ("ab", "1"), (1,)]:
        with pytest.raises(TypeError):
            impl.concurrent_tee(*bad)


def test_all_threads_see_all(impl, busy_generator, spawn):
    tees = impl.concurrent_tee(busy_generator(), 6)
    assert len({id(it.lock) for it in tees}) == 1
    tasks = [spawn(list, it) for it in tees]
    assert [task.result() for task in tasks] == [list(range(5000))] * 6


def test_two_threads_want_the_same_value(impl, spawn):
    inside, go = threading.Event(), threading.Event()

    def slow():
        inside.set()
        assert go.wait(30)
        yield from "abc"

    a, b = impl.concurrent_tee(slow())
    first = spawn(next, a)
    assert inside.wait(30)
    second = spawn(next, b).settle()
    go.set()
    assert (first.result(), second.result()) == ("a", "a")
    assert (list(a), list(b)) == (["b", "c"], ["b", "c"])


def test_tee_of_a_tee(impl):
    a, b = impl.concurrent_tee("abcd")
    next(a)
    c, d = impl.concurrent_tee(a)
    assert c.lock is a.lock
    assert (list(c), list(d), list(b), list(a)) == (
        ["b", "c", "d"],
        ["b", "c", "d"],
        ["a", "b", "c", "d"],
        ["b", "c", "d"],
    )


def test_copy_of_a_tee(impl):
    (a,) = impl.concurrent_tee("abc", 1)
    next(a)
    b = copy.copy(a)
    assert (list(a), list(b)) == (["b", "c"], ["b", "c"])


def test_an_error_in_the_middle(impl):
    values = iter([1, 2])

    class Failing:
        failed = False

        def __iter__(self):
            return self

        def __next__(self):
            if not self.failed:
                self.failed = True
                raise LookupError
            return next(values)

    a, b = impl.concurrent_tee(Failing())
    with pytest.raises(LookupError):
        next(a)
    assert (list(a), list(b)) == ([1, 2], [1, 2])


def test_shared_tee(impl, busy_generator, spawn):
    a, b = impl.concurrent_tee(busy_generator())
    got = stack(impl.serialize_iterator(a), spawn)
    assert sorted(sum(got, [])) == list(b) == list(range(5000))


def test_a_tee_that_threads_share_without_care(busy_generator, spawn):
    """It may give a value twice, but it gives all of them and nothing breaks."""
    a, b = hasten.threading.concurrent_tee(busy_generator())
    got = stack(a, spawn)
    assert set(sum(got, [])) == set(range(5000))
    assert list(b) == list(range(5000))


def test_a_long_backlog_is_freed(impl):
    a, b = impl.concurrent_tee(range(1_000_000))
    for _ in a:
        pass
    assert next(b) == 0
    del b
    c = next(iter(impl.concurrent_tee(range(300_000))))
    assert sum(1 for _ in c) == 300_000


def test_values_are_let_go(impl):
    class Value:
        pass

    value = Value()
    before = sys.getrefcount(value)
    a, b = impl.concurrent_tee([value] * 10)
    list(a)
    assert sys.getrefcount(value) >= before + 10
    list(b)
    del a, b
    assert sys.getrefcount(value) == before
