# cython: freethreading_compatible=True
"""Iterators for several threads: one that all share, and copies of one for each.

serialize_iterator holds a lock around each call of the iterator it wraps.

concurrent_tee() makes iterators that walk along one chain of links, each at its own pace.  Invariant: a
link's value and successor are set once, under the shared lock, before its flag `filled`; a thread that sees
the flag reads them without the lock.
"""

cimport cython

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from lock_api cimport hs_lock_api, hs_lock_api_import, hs_lock_functions, hs_lock_functions_of

from hasten.threading._published import PUBLIC, published

cdef const hs_lock_api *lock_api = hs_lock_api_import()


cdef extern from *:
    """
    static inline int ready(int *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
    static inline void make_ready(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }
    """
    bint ready(int *flag) noexcept
    void make_ready(int *flag) noexcept


cdef object new_lock():
    return (<object>lock_api.lock)()


cdef int take(lock) except -1:
    cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, lock)
    if direct != NULL:
        direct.acquire(lock, -1)
    else:
        lock.acquire()
    return 0


cdef int give_back(lock) except -1:
    cdef const hs_lock_functions *direct = hs_lock_functions_of(lock_api, lock)
    if direct != NULL:
        direct.release(lock)
    else:
        lock.release()
    return 0


@published
class serialize_iterator:
    """An iterator that several threads may share: they take from iter(*iterable*) one at a time, by a lock.

    If that is a generator, the lock is for send(), throw() and close(), too.
    Thread-safety: all methods may be called from any thread.  The lock is not reentrant: an iterator that
    calls its own wrapper deadlocks.
    """

    __slots__ = ("__weakref__", "_iterator", "_lock")

    def __init__(self, iterable):
        self._iterator = iter(iterable)
        self._lock = new_lock()

    def __iter__(self):
        return self

    def __next__(self):
        lock = self._lock
        take(lock)
        try:
            return next(self._iterator)
        finally:
            give_back(lock)

    def send(self, value, /):
        """Send *value* into the generator; returns what it yields next.  AttributeError if it is none."""
        return in_turn(self, "send", (value,))

    def throw(self, *args):
        """Raise an exception in the generator; returns what it yields next.  AttributeError if it is none."""
        return in_turn(self, "throw", args)

    def close(self):
        """Close the generator.  AttributeError if it is none."""
        return in_turn(self, "close", ())

    def __copy__(self):
        """Another wrapper of the same iterator, with the same lock."""
        copy = type(self).__new__(type(self))
        copy._iterator = self._iterator
        copy._lock = self._lock
        return copy


cdef object in_turn(shared, str method, tuple args):
    lock = shared._lock
    take(lock)
    try:
        return getattr(shared._iterator, method)(*args)
    finally:
        give_back(lock)


@cython.final
@cython.trashcan(True)  # a chain is deallocated from one end: this limits the recursion
cdef class Link:
    """A place in the stream."""

    cdef int filled  # once set, the other two do not change
    cdef object value
    cdef Link following


cdef class concurrent_tee_iterator:
    """One of the iterators that concurrent_tee() makes.

    Thread-safety: each is for a single thread; those of one stream may be used by different threads.
    """

    cdef object __weakref__
    cdef readonly object iterator
    cdef readonly object lock
    cdef hs_mutex guard  # of `link`: threads that share this iterator may get a value twice, not a freed one
    cdef Link link

    def __init__(self, iterable):
        cdef concurrent_tee_iterator other
        if isinstance(iterable, concurrent_tee_iterator):
            other = iterable
            self.iterator, self.lock, self.link = other.iterator, other.lock, other.here()
        else:
            self.iterator, self.lock, self.link = iter(iterable), new_lock(), Link.__new__(Link)

    def __iter__(self):
        return self

    def __next__(self):
        cdef Link link = self.here()
        if not ready(&link.filled):
            self.fill(link)
        self.move_to(link.following)
        return link.value

    def __copy__(self):
        """Another iterator, from the same position on."""
        return type(self)(self)

    cdef inline Link here(self):
        cdef Link link
        hs_mutex_lock(&self.guard)
        link = self.link
        hs_mutex_unlock(&self.guard)
        return link

    cdef inline int move_to(self, Link link) except -1:
        cdef Link _before  # dropped after the guard: it may be the last reference
        hs_mutex_lock(&self.guard)
        _before = self.link
        self.link = link
        hs_mutex_unlock(&self.guard)
        return 0

    cdef int fill(self, Link link) except -1:
        """Take the next value from the iterator, unless another thread has done so."""
        take(self.lock)
        try:
            if not link.filled:
                link.value = next(self.iterator)
                link.following = Link.__new__(Link)
                make_ready(&link.filled)
        finally:
            give_back(self.lock)
        return 0


def concurrent_tee(iterable, n=2):
    """A tuple of *n* iterators for one thread each; each yields all values of *iterable*.

    n: a non-negative whole number (ValueError).  Values are kept until the slowest has taken them.  To share
    one of the iterators between threads, wrap it in serialize_iterator().
    """
    if n < 0:
        raise ValueError(f"n must be a non-negative integer, not {n}")
    if n == 0:
        return ()
    first = concurrent_tee_iterator(iterable)
    return (first, *[concurrent_tee_iterator(first) for _ in range(n - 1)])


concurrent_tee.__module__ = PUBLIC
