"""The sinks of a Pool: AsyncResult, MapResult, and the iterators of imap().

They get each outcome by _set(index, (ok, value)), and _abandon(made, error) if only the first *made* calls
were begun and no more will be.
"""

from __future__ import annotations

import collections
import multiprocessing.pool  # noqa: F401 (in sys.modules)
import sys
import types
from multiprocessing import TimeoutError
from typing import Any

from hasten.multiprocessing._pool import _calls
from hasten.threading import Condition, Event, Lock

_stdlib = sys.modules["multiprocessing.pool"]
_job_counter = _stdlib.job_counter


class ApplyResult(_calls.Call, _stdlib.ApplyResult):  # type: ignore[name-defined]
    """The result of a call that a pool runs.  Thread-safe."""

    def __init__(self, pool: Any, callback: Any, error_callback: Any) -> None:
        self._enter(pool, callback, error_callback)

    def ready(self) -> bool:
        """Whether the call has ended.  Does not block."""
        return self._ready

    def successful(self) -> bool:
        """Whether the call has ended without an exception; ValueError if it has not ended."""
        if not self._ready:
            raise ValueError(f"{self!r} not ready")
        return self._success

    def wait(self, timeout: float | None = None) -> None:
        """Block until the call has ended, or for *timeout* seconds (None: no limit)."""
        if self._ready:
            return
        event = self._event
        if self._ready:  # it may have finished before the event was made
            event.set()
        event.wait(timeout)

    def get(self, timeout: float | None = None) -> Any:
        """Block until the call has ended; its result, or raise its exception.

        multiprocessing.TimeoutError after *timeout* seconds (None: no limit).
        """
        if not self._ready:
            self.wait(timeout)
            if not self._ready:
                raise TimeoutError
        if self._success:
            return self._value
        raise self._value

    def _abandon(self, made: int, error: BaseException) -> None:
        if not made:
            self._set(0, (False, error))

    __class_getitem__: Any = classmethod(types.GenericAlias)


AsyncResult = ApplyResult
_calls.use_results(_job_counter, Event, ApplyResult)


class MapResult(ApplyResult, _stdlib.MapResult):  # type: ignore[name-defined]
    """The result of map_async() and starmap_async(): a list, in the order of the input."""

    def __init__(self, pool: Any, chunksize: int, length: int, callback: Any, error_callback: Any) -> None:
        ApplyResult.__init__(self, pool, callback, error_callback)
        self._success = True
        self._value: Any = [None] * length
        self._chunksize = chunksize
        self._guard = Lock()
        self._number_left = -(-length // chunksize) if chunksize > 0 else 0
        self._told = bytearray(self._number_left)  # 1 for each chunk that has ended or was abandoned
        if self._number_left == 0:
            self._ready = True
            del self._cache[self._job]

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        success, result = obj
        with self._guard:
            if success and self._success:
                self._value[i * self._chunksize : (i + 1) * self._chunksize] = result
            elif not success and self._success:  # the first exception counts
                self._success, self._value = False, result
            self._told[i] = 1
            last = self._count() == 0
        if last and not self._ready:
            self._finish()

    def _count(self) -> int:
        self._number_left = self._told.count(0)
        return self._number_left

    def _abandon(self, made: int, error: BaseException) -> None:
        with self._guard:
            if self._success:
                self._success, self._value = False, error
            self._told[made:] = b"\1" * (len(self._told) - made)
            last = self._count() == 0
        if last and not self._ready:
            self._finish()


class IMapIterator(_stdlib.IMapIterator):  # type: ignore[name-defined]
    """The results of imap(), in the order of the input."""

    _source: Any = None  # the source, if it has to know of each item taken

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._cond = Condition(Lock())
        self._job = next(_job_counter)
        self._cache = pool._cache
        self._items: collections.deque[Any] = collections.deque()
        self._index = 0
        self._length: int | None = None
        self._unsorted: dict[int, Any] = {}
        self._cache[self._job] = self

    def __iter__(self) -> IMapIterator:
        return self

    def next(self, timeout: float | None = None) -> Any:
        """Block until there is a next result; the result, or raise the exception of its call.

        StopIteration after the last.  multiprocessing.TimeoutError after *timeout* seconds (None: no limit).
        Thread-safe.
        """
        while True:
            try:
                success, value = self._items.popleft()  # atomic: each item goes to one thread
                break
            except IndexError:
                pass
            if not self._ready and not self._wait(timeout):
                raise TimeoutError
            with self._cond:
                if not self._items and self._index == self._length:
                    self._pool = None
                    raise StopIteration
        source = self._source
        if source is not None and source.used_one():
            source.engine.feed(source)
        if success:
            return value
        raise value

    __next__ = next

    def _wait(self, timeout: float | None) -> bool:
        with self._cond:
            return bool(self._cond.wait_for(self._has_news, timeout))

    @property
    def _ready(self) -> bool:
        return self._has_news()

    def _has_news(self) -> bool:
        return bool(self._items) or self._index == self._length

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        with self._cond:
            if i == self._index and not self._unsorted:
                self._items.append(obj)
                self._index += 1
            else:
                self._unsorted[i] = obj
                while self._index in self._unsorted:
                    self._items.append(self._unsorted.pop(self._index))
                    self._index += 1
            self._told()

    def _set_length(self, length: int) -> None:
        with self._cond:
            self._length = length
            self._told()

    def _abandon(self, made: int, error: BaseException) -> None:
        self._set(made, (False, error))
        self._set_length(made + 1)

    def _told(self) -> None:
        if self._index == self._length:
            self._cache.pop(self._job, None)
            self._pool = None
            self._cond.notify_all()
        elif self._items:
            self._cond.notify()


class IMapUnorderedIterator(IMapIterator, _stdlib.IMapUnorderedIterator):  # type: ignore[name-defined]
    """The results of imap_unordered(), in the order of arrival."""

    def _set(self, i: int, obj: tuple[bool, Any]) -> None:
        with self._cond:
            self._items.append(obj)
            self._index += 1
            self._told()
