# cython: freethreading_compatible=True
"""Semaphore and BoundedSemaphore."""

cimport cython

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out


cdef class Semaphore:
    """Semaphore(value=1)
--

    A number that acquire() takes one from, and never below 0.

    value: the number to start with; ValueError if it is negative.
    """
    cdef public object _value

    def __init__(self, value=1):
        if value < 0:
            raise ValueError(f"semaphore initial value must be >= 0, not {value!r}")
        self._value = value

    # Real threads beside are no reason to crash: without a GIL the object in _value needs a guard.
    cdef bint take(self) except -1:
        with cython.critical_section(self):
            if self._value <= 0:
                return False
            self._value -= 1
            return True

    cdef int give(self, object n) except -1:
        with cython.critical_section(self):
            self._value += n
        return 0

    def acquire(self, blocking=True, timeout=None):
        """Take one; True if that was possible.

        If there is none: with blocking=False return False; with a timeout in seconds let that time pass, then
        try once more (a signal handler may have released one); otherwise raise RuntimeError, because
        nobody could ever release one.  ValueError for a timeout with blocking=False, and for NaN.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if self.take():
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
        return self.take()

    def release(self, n=1):
        """Add *n*.  ValueError if that is less than one."""
        if n < 1:
            raise ValueError(f"n must be one or more, not {n!r}")
        self.give(n)

    def __enter__(self):
        """Take one."""
        return self.acquire()

    def __exit__(self, exc_type, exc_value, traceback):
        """Give it back."""
        self.release()

    def _shown(self):
        return f"value={self._value}"

    def __repr__(self):
        return shown(self, self._shown())


cdef class BoundedSemaphore(Semaphore):
    """BoundedSemaphore(value=1)
--

    A semaphore of which no more can be released than were taken.
    """
    cdef public object _initial_value

    def __init__(self, value=1):
        self._initial_value = value
        Semaphore.__init__(self, value)

    def release(self, n=1):
        """Add *n*.  ValueError if that is less than one, or makes more than there were at the start."""
        if n >= 1 and self._value + n > self._initial_value:
            raise ValueError(
                f"Semaphore released too many times: {self._value} + {n} is more than {self._initial_value}"
            )
        Semaphore.release(self, n)

    def _shown(self):
        return f"value={self._value}/{self._initial_value}"
