# cython: freethreading_compatible=True
"""Semaphore and BoundedSemaphore."""

cimport cython

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._locks import StrictLock
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._condition import Condition
from hasten.dummy_threading._published import published


# Real threads beside are no reason for a wrong count: without a GIL `_value` needs a guard.
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
    """A number that acquire() takes one from, and never below 0.

    value: the number to start with; ValueError if it is negative.
    """

    def __init__(self, value=1):
        if value < 0:
            raise ValueError(f"semaphore initial value must be >= 0, not {value!r}")
        self._cond = Condition(StrictLock())  # for programs that use the standard library's
        self._value = value

    def acquire(self, blocking=True, timeout=None):
        """Take one; True if that was possible.

        If there is none: with blocking=False return False; with a timeout in seconds let that time pass, then
        try once more (a signal handler may have released one); otherwise raise RuntimeError, because
        nobody could ever release one.  ValueError for a timeout with blocking=False, and for NaN.
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
        """Add *n*.  ValueError if that is less than one."""
        check_released(n)
        give(self, n)

    def __exit__(self, t, v, tb):
        """Give back the one that was taken."""
        self.release()

    def __repr__(self):
        return shown(self, f"value={self._value}")


@published
class BoundedSemaphore(Semaphore):
    """A semaphore of which no more can be released than were taken."""

    def __init__(self, value=1):
        self._initial_value = value
        Semaphore.__init__(self, value)

    def release(self, n=1):
        """Add *n*.  ValueError if that is less than one, or makes more than there were at the start."""
        check_released(n)
        if self._value + n > self._initial_value:
            raise ValueError(
                f"Semaphore released too many times: {self._value} + {n} is more than {self._initial_value}"
            )
        give(self, n)

    def __repr__(self):
        return shown(self, f"value={self._value}/{self._initial_value}")
