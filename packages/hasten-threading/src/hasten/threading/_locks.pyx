# cython: freethreading_compatible=True
"""RLock(), the function that makes reentrant locks."""

import hasten._thread

from hasten.threading._published import PUBLIC

cdef object lock_class = hasten._thread.RLock


def RLock():
    """A new reentrant lock: its holder may acquire it again, and must release it as often."""
    return lock_class()


RLock.__module__ = PUBLIC
