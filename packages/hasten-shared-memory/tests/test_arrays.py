"""numpy arrays in shared blocks."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from support.named_blocks import exists

numpy = pytest.importorskip("numpy")


@pytest.fixture
def pair(ours: Any, made: list[Any]) -> Any:
    array, handle = ours.shared_array((3, 4), "int32")
    made.append(handle.shm)
    return array, handle


def test_an_array_of_zeros(pair: Any) -> None:
    array, handle = pair
    assert (array.shape, array.dtype, array.sum()) == ((3, 4), numpy.int32, 0)
    assert array.flags.writeable and array.flags.c_contiguous
    assert handle.array is array
    assert (handle.shape, handle.dtype) == ((3, 4), numpy.dtype("int32"))


def test_the_handle_leads_to_the_same_memory(pair: Any) -> None:
    array, handle = pair
    other = pickle.loads(pickle.dumps(handle))
    other.array[1, 2] = 77
    assert array[1, 2] == 77
    other.close()


def test_a_pickle_is_small_whatever_the_size(ours: Any, pair: Any, made: list[Any]) -> None:
    _, handle = pair
    large, other = ours.shared_array(1 << 20)
    made.append(other.shm)
    assert abs(len(pickle.dumps(other, 5)) - len(pickle.dumps(handle, 5))) < 10
    assert len(pickle.dumps(other, 5)) < 120
    assert large.nbytes == 8 << 20


def test_an_array_outlives_close_and_unlink(pair: Any) -> None:
    array, handle = pair
    part = array[1:]
    handle.close()
    handle.unlink()
    assert not exists(handle.shm.name)
    array[2, 3] = 5
    del array, pair
    assert part[1, 3] == 5
    with pytest.raises(ValueError, match="closed"):
        handle.array.sum()


def test_old_style_arrays_over_buf(ours: Any) -> None:
    """numpy#23305: such an array keeps the view it was made of, and not the memory."""
    shm = ours.SharedMemory(create=True, size=800)
    array = numpy.ndarray(100, "f8", buffer=shm.buf)
    same = numpy.frombuffer(shm.buf, "f8")
    shm.close()
    shm.unlink()
    del shm
    array[:] = 1
    assert same.sum() == 100


def test_dtypes(ours: Any, made: list[Any]) -> None:
    fields = numpy.dtype([("a", "i2"), ("b", "f8", 3)], align=True)
    for dtype in (fields, ">u4", bool, "U5", "M8[s]", numpy.complex64):
        array, handle = ours.shared_array(5, dtype)
        made.append(handle.shm)
        other = pickle.loads(pickle.dumps(handle))
        assert other.array.dtype == array.dtype == numpy.dtype(dtype)
        assert other.dtype == numpy.dtype(dtype)
        other.close()
    with pytest.raises(TypeError, match="pointers"):
        ours.shared_array(5, object)


def test_shapes(ours: Any, made: list[Any]) -> None:
    for shape in ((), 0, (2, 0), (numpy.int64(2), 3), [4]):
        array, handle = ours.shared_array(shape)
        made.append(handle.shm)
        assert array.shape == numpy.zeros(shape).shape == handle.shape
    with pytest.raises(ValueError, match="negative"):
        ours.shared_array((2, -1))
    with pytest.raises(TypeError):
        ours.shared_array("ab")


def test_named_and_anonymous(ours: Any, made: list[Any]) -> None:
    _, handle = ours.shared_array(3, name="hasten-array")
    made.append(handle.shm)
    assert repr(handle) == "ArrayHandle('hasten-array', shape=(3,), dtype='<f8')"
    with pytest.raises(FileExistsError):
        ours.shared_array(3, name="hasten-array")
    array, other = ours.shared_array(3, anonymous=True)
    array[0] = 1
    assert repr(other) == "ArrayHandle('anonymous', shape=(3,), dtype='<f8')"
    other.close()
    assert array[0] == 1


def test_more_than_there_is(ours: Any) -> None:
    with pytest.raises(OSError):
        ours.shared_array((1 << 30, 1 << 20))
    with pytest.raises(OverflowError):
        ours.shared_array((1 << 40, 1 << 40))
