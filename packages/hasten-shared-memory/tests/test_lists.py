"""ShareableList: items, errors, and bytes that both sides understand."""

from __future__ import annotations

import os
import pickle
import struct
from multiprocessing import shared_memory
from types import GenericAlias
from typing import Any

import pytest

import hasten.shared_memory

MIXED = ["howdy", b"HoWdY", -273.154, 100, None, True, 42]
FAITHFUL = [
    b"a\0\0",
    b"\0",
    "x\0",
    "\u00e9\u00e8",
    "0\U00010000",
    "\u4e2d\u6587" * 9,
    b"1234567\0",
    b"",
    "",
    "\0" * 16,
]


@pytest.fixture
def items(impl: Any, made: list[Any]) -> Any:
    made.append(impl.ShareableList(MIXED))
    return made[0]


def test_items(items: Any) -> None:
    assert len(items) == 7
    assert list(items) == MIXED
    assert [items[i] for i in range(-7, 0)] == MIXED
    assert [type(item) for item in items] == [type(item) for item in MIXED]


def test_format_count_and_index(items: Any) -> None:
    assert items.format == "8s8sdqxxxxxx?xxxxxxxx?q"
    assert (items.count(42), items.count("42"), items.index(b"HoWdY")) == (1, 0, 1)
    with pytest.raises(ValueError):
        items.index(41)


def test_repr_and_alias(impl: Any, items: Any) -> None:
    assert repr(items) == f"ShareableList({MIXED!r}, name={items.shm.name!r})"
    assert isinstance(impl.ShareableList[int], GenericAlias)


def test_setting(items: Any) -> None:
    items[0], items[-1], items[3], items[4] = "less", 2.5, b"1234567", -(2**63)
    items[5] = None
    items[2] = False
    assert list(items) == ["less", b"HoWdY", False, b"1234567", -(2**63), None, 2.5]
    assert items.format == "8s8sxxxxxxx?8sqxxxxxx?xd"


def test_out_of_range(items: Any) -> None:
    for position in (7, 10**30):
        with pytest.raises(IndexError, match="^index out of range"):
            items[position]
        with pytest.raises(IndexError, match="^assignment index out of range"):
            items[position] = 1
    with pytest.raises(TypeError):
        items["0"]
    with pytest.raises(TypeError):
        items[0:2]
    assert list(items) == MIXED


@pytest.mark.parametrize("position", [-8, -9, -(10**30)])
def test_out_of_range_to_the_left(made: list[Any], position: int) -> None:
    """The standard library takes -8 of seven for the last one."""
    made.append(hasten.shared_memory.ShareableList(MIXED))
    with pytest.raises(IndexError, match="^index out of range"):
        made[0][position]
    with pytest.raises(IndexError, match="^assignment index out of range"):
        made[0][position] = 1


def test_too_long(items: Any) -> None:
    with pytest.raises(ValueError, match="exceeds available storage"):
        items[0] = "123456789"
    with pytest.raises(ValueError, match="exceeds available storage"):
        items[3] = b"123456789"
    items[0] = "12345678"
    assert list(items) == ["12345678", *MIXED[1:]]


@pytest.mark.parametrize("value", [[1], {}, 1j, object, bytearray(b"x")], ids=repr)
def test_types_that_are_not_stored(impl: Any, items: Any, value: Any) -> None:
    with pytest.raises(KeyError):
        items[0] = value
    with pytest.raises(KeyError):
        impl.ShareableList([1, value])
    assert list(items) == MIXED


def test_subclasses_of_the_types(impl: Any, items: Any) -> None:
    class Name(str):
        pass

    class Number(int):
        pass

    with pytest.raises(KeyError):
        impl.ShareableList([Name("x")])
    with pytest.raises(KeyError):
        items[0] = Number(1)
    items[0] = Name("y")
    assert items[0] == "y"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**40])
def test_ints_of_more_than_64_bits(impl: Any, made: list[Any], value: int) -> None:
    made.append(impl.ShareableList([1, "x"]))
    for position in (0, 1):
        with pytest.raises(struct.error):
            made[0][position] = value
    if impl is hasten.shared_memory:  # the standard library has changed the format by then
        assert list(made[0]) == [1, "x"]


