"""The standard library's `multiprocessing.heap`: blocks of memory that a process shares with its children.

An arena is a memfd, so it does not depend on /dev/shm and its size.  Without memfds, or if a program has set
`Arena._dir_candidates`, it is a file that is unlinked at once.  A replaced `Arena.__init__`, here or in the
standard library's module, is called.
"""

from __future__ import annotations

import mmap
import multiprocessing.heap as _stdlib
import os
import sys
import tempfile
import threading
from bisect import bisect_left, insort
from collections import defaultdict
from multiprocessing import context, util
from multiprocessing.context import reduction

from hasten.multiprocessing import _registries

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BufferWrapper"]

assert_spawning = context.assert_spawning
_StdlibArena = _stdlib.Arena
__getattr__ = _registries.rest_of(__name__, _stdlib)
_theirs = _StdlibArena.__init__
_usual_folders = list(_StdlibArena._dir_candidates)


class Arena(_StdlibArena):
    """*size* bytes that can be passed to a child process: `buffer` is their mmap, `fd` the descriptor.

    fd: the descriptor of an arena that another process has made; -1 makes one.
    """

    _dir_candidates = _StdlibArena._dir_candidates

    def __init__(self, size: int, fd: int = -1) -> None:
        if _StdlibArena.__init__ is not _theirs:  # replaced by the program
            _StdlibArena.__init__(self, size, *(() if fd == -1 else (fd,)))
            return
        self.size = size
        self.fd = fd
        if fd == -1:
            self.fd = self._make(size)
            util.Finalize(self, os.close, (self.fd,))
            os.ftruncate(self.fd, size)
        self.buffer = mmap.mmap(self.fd, size)

    def _make(self, size: int) -> int:
        """A descriptor of an empty file without a name."""
        if hasattr(os, "memfd_create") and self._dir_candidates == _usual_folders and not _portable():
            try:
                return os.memfd_create("hasten.heap", os.MFD_CLOEXEC)
            except OSError:
                pass  # not supported by the kernel, or blocked by seccomp
        fd, name = tempfile.mkstemp(prefix=f"pym-{os.getpid()}-", dir=self._choose_dir(size))
        os.unlink(name)
        return fd

    def _choose_dir(self, size: int) -> str:
        """A directory with enough room, preferably in memory."""
        for folder in self._dir_candidates:
            try:
                found = os.statvfs(folder)
            except OSError:
                continue
            if found.f_frsize * found.f_bavail >= size:
                return folder
        return util.get_temp_dir()


def _portable() -> bool:
    return os.environ.get("HASTEN_PORTABLE") == "1"


def reduce_arena(a: Any) -> tuple[Any, ...]:
    """Reduce an arena while a child is started."""
    if a.fd == -1:
        raise ValueError(
            "Arena is unpicklable because forking was enabled when it was created; "
            "make it by the context of the Process that is to have it"
        )
    return rebuild_arena, (a.size, reduction.DupFd(a.fd))


def rebuild_arena(size: int, dupfd: Any) -> Arena:
    """The arena of a descriptor that the parent process has passed."""
    return Arena(size, dupfd.detach())


reduction.register(Arena, reduce_arena)


