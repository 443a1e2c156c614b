# cython: freethreading_compatible=True
"""Semaphore and BoundedSemaphore."""

cimport cython

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._locks import StrictLock
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._condition import Condition
from hasten.dummy_threading._published import published


# Real threads may use it, too: without a GIL `_value` needs a lock.
cdef bint take(semaphore) except -1:
    with cython.critical_section(semaphore):
        value = semaphore._value
        if value <= 0:
            return False
        semaphore._value = value - 1
        return True


cdef int give(semaphore, n) except -1:
    with cython.critical_section(semaphore):
        semaphore._value += n
    return 0


cdef int check_released(n) except -1:
    if n < 1:
        raise ValueError(f"n must be one or more, not {n!r}")
    return 0


@published
class Semaphore:
    """A counter that acquire() decrements and release() increments, and that is never below 0.

    value: the initial value; ValueError if it is negative.
    """

    def __init__(self, value=1):
        if value < 0:
            raise ValueError(f"semaphore initial value must be >= 0, not {value!r}")
        self._cond = Condition(StrictLock())  # for programs that use this private attribute
        self._value = value

    def acquire(self, blocking=True, timeout=None):
        """Take a unit; returns whether there was one.

        If there is none: with blocking=False return False; with a timeout in seconds sleep that time, and try
        once more (a signal handler may have released one); otherwise raise RuntimeError, because no
        thread could release one.  ValueError for a timeout with blocking=False, and for NaN.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if take(self):
            return True
        if not blocking:
            return False
        if timeout is None:
            raise never_ends(
                "acquire()",
                "the semaphore is at 0",
                "let the thread that releases it run before, or pass a timeout or blocking=False",
            )
        sleep_out(seconds)
        return take(self)

    __enter__ = acquire

    def release(self, n=1):
        """Add *n* units.  ValueError if that is less than one."""
        check_released(n)
        give(self, n)

    def __exit__(self, t, v, tb):
        """Add one unit."""
        self.release()

    def __repr__(self):
        return shown(self, f"value={self._value}")


@published
class BoundedSemaphore(Semaphore):
    """A Semaphore whose counter never exceeds its initial value: release() raises ValueError instead."""

    def __init__(self, value=1):
        self._initial_value = value
        Semaphore.__init__(self, value)

    def release(self, n=1):
        """Add *n* units.  ValueError if that is less than one, or exceeds the initial value."""
        check_released(n)
        if self._value + n > self._initial_value:
            raise ValueError(
                f"Semaphore released too many times: {self._value} + {n} is more than {self._initial_value}"
            )
        give(self, n)

    def __repr__(self):
        return shown(self, f"value={self._value}/{self._initial_value}")
