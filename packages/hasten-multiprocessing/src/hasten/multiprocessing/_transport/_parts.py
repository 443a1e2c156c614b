"""What a queue on a ring shows of the standard library's parts: locks, semaphore, buffer, condition.

They are made when somebody looks for them.  Locks exclude each other in all processes, but not get() and
put(), which have their own; a lock whose holder has died is free.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

LONGEST_NAP = 0.02  # seconds between two looks at a gate that is taken


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


class Gate:
    """`_rlock` or `_wlock`: a lock between processes, kept in the memory of the ring."""

    def __init__(self, ring: Any, which: int) -> None:
        self._ring = ring
        self._which = which

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; whether that was possible in time."""
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
        if self._ring.gate(self._which, 0, me):
            return True
        keeper = self._ring.gatekeeper(self._which)
        if keeper in (0, me):
            return False
        try:
            os.kill(keeper, 0)
        except ProcessLookupError:
            return bool(self._ring.gate(self._which, keeper, me))
        except PermissionError:
            pass
        return False

    def release(self) -> None:
        """Give it back, whoever has taken it."""
        keeper = self._ring.gatekeeper(self._which)
        if not keeper or not self._ring.gate(self._which, keeper, 0):
            raise ValueError("semaphore or lock released too many times")

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


class Places:
    """`_sem` (and its `_semlock`): how many places a queue has free, as a semaphore that counts them would
    tell.
    """

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