def test_a_failing_constructor_leaves_nothing(made: list[Any]) -> None:
    for sequence in ([2**64], ["\ud800"], [1j], [b"x" * 10_000_000]):
        with pytest.raises((struct.error, UnicodeEncodeError, KeyError, ValueError)):
            hasten.shared_memory.ShareableList(sequence, name="hasten-failing")
        with pytest.raises(FileNotFoundError):
            hasten.shared_memory.SharedMemory("hasten-failing")


def test_empty_and_from_iterables(impl: Any, made: list[Any]) -> None:
    made.extend([impl.ShareableList([]), impl.ShareableList(), impl.ShareableList(range(5))])
    assert [list(items) for items in made] == [[], [], [0, 1, 2, 3, 4]]
    made.append(impl.ShareableList(made[2]))
    assert list(made[3]) == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError):
        made[0][0]


def test_a_generator(made: list[Any]) -> None:
    made.append(hasten.shared_memory.ShareableList(i * i for i in range(4)))
    assert list(made[0]) == [0, 1, 4, 9]


def test_by_name(impl: Any, items: Any) -> None:
    other = impl.ShareableList(name=items.shm.name)
    other[3] = 99
    assert items[3] == 99
    other.shm.close()


def test_pickle(impl: Any, items: Any) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        other = pickle.loads(pickle.dumps(items, protocol))
        other[3] = protocol
        assert items[3] == protocol
        other.shm.close()


def test_use_after_close(impl: Any, items: Any) -> None:
    name = items.shm.name
    items.shm.close()
    for use in (lambda: items[0], lambda: len(items), lambda: list(items), lambda: items.__setitem__(0, 1)):
        with pytest.raises(TypeError):
            use()
    other = impl.SharedMemory(name)
    other.close()


def test_close_unmaps_though_the_list_lives(made: list[Any]) -> None:
    made.append(hasten.shared_memory.ShareableList([1]))
    inode = os.fstat(made[0].shm._fd).st_ino
    made[0].shm.close()
    with open("/proc/self/maps") as maps:
        assert str(inode) not in [line.split()[4] for line in maps]


def test_values_come_back_as_they_went_in(made: list[Any]) -> None:
    made.append(hasten.shared_memory.ShareableList(FAITHFUL))
    assert list(made[0]) == FAITHFUL
    for i in range(len(FAITHFUL)):
        made[0][i] = b"\0"
    assert list(made[0]) == [b"\0"] * len(FAITHFUL)


def test_a_full_storage_that_ends_with_nul(made: list[Any]) -> None:
    made.append(hasten.shared_memory.ShareableList([1, b"x" * 3_000_000]))
    made[0][0] = b"1234567\0"
    assert made[0][0] == b"1234567\0"
    made[0][1] = b"y" * 3_000_000 + b"\0"  # seven digits, not the whole storage
    assert made[0][1][-2:] == b"y\0"
    with pytest.raises(ValueError, match="NULs"):
        made[0][1] = b"z" * 3_000_007 + b"\0"
    assert made[0][1][-2:] == b"y\0"


BOTH_WAYS = [
    pytest.param(hasten.shared_memory, shared_memory, id="hasten-stdlib"),
    pytest.param(shared_memory, hasten.shared_memory, id="stdlib-hasten"),
]
PLAIN = [*MIXED, "", b"", "a" * 100, b"b" * 8, 0, -(2**63), 2**63 - 1, 1e308, False]


@pytest.mark.parametrize("maker, reader", BOTH_WAYS)
def test_interchange_with_the_standard_library(maker: Any, reader: Any, made: list[Any]) -> None:
    made.append(maker.ShareableList(PLAIN))
    other = reader.ShareableList(name=made[0].shm.name)
    assert list(other) == PLAIN
    assert (other.format, len(other)) == (made[0].format, len(made[0]))
    for i in range(7):
        other[i] = i
        assert made[0][i] == i
        made[0][i] = chr(97 + i)
        assert other[i] == chr(97 + i)
        other[i] = bytes([i + 1]) * 8
        assert made[0][i] == bytes([i + 1]) * 8
    assert other.format == made[0].format
    other.shm.close()


