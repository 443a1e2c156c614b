"""The private attributes of the standard library's queue, for a queue on a ring: locks, semaphore, buffer,
condition.

They are made at first access.  The locks exclude each other between processes, but not get() and put(), which
use the ring's own; a lock whose holder has died is free.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

LONGEST_NAP = 0.02  # seconds between two attempts to take a lock that is held


class lazily:
    """An attribute that is made at its first use, and can be set to something else."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, self.make(instance))


class PidLock:
    """`_rlock` or `_wlock`: a lock between processes, kept in the memory of the ring."""

    def __init__(self, ring: Any, which: int) -> None:
        self._ring = ring
        self._which = which

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock; whether that was possible within *timeout* seconds (None: no limit).  Polls."""
        deadline = None if timeout is None else time.monotonic() + timeout
        nap = 0.0005
        while not self._try():
            if not block or (deadline is not None and time.monotonic() >= deadline):
                return False
            time.sleep(nap if deadline is None else max(0.0, min(nap, deadline - time.monotonic())))
            nap = min(2 * nap, LONGEST_NAP)
        return True

    def _try(self) -> bool:
        me = os.getpid()
        if self._ring.swap_lock_holder(self._which, 0, me):
            return True
        holder = self._ring.lock_holder(self._which)
        if holder in (0, me):
            return False
        try:
            os.kill(holder, 0)
        except ProcessLookupError:
            return bool(self._ring.swap_lock_holder(self._which, holder, me))
        except PermissionError:
            pass
        return False

    def release(self) -> None:
        """Release the lock, whoever holds it.  ValueError if it is not held."""
        holder = self._ring.lock_holder(self._which)
        if not holder or not self._ring.swap_lock_holder(self._which, holder, 0):
            raise ValueError("semaphore or lock released too many times")

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


class Places:
    """`_sem` (and its `_semlock`): a semaphore whose value is the number of free places of the queue."""

    def __init__(self, queue: Any) -> None:
        self._ring = queue._ring
        self.maxvalue = queue._maxsize

    @property
    def _semlock(self) -> Places:
        return self

    def _get_value(self) -> int:
        return max(0, self.maxvalue - self._ring.count())

    get_value = _get_value

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Whether there is a free place.  Places are taken by put()."""
        return not self._is_zero()

    def release(self) -> None:
        """Nothing: places are freed by get()."""


class Tasks:
    """`_unfinished_tasks` (and its `_semlock`) of a JoinableQueue."""

    def __init__(self, queue: Any) -> None:
        self._ring = queue._ring

    @property
    def _semlock(self) -> Tasks:
        return self

    def _get_value(self) -> int:
        return int(self._ring.unfinished())

    get_value = _get_value

    def _is_zero(self) -> bool:
        return self._get_value() == 0
