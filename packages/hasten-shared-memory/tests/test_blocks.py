"""A named block: making, attaching, closing, unlinking."""

from __future__ import annotations

import copy
import os
import pickle
import stat
from typing import Any

import pytest
from support.named_blocks import exists


def test_what_one_writes_the_other_reads(impl: Any, block: Any) -> None:
    other = impl.SharedMemory(block.name)
    other.buf[10:13] = b"abc"
    assert bytes(block.buf[9:14]) == b"\0abc\0"
    assert other.name == block.name
    assert other.size == block.size == 4096
    other.close()


def test_a_new_block_is_zeros(block: Any) -> None:
    assert bytes(block.buf) == bytes(4096)


def test_repr(impl: Any, block: Any) -> None:
    assert repr(block) == f"SharedMemory({block.name!r}, size=4096)"


def test_buf_is_a_writable_view_of_bytes(block: Any) -> None:
    view = block.buf
    assert (type(view), view.format, view.itemsize, view.readonly, view.nbytes) == (
        memoryview,
        "B",
        1,
        False,
        4096,
    )


def test_random_names_differ(impl: Any, made: list[Any]) -> None:
    made.extend(impl.SharedMemory(create=True, size=1) for _ in range(20))
    names = {block.name for block in made}
    assert len(names) == 20
    assert all(name.startswith("psm_") and len(name) == 12 for name in names)


def test_only_the_owner_may_open_it(block: Any) -> None:
    mode = os.stat(f"/dev/shm/{block.name}").st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_name_of_ones_own(impl: Any, made: list[Any]) -> None:
    name = f"hasten-test-{os.getpid()}"
    made.append(impl.SharedMemory(name, create=True, size=10))
    assert made[0].name == name
    assert made[0]._name == "/" + name
    assert exists(name)


def test_size_is_asked_of_the_block(impl: Any, block: Any) -> None:
    other = impl.SharedMemory(block.name, size=17)
    assert other.size == 4096
    other.close()


def test_positional_arguments(impl: Any, made: list[Any]) -> None:
    made.append(impl.SharedMemory(None, True, 7))
    assert made[0].size == 7


def test_closed_twice_and_unlinked_twice(impl: Any) -> None:
    block = impl.SharedMemory(create=True, size=10)
    block.close()
    block.close()
    assert block.buf is None
    block.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        block.unlink()
    assert caught.value.filename == block._name


def test_close_gives_the_descriptor_back(block: Any) -> None:
    fd = block._fd
    assert os.fstat(fd).st_size == 4096
    block.close()
    assert block._fd == -1
    with pytest.raises(OSError):
        os.fstat(fd)


def test_unlink_while_it_is_mapped(impl: Any, block: Any) -> None:
    other = impl.SharedMemory(block.name)
    block.unlink()
    assert not exists(block.name)
    other.buf[0] = 5
    assert block.buf[0] == 5
    with pytest.raises(FileNotFoundError):
        impl.SharedMemory(block.name)
    other.close()


def test_a_name_can_be_used_again_after_unlink(impl: Any, made: list[Any], block: Any) -> None:
    block.unlink()
    made.append(impl.SharedMemory(block.name, create=True, size=10))
    assert made[1].size == 10
    made[1].unlink()


def test_pickle_attaches(impl: Any, block: Any) -> None:
    block.buf[0] = 9
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        other = pickle.loads(pickle.dumps(block, protocol))
        assert (other.name, other.size, other.buf[0]) == (block.name, block.size, 9)
        other.close()
    other = copy.copy(block)
    assert other.buf[0] == 9
    other.close()


def test_pickle_names_the_public_class(ours: Any, block: Any) -> None:
    assert ours.SharedMemory.__module__ == "hasten.shared_memory"
    assert pickle.loads(pickle.dumps(ours.SharedMemory)) is ours.SharedMemory


def test_is_one_of_the_standard_librarys(ours: Any) -> None:
    from multiprocessing import shared_memory

    assert issubclass(ours.SharedMemory, shared_memory.SharedMemory)
    assert issubclass(ours.ShareableList, shared_memory.ShareableList)


def test_nothing_falls_through_to_the_standard_library(ours: Any) -> None:
    """Every function that a program can reach is one of ours."""
    from multiprocessing import shared_memory

    for name in ours.__all__:
        theirs = getattr(shared_memory, name)
        for member, value in vars(theirs).items():
            if callable(value) or isinstance(value, (property, staticmethod, classmethod)):
                found = next(vars(cls)[member] for cls in getattr(ours, name).__mro__ if member in vars(cls))
                assert found is not value, f"{name}.{member}"


def test_a_subclass_with_attributes_and_a_name_without_slash(impl: Any, made: list[Any]) -> None:
    class Mine(impl.SharedMemory):  # type: ignore[misc]
        _prepend_leading_slash = False
        _mode = 0o640

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.extra = 1

    old = os.umask(0)
    try:
        made.append(Mine("/hasten-sub", create=True, size=3))
    finally:
        os.umask(old)
    assert made[0].name == "/hasten-sub"
    assert stat.S_IMODE(os.stat("/dev/shm/hasten-sub").st_mode) == 0o640


def test_private_names(impl: Any, block: Any) -> None:
    assert block._name == "/" + block.name
    assert block._fd >= 0
    assert len(block._mmap) == 4096
    assert block._size == 4096
    assert block._mode == 0o600
    assert block._flags == os.O_CREAT | os.O_EXCL | os.O_RDWR
    assert block._prepend_leading_slash is True
    assert block._buf is block.buf
    assert impl._make_filename().startswith("/psm_")


def test_the_mapping_answers_as_mmap_does(block: Any) -> None:
    mapping = block._mmap
    mapping[:3] = b"abc"
    assert (mapping[0], mapping[:3], mapping.size(), mapping.closed) == (97, b"abc", 4096, False)


def test_attributes_that_programs_take_away(impl: Any) -> None:
    """A known way to keep close() from complaining."""
    block = impl.SharedMemory(create=True, size=10)
    block.unlink()
    view = block.buf
    block._buf = None
    block._mmap = None
    block.close()
    view[0] = 1
    del view


def test_a_replaced_make_filename(impl: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter([f"/hasten-a{os.getpid()}", f"/hasten-a{os.getpid()}", f"/hasten-b{os.getpid()}"])
    monkeypatch.setattr(impl, "_make_filename", lambda: next(names))
    made.append(impl.SharedMemory(create=True, size=1))
    made.append(impl.SharedMemory(create=True, size=1))  # the first name is taken, so it takes another one
    assert [block._name for block in made] == [f"/hasten-a{os.getpid()}", f"/hasten-b{os.getpid()}"]


def test_many_at_once(impl: Any, made: list[Any]) -> None:
    made.extend(impl.SharedMemory(create=True, size=i + 1) for i in range(200))
    for i, block in enumerate(made):
        block.buf[i] = i
    assert [block.buf[i] for i, block in enumerate(made)] == list(range(200))
