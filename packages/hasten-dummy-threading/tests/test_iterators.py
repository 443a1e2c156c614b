"""serialize_iterator, synchronized_iterator, concurrent_tee."""

import inspect
import itertools
import threading

import pytest

import hasten.dummy_threading as dummy


@pytest.fixture(params=[threading, dummy], ids=["stdlib", "hasten"])
def impl(request):
    if not hasattr(request.param, "concurrent_tee"):
        pytest.skip("came with 3.15")
    return request.param


def generator():
    got = yield 1
    try:
        yield got
    except ZeroDivisionError:
        yield "thrown"


def test_serialize_iterator(impl):
    iterator = impl.serialize_iterator([1, 2])
    assert iter(iterator) is iterator and list(iterator) == [1, 2] and list(iterator) == []
    with pytest.raises(TypeError):
        impl.serialize_iterator(3)


def test_generator_methods(impl):
    iterator = impl.serialize_iterator(generator())
    assert (next(iterator), iterator.send("x"), iterator.throw(ZeroDivisionError())) == (1, "x", "thrown")
    iterator.close()
    assert list(iterator) == []
    with pytest.raises(AttributeError):
        impl.serialize_iterator([1]).send(1)


def test_many_threads(impl):
    iterator, seen = impl.serialize_iterator(itertools.count()), []
    threads = [impl.Thread(target=lambda: seen.extend(itertools.islice(iterator, 10))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(50))


def test_an_iterator_that_calls_itself():
    def endless():
        yield next(iterator)

    iterator = dummy.serialize_iterator(endless())
    with pytest.raises(RuntimeError, match="would wait for ever"):
        next(iterator)


def test_synchronized_iterator(impl):
    @impl.synchronized_iterator
    def numbers(start, *, stop):
        """Some numbers."""
        yield from range(start, stop)

    iterator = numbers(1, stop=4)
    assert isinstance(iterator, impl.serialize_iterator) and list(iterator) == [1, 2, 3]
    assert numbers.__name__ == "numbers" and numbers.__doc__ == "Some numbers."
    assert str(inspect.signature(numbers)) == "(start, *, stop)"


def test_concurrent_tee(impl):
    first, second, third = impl.concurrent_tee(iter("abc"), 3)
    assert (next(first), next(first), list(second)) == ("a", "b", ["a", "b", "c"])
    again, more = impl.concurrent_tee(first)
    assert (list(again), list(more), list(third)) == (["c"], ["c"], ["a", "b", "c"])
    assert impl.concurrent_tee([], 0) == ()
    with pytest.raises(ValueError, match="n must be a non-negative integer"):
        impl.concurrent_tee([], -1)
