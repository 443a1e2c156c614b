# cython: freethreading_compatible=True
"""Event."""

import warnings

from hasten.dummy_threading._shown cimport shown

from hasten._dummy_thread._locks import StrictLock
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._condition import Condition
from hasten.dummy_threading._published import published


@published
class Event:
    """A flag, initially false."""

    def __init__(self):
        self._cond = Condition(StrictLock())  # for programs that use this private attribute
        self._flag = False

    def is_set(self):
        """Whether the flag is true."""
        return self._flag

    def isSet(self):
        """Deprecated name of is_set()."""
        warnings.warn("isSet() is deprecated, use is_set() instead", DeprecationWarning, stacklevel=1)
        return self.is_set()

    def set(self):
        """Make the flag true."""
        self._flag = True

    def clear(self):
        """Make the flag false."""
        self._flag = False

    def wait(self, timeout=None):
        """Return True if the flag is true.

        Otherwise sleep *timeout* seconds and return the flag, which a signal handler may have set.
        RuntimeError without a timeout, because no thread could set it.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        if not self._flag:
            if timeout is None:
                raise never_ends(
                    "wait()",
                    "the event is not set",
                    "start the thread that sets it before, or pass a timeout",
                )
            sleep_out(seconds)
        return self._flag

    def _at_fork_reinit(self):
        """Reset the condition, not the flag.  For the child of a fork()."""
        self._cond._at_fork_reinit()

    def __repr__(self):
        return shown(self, "set" if self._flag else "unset")
