"""Large buffers in the calls and the results of pools: they arrive as those that are pickled do."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import hasten.multiprocessing

numpy = pytest.importorskip("numpy")
FORK = hasten.multiprocessing.get_context("fork")
MANY = 40


def same(value: Any) -> Any:
    return value


def changed(array: Any) -> Any:
    """What a worker may do with an argument."""
    array[...] += 1
    return array


def can_be_written_to(array: Any) -> bool:
    return array.flags.writeable


def facts(array: Any) -> Any:
    flags = array.flags
    return flags.writeable, flags.aligned, flags.c_contiguous, flags.f_contiguous, flags.owndata


@pytest.fixture(params=["Pool", "ProcessPoolExecutor"])
def call(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes a call in another process, and waits for it."""
    if request.param == "Pool":
        with FORK.Pool(2) as pool:
            yield lambda function, *args: pool.apply(function, args)
            pool.close()
            pool.join()
        return
    futures = pytest.importorskip("hasten.futures")
    with futures.ProcessPoolExecutor(2, FORK) as executor:
        yield lambda function, *args: executor.submit(function, *args).result(60)


def arrays() -> list[Any]:
    large = numpy.arange(60_000.0)
    table = large.reshape(200, 300)
    found = [large, numpy.asfortranarray(table), table.T, table[:, 2:40], large[::2], large.astype("f4")]
    found += [numpy.arange(30_000).astype(letter) for letter in "bHiqFD"]
    found += [large.astype(">f8"), numpy.zeros(9000, [("x", "i4"), ("y", "f8")]), large[:0], large[:3]]
    return found


@pytest.mark.parametrize("array", arrays(), ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays(call: Any, array: Any) -> None:
    expected = pickle.loads(pickle.dumps(array, 5))  # the protocol that knows of buffers
    got = call(same, array)
    assert type(got) is type(expected) and got.dtype == expected.dtype and got.shape == expected.shape
    assert numpy.array_equal(got, expected)
    assert facts(got)[:4] == facts(expected)[:4]
    assert call(facts, array)[:4] == facts(expected)[:4]


def test_a_worker_may_write_to_its_argument(call: Any) -> None:
    array = numpy.zeros(100_000)
    assert (call(changed, array) == 1).all()
    assert (array == 0).all()


def test_what_cannot_be_written_to(call: Any) -> None:
    array = numpy.arange(50_000)
    array.flags.writeable = False
    expected = pickle.loads(pickle.dumps(array)).flags.writeable  # as the standard library's would arrive
    assert call(same, array).flags.writeable == expected
    assert call(can_be_written_to, array) == expected


def test_several_of_several_sizes(call: Any) -> None:
    sent = [numpy.full(size, size % 7, "u1") for size in (1, 16_383, 16_384, 16_385, 70_001, 3)] * 3
    others = {"text": "x" * 20_000, "bytes": b"y" * 100_000, "buffer": bytearray(50_000)}
    got = call(same, {"some": sent, **others})
    assert len(got["some"]) == len(sent)
    assert all(numpy.array_equal(one, other) for one, other in zip(got["some"], sent))
    assert got["text"] == "x" * 20_000 and got["bytes"] == b"y" * 100_000
    assert type(got["buffer"]) is bytearray and len(got["buffer"]) == 50_000


def test_more_than_128(call: Any) -> None:
    """The first byte of what is packed tells it from a pickle, however many buffers there are."""
    sent = [numpy.full(16_384, number % 251, "u1") for number in range(300)]
    got = call(same, sent)
    assert [int(one[0]) for one in got] == [number % 251 for number in range(300)]


def test_larger_than_the_ring(call: Any) -> None:
    array = numpy.arange(8 << 20, dtype="f8")  # 64 MiB
    assert numpy.array_equal(call(same, array), array)


def test_results_are_nobody_elses(call: Any) -> None:
    got = [call(same, numpy.full(50_000, number)) for number in range(5)]
    for number, one in enumerate(got):
        assert (one == number).all()
        one[:] = -1
    assert all((one == -1).all() for one in got)


def test_more_arrays_than_there_is_room_for() -> None:
    futures = pytest.importorskip("hasten.futures")
    with futures.ProcessPoolExecutor(2, FORK) as executor:
        waiting = [executor.submit(same, numpy.full(1 << 18, number, "f4")) for number in range(MANY)]
        got = [future.result(60) for future in waiting]
    assert [(float(one.min()), float(one.max())) for one in got] == [(n, n) for n in range(MANY)]


class Own(FORK.reducer.ForkingPickler):  # type: ignore[misc,name-defined]
    """A pickler that a program puts in the place of multiprocessing's."""

    @classmethod
    def dumps(cls, obj: Any, protocol: Any = None) -> Any:
        return b"\0own" + bytes(super().dumps(obj, protocol))

    @classmethod
    def loads(cls, data: Any, **options: Any) -> Any:
        assert bytes(data[:4]) == b"\0own"
        return pickle.loads(data[4:])


def test_a_program_has_its_own_pickler(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import reduction

    monkeypatch.setattr(reduction, "ForkingPickler", Own)
    with FORK.Pool(1) as pool:
        array = numpy.arange(50_000)
        assert numpy.array_equal(pool.apply(same, (array,)), array)
        pool.close()
        pool.join()