def test_the_same_bytes_as_the_standard_librarys(made: list[Any]) -> None:
    made.extend([shared_memory.ShareableList(PLAIN), hasten.shared_memory.ShareableList(PLAIN)])
    assert bytes(made[0].shm.buf) == bytes(made[1].shm.buf)


def test_the_standard_library_over_our_exact_items(made: list[Any]) -> None:
    """It reads them without the NULs, and writes over them as over its own."""
    made.append(hasten.shared_memory.ShareableList([b"a\0\0", "b\0"]))
    other = shared_memory.ShareableList(name=made[0].shm.name)
    assert list(other) == [b"a", "b"]
    other[0], other[1] = b"12345678", "7654321"
    assert list(made[0]) == [b"12345678", "7654321"]
    other.shm.close()


def test_our_reading_of_what_is_no_list(made: list[Any]) -> None:
    block = hasten.shared_memory.SharedMemory(create=True, size=200)
    made.append(block)
    damaged = [
        (-1, 0),
        (10**6, 0),
        (2**62, 0),
        (1, -8, 8),
        (1, 16, 8),
        (1, 0, 10**9),
        (2, 0, 150, 8),
    ]
    for words in damaged:
        struct.pack_into(f"{len(words)}q", block.buf, 0, *words)
        with pytest.raises(ValueError, match="holds no list"):
            hasten.shared_memory.ShareableList(name=block.name)


def test_damaged_items_are_errors_and_nothing_worse(made: list[Any]) -> None:
    items = hasten.shared_memory.ShareableList(["x", 1])
    made.append(items)
    for word in (b"99s", b"9999999s", b"zz", b"\xff" * 8, b"8s!", b"8s\0x"):
        struct.pack_into("8s", items.shm.buf, items._offset_packing_formats, word)
        with pytest.raises((struct.error, UnicodeDecodeError)):
            items[0]
    items[0] = "y"
    items.shm.buf[items._offset_back_transform_codes] = 77
    with pytest.raises(KeyError):
        items[0]
    assert items[1] == 1


def test_private_names(items: Any) -> None:
    assert items._list_len == 7
    assert items._allocated_offsets == [0, 8, 16, 24, 32, 40, 48, 56]
    assert items._get_packing_format(0) == "8s"
    assert items._get_packing_format(-1) == "q"
    assert items._get_back_transform(0)(b"x\0") == "x"
    assert (items._format_size_metainfo, items._format_back_transform_codes) == ("q" * 8, "b" * 7)
    assert items._format_packing_metainfo == "8s" * 7
    start = items._offset_data_start
    assert (start, items._offset_packing_formats - start) == (72, 56)
    assert items._offset_back_transform_codes - start == 112
    assert [items._extract_recreation_code(v) for v in (1, "", b"", None)] == [0, 1, 2, 3]
    items._set_packing_format_and_transform(3, "8s", b"x")
    assert items._get_packing_format(3) == "8s"
    with pytest.raises(IndexError):
        items._get_packing_format(7)


def test_a_subclass_that_sees_each_item(impl: Any, made: list[Any]) -> None:
    class Doubled(impl.ShareableList):  # type: ignore[misc]
        def __getitem__(self, position: int) -> Any:
            return super().__getitem__(position) * 2

    made.append(Doubled([1, "a"]))
    assert list(made[0]) == [2, "aa"]
    assert (made[0].count("aa"), made[0].index(2)) == (1, 0)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 9, 300])
def test_text_with_one_odd_character_at_any_place(ours: Any, made: list[Any], length: int) -> None:
    texts = ["x" * length] + ["x" * i + "\xe9" + "x" * (length - i - 1) for i in range(length)]
    made.append(ours.ShareableList(texts))
    assert list(made[0]) == texts


def test_bytes_that_are_no_utf8(impl: Any, made: list[Any]) -> None:
    made.append(impl.ShareableList(["x" * 20]))
    block = made[0].shm
    at = bytes(block.buf).index(b"xxx")
    block.buf[at + 17] = 0xFF
    with pytest.raises(UnicodeDecodeError) as caught:
        made[0][0]
    assert (caught.value.start, caught.value.object) == (17, b"x" * 17 + b"\xff" + b"xx")