class Heap(_stdlib.Heap):
    """Allocates blocks of arenas: the smallest free block that is large enough.

    A block is (arena, start, stop), in bytes.  Adjacent free blocks are merged.  Blocks belong to the process
    that made them: after a fork the child starts with an empty heap.  Thread-safe.  free() may also be called
    by the garbage collector during malloc() or free(); it then leaves the block to the next call.
    """

    _alignment = 8
    _DISCARD_FREE_SPACE_LARGER_THAN = 4 << 20
    _DOUBLE_ARENA_SIZE_UNTIL = 4 << 20

    def __init__(self, size: int = mmap.PAGESIZE) -> None:
        self._lastpid = os.getpid()
        self._lock = threading.Lock()
        self._size = size  # of the next arena
        self._lengths: list[int] = []  # of free blocks, sorted
        self._len_to_seq: dict[int, list[Any]] = {}
        self._start_to_block: dict[Any, Any] = {}  # free blocks by (arena, start)
        self._stop_to_block: dict[Any, Any] = {}
        self._allocated_blocks: dict[Any, set[tuple[int, int]]] = defaultdict(set)
        self._arenas: list[Any] = []
        self._pending_free_blocks: list[Any] = []
        self._n_mallocs = 0
        self._n_frees = 0

    @staticmethod
    def _roundup(n: int, alignment: int) -> int:
        return -(-n // alignment) * alignment

    def malloc(self, size: int) -> Any:
        """Allocate a block of at least *size* bytes.  ValueError or OverflowError for an invalid size."""
        if size < 0:
            raise ValueError(f"Size {size} out of range")
        if size >= sys.maxsize:
            raise OverflowError(f"Size {size} too large")
        if os.getpid() != self._lastpid:
            self.__init__()  # type: ignore[misc]
        with self._lock:
            self._n_mallocs += 1
            self._free_pending_blocks()
            length = self._roundup(max(size, 1), self._alignment)
            arena, start, stop = self._malloc(length)
            if start + length < stop:
                self._add_free_block((arena, start + length, stop))
            self._allocated_blocks[arena].add((start, start + length))
            return arena, start, start + length

    def free(self, block: Any) -> None:
        """Free a block.  ValueError in a process that did not allocate it."""
        if os.getpid() != self._lastpid:
            raise ValueError(f"My pid ({os.getpid()}) is not last pid {self._lastpid}")
        self._pending_free_blocks.append(block)
        if self._lock.acquire(False):  # else malloc() or free() is running, maybe in this thread
            try:
                self._n_frees += 1
                self._free_pending_blocks()
            finally:
                self._lock.release()

    def _malloc(self, size: int) -> Any:
        """Take a block of at least *size* bytes out of the free ones."""
        place = bisect_left(self._lengths, size)
        if place == len(self._lengths):
            return self._new_arena(size)
        block = self._len_to_seq[self._lengths[place]][-1]
        self._absorb(block)
        return block

    def _new_arena(self, size: int) -> Any:
        """A new arena as one block; each arena is twice as large as the previous one, up to a limit."""
        length = self._roundup(max(self._size, size), mmap.PAGESIZE)
        if self._size < self._DOUBLE_ARENA_SIZE_UNTIL:
            self._size *= 2
        util.info("allocating a new mmap of length %d", length)
        arena = Arena(length)
        self._arenas.append(arena)
        return arena, 0, length

    def _free_pending_blocks(self) -> None:
        while self._pending_free_blocks:
            block = self._pending_free_blocks.pop()
            self._add_free_block(block)
            self._remove_allocated_block(block)

    def _add_free_block(self, block: Any) -> None:
        """Add a block to the free ones, merged with its free neighbours."""
        arena, start, stop = block
        before = self._stop_to_block.get((arena, start))
        after = self._start_to_block.get((arena, stop))
        if before is not None:
            start, _ = self._absorb(before)
        if after is not None:
            _, stop = self._absorb(after)
        length, whole = stop - start, (arena, start, stop)
        if length not in self._len_to_seq:
            insort(self._lengths, length)
        self._len_to_seq.setdefault(length, []).append(whole)
        self._start_to_block[arena, start] = self._stop_to_block[arena, stop] = whole

    def _absorb(self, block: Any) -> tuple[int, int]:
        """Take a block out of the free ones; its (start, stop)."""
        arena, start, stop = block
        del self._start_to_block[arena, start], self._stop_to_block[arena, stop]
        same = self._len_to_seq[stop - start]
        same.remove(block)
        if not same:
            del self._len_to_seq[stop - start]
            self._lengths.remove(stop - start)
        return start, stop

    def _remove_allocated_block(self, block: Any) -> None:
        arena, start, stop = block
        blocks = self._allocated_blocks[arena]
        blocks.remove((start, stop))
        if not blocks:
            self._discard_arena(arena)

    def _discard_arena(self, arena: Any) -> None:
        """Free an arena without allocated blocks if it is large; small ones are kept for reuse."""
        if arena.size < self._DISCARD_FREE_SPACE_LARGER_THAN:
            return
        self._allocated_blocks.pop(arena)
        self._absorb((arena, 0, arena.size))
        self._arenas.remove(arena)


class BufferWrapper(_stdlib.BufferWrapper):
    """*size* bytes of shared memory, freed with this object; may be passed to a child process."""

    _heap = Heap()

    def __init__(self, size: int) -> None:
        heap = BufferWrapper._heap
        block = heap.malloc(size)
        self._state = (block, size)
        util.Finalize(self, heap.free, args=(block,))

    def create_memoryview(self) -> memoryview:
        """A memoryview of the bytes."""
        (arena, start, _), size = self._state
        return memoryview(arena.buffer)[start : start + size]
