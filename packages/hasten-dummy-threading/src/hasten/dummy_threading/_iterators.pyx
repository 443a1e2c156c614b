# cython: freethreading_compatible=True
"""Iterators that threads share.  The only concurrent call here is that of an iterator that calls itself."""

import functools
import itertools

from hasten._dummy_thread._locks import StrictLock
from hasten.dummy_threading._published import publish_functions, published


@published
class serialize_iterator:
    """An iterator over *iterable*.  A call during another call raises RuntimeError."""

    __slots__ = ("__weakref__", "_iterator", "_lock")

    def __init__(self, iterable):
        self._iterator = iter(iterable)
        self._lock = StrictLock()

    def __iter__(self):
        return self

    def __next__(self):
        with self._lock:
            return next(self._iterator)

    def send(self, value, /):
        """Call send() of the generator.  AttributeError if it is none."""
        with self._lock:
            return self._iterator.send(value)

    def throw(self, *args):
        """Call throw() of the generator.  AttributeError if it is none."""
        with self._lock:
            return self._iterator.throw(*args)

    def close(self):
        """Call close() of the generator.  AttributeError if it is none."""
        with self._lock:
            return self._iterator.close()


def synchronized_iterator(func):
    """Wrap a function that returns an iterator: the result is wrapped in a serialize_iterator."""

    @functools.wraps(func)
    def synchronized(*args, **kwargs):
        return serialize_iterator(func(*args, **kwargs))

    return synchronized


def concurrent_tee(iterable, n=2):
    """A tuple of *n* independent iterators over *iterable*.  ValueError for a negative *n*."""
    if n < 0:
        raise ValueError(f"n must be a non-negative integer, not {n!r}")
    return itertools.tee(iterable, n) if n else ()


publish_functions(synchronized_iterator, concurrent_tee)
