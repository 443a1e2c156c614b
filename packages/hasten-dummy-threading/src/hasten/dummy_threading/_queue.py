"""A queue.SimpleQueue for patched(): the standard library's is written in C and would block."""

from collections import deque
from queue import Empty
from types import GenericAlias

from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out


class SimpleQueue:
    """An unbounded FIFO queue.  get() from an empty one raises."""

    def __init__(self):
        self._items: deque = deque()

    @classmethod
    def __class_getitem__(cls, item):
        """SimpleQueue[int] is a generic alias, for annotations."""
        return GenericAlias(cls, item)

    def put(self, item, block=True, timeout=None):
        """Put *item* into the queue; *block* and *timeout* have no effect."""
        self._items.append(item)

    put_nowait = put

    def get(self, block=True, timeout=None):
        """Remove and return the next item.

        If there is none: with block=False raise Empty; with a timeout in seconds sleep that time, and try
        once more; otherwise raise RuntimeError, because no thread can put an item meanwhile.
        """
        if block and not self._items:
            if timeout is None:
                raise never_ends(
                    "get()", "the queue is empty", "start the thread that puts before, or pass a timeout"
                )
            seconds = seconds_of(timeout)
            if seconds < 0:
                raise ValueError(f"'timeout' must be a non-negative number, not {timeout!r}")
            sleep_out(seconds)
        if not self._items:
            raise Empty
        return self._items.popleft()

    def get_nowait(self):
        """Remove and return the next item, or raise Empty."""
        return self.get(block=False)

    def qsize(self):
        """The number of items."""
        return len(self._items)

    def empty(self):
        """Whether there is no item."""
        return not self._items
