"""Shared ctypes objects and the heap they lie in: one body over the standard library's and ours."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import multiprocessing.heap as stdlib_heap
import multiprocessing.sharedctypes as stdlib
import os
import pickle
import random
from types import ModuleType
from typing import Any

import pytest
from support.shared_ctypes_child import Point, change
from support.shared_state import ended, forked

from hasten.multiprocessing import heap, sharedctypes

for module in (stdlib, sharedctypes):
    module.RawArray("B", 300_000)  # from now on the heaps keep arenas of that size, and their descriptors


@pytest.fixture(params=[stdlib, sharedctypes], ids=["stdlib", "hasten"])
def impl(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture(params=[stdlib_heap, heap], ids=["stdlib", "hasten"])
def heaps(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def test_values(impl: ModuleType) -> None:
    assert impl.RawValue("i", 5).value == 5
    assert impl.RawValue(ctypes.c_double).value == 0.0
    value = impl.Value("d", 2.5)
    value.value += 1
    assert value.value == 3.5 and value.get_obj().value == 3.5
    assert type(impl.Value("i", 1, lock=False)) is ctypes.c_int
    point = impl.Value(Point, 1, 2)
    point.y = 7
    assert (point.x, point.y) == (1, 7.0)
    assert type(point).__name__ == "SynchronizedPoint"


def test_arrays(impl: ModuleType) -> None:
    array = impl.RawArray("i", range(5))
    assert list(array) == [0, 1, 2, 3, 4]
    assert list(impl.RawArray("d", 3)) == [0, 0, 0]
    shared = impl.Array("i", [1, 2, 3])
    shared[1] = 9
    shared[2:] = [7]
    assert (len(shared), shared[:], shared[0]) == (3, [1, 9, 7], 1)
    assert type(impl.Array("i", 3, lock=False)) is ctypes.c_int * 3
    text = impl.Array("c", b"hello")
    text.value = b"yes"
    assert (text.value, text.raw) == (b"yes", b"yes\0o")


def test_what_was_there_before_is_not_seen(impl: ModuleType) -> None:
    for _ in range(5):
        array = impl.RawArray("B", 5000)
        assert not any(array)
        array[:] = b"x" * 5000


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_changes_them(impl: ModuleType, method: str) -> None:
    context = multiprocessing.get_context(method)
    value, array = impl.Value("i", 3, ctx=context), impl.Array(Point, 2, ctx=context)
    string, raw = impl.Array("c", 8, ctx=context), impl.RawArray("d", 2)
    child = context.Process(target=change, args=(value, array, string, raw))
    child.start()
    child.join()
    assert child.exitcode == 0
    child.close()
    assert (value.value, array[1].x, string.value, list(raw)) == (4, 5, b"child", [1.5, 2.5])


def test_locks(impl: ModuleType) -> None:
    lock = multiprocessing.Lock()
    value = impl.Value("i", lock=lock)
    assert value.get_lock() is lock
    with value:
        assert not lock.acquire(False)
    assert value.acquire(False) and value.release() is None
    other = impl.synchronized(impl.RawValue("i"))
    with other.get_lock(), other:
        other.value = 3
    with pytest.raises(AttributeError, match="has no method 'acquire'"):
        impl.Value("i", lock=5)
    with pytest.raises(AssertionError, match="object already synchronized"):
        impl.synchronized(value)


def test_copy(impl: ModuleType) -> None:
    point = impl.RawValue(Point, 3, 4)
    other = impl.copy(point)
    point.x = 8
    assert (other.x, other.y) == (3, 4.0)


def test_bad_types(impl: ModuleType) -> None:
    for bad in ("?", 5, "ii"):
        with pytest.raises(TypeError):
            impl.RawValue(bad)
        with pytest.raises(TypeError):
            impl.RawArray(bad, 3)


def test_what_they_are() -> None:
    assert isinstance(sharedctypes.Value("i"), stdlib.Synchronized)
    assert isinstance(sharedctypes.Array("c", 3), stdlib.SynchronizedString)
    assert isinstance(sharedctypes.Array("i", 3), stdlib.SynchronizedArray)
    assert isinstance(sharedctypes.Value(Point), stdlib.SynchronizedBase)
    assert repr(sharedctypes.Value("i", 3)) == "<Synchronized wrapper for c_int(3)>"
    assert sharedctypes.typecode_to_type is stdlib.typecode_to_type
    assert memoryview(sharedctypes.Array("i", 3).get_obj()).nbytes == 12


def test_no_pickle_but_for_a_child(impl: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="inheritance"):
        pickle.dumps(impl.Value("i"))


def test_pieces_do_not_overlap_and_all_come_back(heaps: ModuleType) -> None:
    rng = random.Random(5)
    pieces: list[Any] = []
    old, heaps.BufferWrapper._heap = heaps.BufferWrapper._heap, heaps.Heap()
    try:
        for number in range(400):
            piece = heaps.BufferWrapper(int(rng.lognormvariate(0, 1) * 1000))
            view = piece.create_memoryview()
            view[:] = bytes([number % 256]) * len(view)
            pieces.append((number % 256, piece))
            if len(pieces) > 60:
                del pieces[rng.randrange(60)]
        for content, piece in pieces:
            view = piece.create_memoryview()
            assert bytes(view) == bytes([content]) * len(view)
            del view
        del piece
        pieces.clear()
        gc.collect()
        own = heaps.BufferWrapper._heap
        assert not own._pending_free_blocks and not any(own._allocated_blocks.values())
        free = [block for same in own._len_to_seq.values() for block in same]
        whole = {(id(arena), 0, arena.size) for arena in own._arenas}
        assert {(id(arena), start, stop) for arena, start, stop in free} == whole
        assert sorted(own._lengths) == sorted(own._len_to_seq)
    finally:
        heaps.BufferWrapper._heap = old


def test_bad_sizes(heaps: ModuleType) -> None:
    with pytest.raises(ValueError, match="out of range"):
        heaps.BufferWrapper(-1)
    with pytest.raises(OverflowError, match="too large"):
        heaps.BufferWrapper(1 << 63)


def test_a_child_has_pieces_of_its_own() -> None:
    first = heap.BufferWrapper(16)

    def child() -> None:
        second = heap.BufferWrapper(16)
        second.create_memoryview()[:] = b"c" * 16
        with pytest.raises(ValueError, match="last pid"):
            fresh.free(first._state[0])

    fresh = heap.Heap()
    view = first.create_memoryview()
    view[:] = b"p" * 16
    assert ended(forked(child)) == 0
    assert bytes(view) == b"p" * 16


def test_memory_without_a_name() -> None:
    arena = heap.Arena(8192)
    assert isinstance(arena, stdlib_heap.Arena) and len(arena.buffer) == arena.size == 8192
    if os.environ.get("HASTEN_PORTABLE") != "1":
        assert "memfd:" in os.readlink(f"/proc/self/fd/{arena.fd}")
    assert os.get_inheritable(arena.fd) is False


def test_a_folder_that_a_program_has_chosen(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.Arena, "_dir_candidates", ["/nowhere", str(tmp_path)])
    arena = heap.Arena(4096)
    assert str(tmp_path) in os.readlink(f"/proc/self/fd/{arena.fd}")


@pytest.mark.parametrize("module", [heap, stdlib_heap])
def test_an_arena_that_a_program_has_replaced(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmap

    def anonymous(self: Any, size: int, fd: int = -1) -> None:
        self.size, self.fd = size, fd
        self.buffer = mmap.mmap(-1, size)

    monkeypatch.setattr(module.Arena, "__init__", anonymous)
    monkeypatch.setattr(heap.BufferWrapper, "_heap", heap.Heap())
    piece = heap.BufferWrapper(100)
    (arena, _, _), _ = piece._state
    assert arena.fd == -1
    with pytest.raises(ValueError, match="unpicklable"):
        heap.reduce_arena(arena)
