"""Small objects of the plain types, pickled and read without a pickler: as by the interpreter's own."""

from __future__ import annotations

import io
import math
import multiprocessing.reduction
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hasten.multiprocessing._transport import _pickler

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -1, -(2**31), -(2**31) - 1, 2**63, 2**80]),
    st.floats(),
    st.text(max_size=10),
    st.binary(max_size=10),
    st.sampled_from(["", "key", "x" * 255, "x" * 256, "\xe9" * 200, "\ud800", b"y" * 255, b"y" * 256]),
)
HASHABLE = st.one_of(ATOMS, st.tuples(ATOMS, ATOMS))
OBJECTS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        inner.map(lambda obj: (obj, obj, [obj])),
    ),
    max_leaves=20,
)


def expected(obj: Any) -> bytes:
    file = io.BytesIO()
    multiprocessing.reduction.ForkingPickler(file).dump(obj)
    return file.getvalue()


def same(one: Any, other: Any) -> bool:
    """Whether they are equal, of the same types, and share what they contain in the same way."""
    return repr(one) == repr(other) and expected(one) == expected(other)


@settings(max_examples=400, deadline=None)
@given(OBJECTS)
def test_the_bytes_are_the_same(obj: Any) -> None:
    data = _pickler.dumps(obj)
    assert data == expected(obj)
    assert same(_pickler.loads(data), pickle.loads(data))
    buffers: list[Any] = []
    assert _pickler.dumps_out_of_band(obj, buffers, 1 << 14) == pickle.dumps(obj, 5) and not buffers


@settings(max_examples=300, deadline=None)
@given(OBJECTS, st.sampled_from([4, 5]))
def test_the_objects_are_the_same(obj: Any, protocol: int) -> None:
    data = pickle.dumps(obj, protocol)
    assert same(_pickler.loads(data), pickle.loads(data))


def outcome(loads: Any, data: bytes) -> Any:
    try:
        return repr(loads(data))
    except RecursionError:
        return None
    except Exception as error:
        return type(error)


@settings(max_examples=600, deadline=None)
@given(OBJECTS, st.data())
def test_damaged_ones_are_read_as_ever(obj: Any, choice: Any) -> None:
    data = bytearray(pickle.dumps(obj, 4))
    for _ in range(choice.draw(st.integers(1, 3))):
        at = choice.draw(st.integers(0, len(data) - 1))
        data[at] = choice.draw(st.sampled_from(b"NKMJGC(t)]}aseuh.\x85\x86\x87\x88\x89\x8c\x94\x95\0\1\2"))
    whole = bytes(data)[: choice.draw(st.sampled_from([len(data), len(data), len(data) - 1]))]
    assert outcome(_pickler.loads, whole) == outcome(pickle.loads, whole)


PIECES = [
    b"N",
    b"K\1",
    b"(",
    b"t",
    b")",
    b"]",
    b"}",
    b"a",
    b"s",
    b"e",
    b"u",
    b"\x94",
    b"h\0",
    b"h\1",
    b"\x8c\1x",
]
PIECES += [b"\x85", b"\x86", b"\x87", b"G" + bytes(8), b"J\0\0\0\x80", b"C\0"]


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
@example([b"]", b"(", b"\x94", b"e"])  # nothing lies above the mark
def test_any_steps_are_read_as_ever(steps: list[bytes]) -> None:
    data = b"\x80\4" + b"".join(steps) + b"."
    if data.startswith(b"\x80\4h"):
        return
    assert outcome(_pickler.loads, data) == outcome(pickle.loads, data)


def test_what_is_met_again() -> None:
    inner: list[Any] = [1]
    text = "not in" + " one piece"
    got = _pickler.loads(_pickler.dumps((inner, inner, {text: text}, text)))
    assert got[0] is got[1] and [*got[2]][0] is got[2][text] is got[3]
    inner.append(inner)
    got = _pickler.loads(_pickler.dumps(inner))
    assert got[1] is got


@pytest.mark.parametrize("size", [1, 31, 32, 33, 200, 1000])
def test_many_in_one(size: int) -> None:
    for obj in (
        [str(n) for n in range(size)],
        tuple(range(size)),
        {n: n for n in range(size)},
        "x" * size,
        [[] for _ in range(size)],
    ):
        data = _pickler.dumps(obj)
        assert data == expected(obj) and _pickler.loads(data) == obj


@pytest.mark.parametrize("depth", [1, 5, 6, 7, 8, 40])
def test_deep_ones(depth: int) -> None:
    for kind in (
        lambda obj: (obj,),
        lambda obj: [obj, 1],
        lambda obj: {1: obj, 2: obj},
        lambda obj: (0, 1, 2, obj),
    ):
        obj: Any = None
        for _ in range(depth):
            obj = kind(obj)
        if depth > 8 and type(obj) is dict:
            continue
        data = _pickler.dumps(obj)
        assert data == expected(obj) and _pickler.loads(data) == obj


def test_subclasses_are_asked() -> None:
    for obj in (Number(3), Text("x"), Pair((1, 2)), Table(a=1), Items([1])):
        for each in (obj, (obj,), [obj], {"key": obj}):
            got = _pickler.loads(_pickler.dumps(each))
            assert got == each and _pickler.dumps(each) == expected(each)
        assert type(_pickler.loads(_pickler.dumps(obj))) is type(obj)


class Number(int):
    pass


class Text(str):
    pass


class Pair(tuple):
    pass


class Table(dict):
    pass


class Items(list):
    pass


def test_not_a_number() -> None:
    got = _pickler.loads(_pickler.dumps((math.nan, -0.0)))
    assert math.isnan(got[0]) and math.copysign(1, got[1]) == -1


def test_references_are_given_back() -> None:
    import sys

    value, key = ["value"], "a key of its own"
    counts = sys.getrefcount(value), sys.getrefcount(key)
    for _ in range(100):
        _pickler.loads(_pickler.dumps({key: (value, value, key)}))
        for data in (b"\x80\4]\x94h\0h\1.", b"\x80\4]\x94t.", b"\x80\4}]Ns."):
            with pytest.raises((pickle.UnpicklingError, TypeError)):
                _pickler.loads(data)
    assert (sys.getrefcount(value), sys.getrefcount(key)) == counts


def test_a_tuple_that_is_in_an_item_of_its_own() -> None:
    for rest in ((), (1, 2, 3)):
        inside: list[Any] = []
        whole = (inside, *rest)
        inside.append(whole)
        assert _pickler.dumps(whole) == pickle.dumps(whole)
        got = _pickler.loads(_pickler.dumps(whole))
        assert got[0][0] is got
