# cython: freethreading_compatible=True
"""Event: a flag that threads can wait for.

set() decides who goes on: every thread that sleeps at that moment, also if clear() follows at once.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waiter
from timeout cimport hs_deadline_of
from hasten.threading._condition cimport private_condition
from hasten.threading._waiting cimport EVERYBODY, release, sleep, start_anew
from hasten.threading._deprecated import deprecated


cdef class Event:
    """Event()
--

    A flag, at first false, that threads can wait for.

    Thread-safety: all methods may be called from any thread, and from signal handlers.
    """

    def __init__(self):
        """There is nothing to set."""

    def __repr__(self):
        cls = type(self)
        state = "set" if self.flag else "unset"
        return f"<{cls.__module__}.{cls.__qualname__} at {<size_t><void *>self:#x}: {state}>"

    def is_set(self):
        """Whether the flag is true."""
        return self.flag

    def isSet(self):
        """An old name of is_set()."""
        deprecated("isSet() is deprecated, use is_set() instead")
        return self.is_set()

    cdef int raise_flag(self) except -1:
        hs_mutex_lock(&self.guard)
        self.flag = True
        if self.asleep.waiting.head != NULL:
            release(&self.asleep, &self.guard, EVERYBODY)
        else:
            hs_mutex_unlock(&self.guard)
        return 0

    def set(self):
        """Make the flag true and let every thread go on that waits for it."""
        self.raise_flag()

    def clear(self):
        """Make the flag false: from now on wait() blocks."""
        hs_mutex_lock(&self.guard)
        self.flag = False
        hs_mutex_unlock(&self.guard)

    def wait(self, timeout=None):
        """Wait until the flag is true, and return True; False if *timeout* ended the wait.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        A signal handler that raises ends the wait.  ValueError for NaN.
        """
        cdef int64_t deadline
        if self.flag and timeout is None:
            return True
        deadline = hs_deadline_of(timeout)
        return self.flag or (deadline > 0 and self.wait_until(deadline))

    cdef bint wait_until(self, int64_t deadline) except -1:
        cdef hs_waiter me
        hs_mutex_lock(&self.guard)
        if self.flag:
            hs_mutex_unlock(&self.guard)
            return True
        return sleep(&self.asleep, &self.guard, &me, <void *>self, deadline)

    @property
    def _cond(self):
        """A condition, for subclasses that use the standard library's as a lock.  Nobody waits on it here."""
        self.condition = private_condition(self.condition)
        return self.condition

    def _at_fork_reinit(self):
        """Forget who waits.  For the child of a fork() only."""
        start_anew(&self.asleep, &self.guard)
        if self.condition is not None:
            self.condition._at_fork_reinit()
