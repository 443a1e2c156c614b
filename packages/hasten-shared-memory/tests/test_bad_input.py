"""Arguments that are refused, each before anything was made."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any

import pytest
from support.named_blocks import exists


def listing() -> set[str]:
    return {name for name in os.listdir("/dev/shm") if name.startswith(("psm_", "hasten"))}


def test_sizes(impl: Any) -> None:
    before = listing()
    with pytest.raises(ValueError, match="'size' must be a positive integer"):
        impl.SharedMemory(create=True, size=-1)
    with pytest.raises(ValueError, match="positive number different from zero"):
        impl.SharedMemory(create=True, size=0)
    with pytest.raises(ValueError, match="positive number different from zero"):
        impl.SharedMemory(create=True)
    with pytest.raises(TypeError):
        impl.SharedMemory(create=True, size="10")
    assert listing() == before


@pytest.mark.parametrize("size", [2**70, 10.5, float("inf")], ids=str)
def test_sizes_that_are_none(ours: Any, size: Any) -> None:
    before = listing()
    with pytest.raises((TypeError, OverflowError)):
        ours.SharedMemory(create=True, size=size)
    with pytest.raises((TypeError, OverflowError)):
        ours.SharedMemory(anonymous=True, size=size)
    assert listing() == before


@pytest.mark.parametrize("exponent", [50, 62])
@pytest.mark.parametrize("options", [{"create": True}, {"anonymous": True}], ids=["named", "anonymous"])
def test_more_than_there_is(ours: Any, options: Any, exponent: int) -> None:
    before = listing()
    with pytest.raises(OSError, match="(Cannot allocate|No space|too large)"):
        ours.SharedMemory(size=2**exponent, **options)
    assert listing() == before


def test_no_name_to_attach_to(impl: Any) -> None:
    with pytest.raises(ValueError, match="'name' can only be None if create=True"):
        impl.SharedMemory()
    with pytest.raises(FileNotFoundError):
        impl.SharedMemory("hasten-absent")


def test_a_name_that_is_taken(impl: Any, block: Any) -> None:
    block.buf[0] = 1
    with pytest.raises(FileExistsError) as caught:
        impl.SharedMemory(block.name, create=True, size=10)
    assert caught.value.filename == block._name
    assert block.buf[0] == 1
    assert exists(block.name)


@pytest.mark.parametrize("create", [False, True])
def test_names(impl: Any, create: bool) -> None:
    before = listing()
    size = 10 if create else 0
    with pytest.raises(OSError):
        impl.SharedMemory("hasten/x", create, size)
    with pytest.raises(OSError):
        impl.SharedMemory("", create, size)
    with pytest.raises(OSError):
        impl.SharedMemory("..", create, size)
    with pytest.raises(OSError):
        impl.SharedMemory("h" * 300, create, size)
    with pytest.raises(TypeError):
        impl.SharedMemory(b"hasten", create, size)
    with pytest.raises(TypeError):
        impl.SharedMemory(5, create, size)
    assert listing() == before


@pytest.mark.parametrize("create", [False, True])
def test_a_name_with_nul(ours: Any, create: bool) -> None:
    """The standard library of some versions uses what is before it."""
    before = listing()
    with pytest.raises(ValueError, match="embedded null"):
        ours.SharedMemory("hasten\0x", create, 10)
    assert listing() == before


def test_the_longest_name(ours: Any, made: list[Any]) -> None:
    """Longer than what a message to the standard library's tracker may have in some versions."""
    made.append(ours.SharedMemory("hasten" + "n" * 249, create=True, size=10))
    other = ours.SharedMemory(made[0].name)
    other.close()
    with pytest.raises(OSError, match="too long"):
        ours.SharedMemory("hasten" + "n" * 250, create=True, size=10)


def test_names_that_are_not_ascii(impl: Any, made: list[Any]) -> None:
    if impl.__name__ != "hasten.shared_memory":
        pytest.skip("the tracker takes ASCII only in some versions")
    made.append(impl.SharedMemory("hasten-é\udc80", create=True, size=10))
    other = impl.SharedMemory("hasten-é\udc80")
    other.close()


def test_an_anonymous_block_has_no_name(ours: Any) -> None:
    with pytest.raises(ValueError, match="'name'"):
        ours.SharedMemory("hasten", anonymous=True, size=10)
    with pytest.raises(ValueError, match="'size'"):
        ours.SharedMemory(anonymous=True)


def test_attaching_to_an_empty_block(impl: Any) -> None:
    with open("/dev/shm/hasten-empty", "w"):
        pass
    try:
        with pytest.raises(ValueError, match="empty"):
            impl.SharedMemory("hasten-empty")
        assert exists("hasten-empty")
    finally:
        os.unlink("/dev/shm/hasten-empty")


def test_keyword_only(impl: Any) -> None:
    with pytest.raises(TypeError):
        impl.SharedMemory(None, True, 10, False, True)


def test_no_descriptor_left(ours: Any) -> None:
    """Each way to fail for want of one leaves nothing behind."""
    before = listing()
    code = (
        "import os, resource, hasten.shared_memory as m\n"
        "warm = m.SharedMemory(create=True, size=1); warm.close(); warm.unlink()\n"
        "top = max(map(int, os.listdir('/proc/self/fd')))\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (top, top))\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.dup(2))\n"
        "except OSError: pass\n"
        "for options in ({'create': True}, {'anonymous': True}):\n"
        "    try: m.SharedMemory(size=10, **options)\n"
        "    except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("24\n24\n", "")
    assert listing() == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0
