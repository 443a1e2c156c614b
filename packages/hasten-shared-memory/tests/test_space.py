"""A full /dev/shm is an OSError where a block is made, and never a SIGBUS where it is used.

The programs mount a /dev/shm that they alone see: a small one, or one where space abounds and need not be
taken at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")

SIZES = [4096, 64 << 10, 1 << 20, 4 << 20]

SMALL_DIRECTORY = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None)
private = 0x4000 | 0x40000
if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, private, None) or (
    libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, os.environb[b"HASTEN_TEST_TMPFS"])
):
    print("may not mount")
    sys.exit()

from hasten.shared_memory import SharedMemory

def fill():
    with open("/dev/shm/filler", "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC

def touch(block):
    block.buf[:] = b"x" * block.size
    assert block.buf[block.size - 1] == ord("x")

def end(block):
    block.close()
    block.unlink()
"""

NAMES = pytest.mark.parametrize("name", [None, "hasten-space"], ids=["random name", "chosen name"])


@pytest.fixture
def in_small_directory(python: Callable[..., str]) -> Callable[..., str]:
    def run(program: str, size: str = "16m") -> str:
        printed = python(SMALL_DIRECTORY + program, env={"HASTEN_TEST_TMPFS": f"mode=1777,size={size}"})
        if printed == "may not mount\n":
            pytest.skip("may not mount a tmpfs")
        return printed

    return run


@NAMES
@pytest.mark.parametrize("size", SIZES)
def test_no_block_where_it_is_full(
    in_small_directory: Callable[..., str], size: int, name: str | None
) -> None:
    program = f"""
fill()
for _ in range(2):
    try:
        block = SharedMemory({name!r}, create=True, size={size})
    except OSError as error:
        print(errno.errorcode[error.errno], os.listdir("/dev/shm"))
    else:
        touch(block)  # SIGBUS
os.unlink("/dev/shm/filler")
block = SharedMemory({name!r}, create=True, size={size})
touch(block)
end(block)
print(os.listdir("/dev/shm"))
"""
    assert in_small_directory(program) == "ENOSPC ['filler']\n" * 2 + "[]\n"


@NAMES
@pytest.mark.parametrize("size", SIZES)
def test_others_fill_it_before_the_block_is_used(
    in_small_directory: Callable[..., str], size: int, name: str | None
) -> None:
    """What was free when the block was made tells nothing about when it is used."""
    program = f"""
block = SharedMemory({name!r}, create=True, size={size})
fill()
other = SharedMemory(block.name)
touch(other)
touch(block)
other.close()
end(block)
print(os.listdir("/dev/shm"))
"""
    assert in_small_directory(program) == "['filler']\n"


@pytest.mark.parametrize("size", SIZES)
def test_one_page_too_few(in_small_directory: Callable[..., str], size: int) -> None:
    """A block that fails takes nothing; one that just fits has all its pages."""
    program = f"""
fill()
os.truncate("/dev/shm/filler", os.path.getsize("/dev/shm/filler") - {size} + 4096)
before = os.statvfs("/dev/shm").f_bavail
try:
    SharedMemory(create=True, size={size})
except OSError as error:
    print(errno.errorcode[error.errno], os.statvfs("/dev/shm").f_bavail == before)
os.truncate("/dev/shm/filler", os.path.getsize("/dev/shm/filler") - 4096)
block = SharedMemory(create=True, size={size})
print(os.statvfs("/dev/shm").f_bavail)
touch(block)
end(block)
"""
    assert in_small_directory(program) == "ENOSPC True\n0\n"


@pytest.mark.parametrize("size", SIZES)
def test_anonymous_blocks_take_none_of_it(in_small_directory: Callable[..., str], size: int) -> None:
    program = f"""
fill()
block = SharedMemory(anonymous=True, size={size})
touch(block)
end(block)
print(os.listdir("/dev/shm"))
"""
    assert in_small_directory(program) == "['filler']\n"


LARGE = """
MiB = 1 << 20
SHARE = 64 * MiB  # of 4 GiB that are free

def taken(block):
    return os.fstat(block._fd).st_blocks * 512
"""


@NAMES
def test_it_is_not_taken_where_it_abounds(in_small_directory: Callable[..., str], name: str | None) -> None:
    program = f"""
block = SharedMemory({name!r}, create=True, size=MiB)
print(taken(block), block.size == MiB, len(block.buf) == MiB)
touch(block)
print(taken(block) == MiB)
end(block)
"""
    assert in_small_directory(LARGE + program, "4g") == "0 True True\nTrue\n"


def test_a_large_part_of_what_is_free_is_taken(in_small_directory: Callable[..., str]) -> None:
    program = """
block = SharedMemory(create=True, size=SHARE + MiB)
print(taken(block) == block.size)
"""
    assert in_small_directory(LARGE + program, "4g") == "True\n"


@pytest.mark.parametrize("what", ["kept", "unlinked", "closed"])
def test_promises_are_a_small_part_of_what_is_free(in_small_directory: Callable[..., str], what: str) -> None:
    """Those of this process's blocks, whatever became of them; from then on it is taken."""
    program = f"""
blocks = []
for _ in range(100):
    block = SharedMemory(create=True, size=MiB)
    blocks.append((block, taken(block)))
    if {what!r} == "unlinked":
        block.unlink()
    if {what!r} == "closed":
        block.close()
without = sum(1 for _, bytes in blocks if bytes == 0)
print(without, {{bytes // MiB for _, bytes in blocks}})
"""
    assert in_small_directory(LARGE + program, "4g") == "64 {0, 1}\n"


def test_promises_to_others_count(in_small_directory: Callable[..., str]) -> None:
    """A file of any program's is as good as full."""
    program = """
with open("/dev/shm/other", "wb") as file:
    file.truncate(SHARE - 4 * MiB)
blocks = [SharedMemory(create=True, size=2 * MiB) for _ in range(4)]
print([taken(block) // MiB for block in blocks])
"""
    assert in_small_directory(LARGE + program, "4g") == "[0, 0, 2, 2]\n"
