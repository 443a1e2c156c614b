"""numpy arrays and other buffers through queues."""

from __future__ import annotations

import copyreg
import multiprocessing
import pickle
from multiprocessing import reduction
from typing import Any

import pytest
from support.queue_peers import echo

from hasten.multiprocessing import queues

numpy = pytest.importorskip("numpy")
FORK = multiprocessing.get_context("fork")


def there_and_back(item: Any) -> Any:
    q = queues.Queue(ctx=FORK)
    q.put(item)
    return q.get()


def arrays() -> list[Any]:
    plain = numpy.arange(60.0)
    letters = "?bBhHiIlLqQefdgFDG"
    found = [numpy.arange(50).astype(letter) for letter in letters]
    table = plain.reshape(6, 10)
    found += [plain.reshape(3, 4, 5), numpy.asfortranarray(table), plain.reshape(1, 60), numpy.array(7)]
    found += [plain[::2], table.T, table[:, 2:4], numpy.empty((0, 3)), numpy.empty(0)]
    found += [plain.astype(">f8"), numpy.array(["a", "bc"]), numpy.array([1, None], object)]
    found += [numpy.arange(5).astype("M8[s]")]
    found += [numpy.zeros(3, [("x", "i4"), ("y", "f8")]), numpy.ma.masked_array([1, 2], [True, False])]
    found += [numpy.random.default_rng(1).random(n) for n in (1, 500, 2000, 10_000, 300_000)]
    return found


@pytest.mark.parametrize("array", arrays(), ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays(array: Any) -> None:
    expected = pickle.loads(pickle.dumps(array, 5))
    for got in (there_and_back(array), there_and_back([array, 1])[0]):
        assert type(got) is type(expected) and got.dtype == expected.dtype and got.shape == expected.shape
        assert numpy.array_equal(got, expected) and got.flags.c_contiguous == expected.flags.c_contiguous
        assert got.flags.f_contiguous == expected.flags.f_contiguous and got.flags.aligned
        if got.size:
            got.flat[0] = got.flat[-1]  # it can be written to


@pytest.mark.parametrize("size", [3, 3000, 300_000])
def test_an_array_that_cannot_be_written_to(size: int) -> None:
    """It arrives as by the interpreter's own pickles: writable before 3.14."""
    array = numpy.arange(float(size))
    array.flags.writeable = False
    writable = pickle.loads(pickle.dumps(array)).flags.writeable
    whole, (part, again, _) = there_and_back(array), there_and_back([array, array, array.tobytes()])
    assert part is again
    for got in (whole, part):
        assert got.flags.writeable == writable and numpy.array_equal(got, array)
    assert not array.flags.writeable
    table = numpy.asfortranarray(array[: size // 3 * 3].reshape(3, -1))
    table.flags.writeable = False
    got = there_and_back((table,))[0]
    assert numpy.array_equal(got, table) and got.flags.f_contiguous and got.flags.writeable == writable


def test_what_came_out_is_nobody_elses() -> None:
    q = queues.Queue(ctx=FORK)
    array = numpy.zeros(100_000)
    for number in range(5):
        array[:] = number
        q.put(array)
    got = [q.get() for _ in range(5)]
    for _ in range(5):
        q.put(array)
    assert [(one == number).all() for number, one in enumerate(got)] == [True] * 5


def test_read_only_and_subclasses() -> None:
    array = numpy.arange(100_000)
    array.flags.writeable = False
    assert (there_and_back(array) == array).all()
    assert type(there_and_back(numpy.arange(3).view(numpy.recarray))) is numpy.recarray
    assert type(there_and_back(numpy.float64(2))) is numpy.float64


@pytest.mark.parametrize("registry", ["forking", "copyreg"])
def test_reducers_for_arrays_are_respected(registry: str) -> None:
    if registry == "forking":
        reduction.ForkingPickler.register(numpy.ndarray, lambda array: (str, ("reduced",)))
    else:
        copyreg.pickle(numpy.ndarray, lambda array: (str, ("reduced",)))  # type: ignore[arg-type, return-value]
    try:
        assert there_and_back(numpy.arange(3)) == "reduced"
    finally:
        reduction.ForkingPickler._extra_reducers.pop(numpy.ndarray, None)
        copyreg.dispatch_table.pop(numpy.ndarray, None)
    assert (there_and_back(numpy.arange(3)) == [0, 1, 2]).all()


def test_buffers_of_one_object() -> None:
    many = [numpy.full(size, size) for size in (1, 3000, 5000, 70_000)] * 3 + [bytearray(b"x" * 50_000)]
    got = there_and_back({"all": many, "more": pickle.PickleBuffer(b"y" * 20_000) and 1})
    assert all(numpy.array_equal(one, other) for one, other in zip(got["all"], many))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_through_children(method: str) -> None:
    ctx = multiprocessing.get_context(method)
    there, back = queues.Queue(ctx=ctx), queues.Queue(ctx=ctx)
    child = ctx.Process(target=echo, args=(there, back))
    child.start()
    for size in (1, 1000, 100_000, 1_000_000):
        array = numpy.arange(size)
        there.put(array)
        assert (back.get(timeout=20) == array).all()
    there.put(None)
    child.join()
    child.close()
