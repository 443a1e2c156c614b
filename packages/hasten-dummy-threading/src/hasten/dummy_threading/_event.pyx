# cython: freethreading_compatible=True
"""Event."""

import warnings

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out


cdef class Event:
    """Event()
--

    A flag, at first not set.
    """
    cdef bint flag

    def __init__(self):
        self.flag = False

    def is_set(self):
        """True if the flag is set."""
        return self.flag

    def isSet(self):
        """An old name of is_set()."""
        warnings.warn("isSet() is deprecated, use is_set() instead", DeprecationWarning, stacklevel=1)
        return self.flag

    def set(self):
        """Set the flag."""
        self.flag = True

    def clear(self):
        """Set the flag back."""
        self.flag = False

    def wait(self, timeout=None):
        """Return True if the flag is set.

        Otherwise let *timeout* seconds pass and return what it is then: a signal handler may have set it.
        Without a timeout it is a RuntimeError: nobody could ever set it.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        if not self.flag:
            if timeout is None:
                raise never_ends(
                    "wait()",
                    "the event is not set",
                    "start the thread that sets it before, or pass a timeout",
                )
            sleep_out(seconds)
        return self.flag

    def _at_fork_reinit(self):
        """For the child of a fork().  The flag stays, and there is nothing else."""

    def __repr__(self):
        return shown(self, "set" if self.flag else "unset")
