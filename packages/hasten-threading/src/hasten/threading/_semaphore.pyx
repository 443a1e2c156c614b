# cython: freethreading_compatible=True
"""Semaphore and BoundedSemaphore: a counter that does not go below zero.

Each unit that is released lets one sleeper go, but does not belong to it: whoever comes first takes it, and
who was let go and finds nothing sleeps again.  So whenever there is a unit and somebody sleeps, somebody
is awake who has yet to look.  A thread that was let go and does not look, because a signal handler raised,
lets another go in its place.
"""

from libc.stdint cimport INT64_MAX, int64_t

from cpython.object cimport PyTypeObject

from clock cimport HS_NEVER
from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from park cimport hs_waiter
from timeout cimport hs_deadline_of
from hasten.threading._condition cimport private_condition
from hasten.threading._waiting cimport release, sleep, sleepers

from operator import index


cdef int64_t UNLIMITED = INT64_MAX
cdef object ONE = 1


cdef int64_t units(value) except? -1:
    """A whole number of units.  What is too large to be counted down in a lifetime is unlimited."""
    if value is ONE:
        return 1
    if not isinstance(value, int):
        if value < 0:
            return -1
        if value == float("inf"):
            return UNLIMITED
        value = int(value) if isinstance(value, float) and value.is_integer() else index(value)
    try:
        return value
    except OverflowError:
        return -1 if value < 0 else UNLIMITED


cdef class Semaphore:
    """Semaphore(value=1)
--

    A counter of *value* units: acquire() takes one, waiting if there is none, and release() adds one.

    value: a whole number that is not negative (ValueError).
    Thread-safety: all methods may be called from any thread; release() also from signal handlers.
    """

    cdef object __weakref__
    cdef hs_mutex guard
    cdef int64_t value
    cdef int64_t limit     # what value may not exceed
    cdef sleepers asleep
    cdef object condition  # what `_cond` is, once somebody has asked for it

    def __init__(self, value=1):
        cdef int64_t count = units(value)
        if count < 0:
            raise ValueError(f"semaphore initial value must be >= 0, not {value}")
        self.value = count
        self.limit = UNLIMITED

    def __repr__(self):
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} at {<size_t><void *>self:#x}: value={self._value}>"

    cdef inline bint take_now(self) noexcept:
        cdef bint taken
        hs_mutex_lock(&self.guard)
        taken = self.value > 0
        if taken and self.value != UNLIMITED:
            self.value -= 1
        hs_mutex_unlock(&self.guard)
        return taken

    cdef bint take(self, int64_t deadline) except -1:
        cdef hs_waiter me
        cdef bint late = False
        while not self.take_now():
            if late:
                return False
            me.word = 0
            try:
                late = not self.sleep_on(&me, deadline)
            except BaseException:
                if me.word:
                    self.let_go(1)
                raise
        return True

    cdef bint sleep_on(self, hs_waiter *me, int64_t deadline) except -1:
        """Sleep unless a unit has come up in between; False if the deadline ended the sleep."""
        hs_mutex_lock(&self.guard)
        if self.value > 0:
            hs_mutex_unlock(&self.guard)
            return True
        return sleep(&self.asleep, &self.guard, me, <void *>self, deadline)

    cdef void let_go(self, Py_ssize_t most) noexcept:
        hs_mutex_lock(&self.guard)
        release(&self.asleep, &self.guard, most)

    def acquire(self, blocking=True, timeout=None):
        """Take a unit, waiting until there is one; True if this call has taken it.

        blocking: if false, do not wait.  timeout: seconds to wait at most, any real number; None waits for
        ever.  A signal handler that raises ends the wait.  ValueError for NaN, and for a timeout of an
        acquire() that does not block.
        """
        cdef int64_t deadline = HS_NEVER
        if timeout is not None:
            if not blocking:
                raise ValueError("can't specify timeout for non-blocking acquire")
            deadline = hs_deadline_of(timeout)
        if self.take_now():
            return True
        if not blocking or deadline == 0:
            return False
        return self.take(deadline)

    def __enter__(self):
        """Take a unit, waiting until there is one."""
        if self.take_now():
            return True
        return self.take(HS_NEVER)

    def release(self, n=1):
        """Add *n* units and let as many waiting threads go on.

        ValueError if n is less than 1, and if a BoundedSemaphore had more units than at first.
        """
        self.give(units(n))

    def __exit__(self, exc_type, exc_value, traceback):
        """Add one unit."""
        if releases_as_here(type(self)):
            self.give(1)
        else:
            self.release()

    cdef int give(self, int64_t count) except -1:
        if count < 1:
            raise ValueError(f"n must be one or more, not {count}")
        hs_mutex_lock(&self.guard)
        if self.value > self.limit - count and self.value != UNLIMITED:
            hs_mutex_unlock(&self.guard)
            self.refuse(count)
        if self.value != UNLIMITED:
            self.value += count
        if self.asleep.waiting.head != NULL:
            release(&self.asleep, &self.guard, count)
        else:
            hs_mutex_unlock(&self.guard)
        return 0

    cdef int refuse(self, int64_t count) except -1:
        if self.limit == UNLIMITED:
            raise OverflowError(f"{self.value} units and {count} more are too many to count")
        raise ValueError(f"Semaphore released too many times: {self.value} units and {count} more exceed "
                         f"the initial value, {self.limit}")

    @property
    def _value(self):
        """The number of units now.  Setting it lets waiting threads look again."""
        return float("inf") if self.value == UNLIMITED else self.value

    @_value.setter
    def _value(self, value):
        cdef int64_t count = units(value)
        hs_mutex_lock(&self.guard)
        self.value = count
        release(&self.asleep, &self.guard, max(count, 0))

    @property
    def _cond(self):
        """A condition, for subclasses that use the standard library's as a lock.  Nobody waits on it here."""
        self.condition = private_condition(self.condition)
        return self.condition


cdef class BoundedSemaphore(Semaphore):
    """BoundedSemaphore(value=1)
--

    A Semaphore whose counter never exceeds its initial value: a release() too many is a ValueError.
    """

    def __init__(self, value=1):
        Semaphore.__init__(self, value)
        self.limit = self.value

    def __repr__(self):
        cls = type(self)
        return (f"<{cls.__module__}.{cls.__qualname__} at {<size_t><void *>self:#x}: "
                f"value={self._value}/{self._initial_value}>")

    @property
    def _initial_value(self):
        """The number of units at first, which is the most there can be."""
        return float("inf") if self.limit == UNLIMITED else self.limit

    @_initial_value.setter
    def _initial_value(self, value):
        self.limit = units(value)


cdef object method_descriptor = type(str.join)
cdef unsigned int known_tag = 0  # the version of the class that was looked at last, and releases as here


cdef inline bint releases_as_here(cls) except -1:
    """Whether the class does not override release(), which __exit__() would have to call then."""
    global known_tag
    cdef unsigned int tag = hs_type_tag(<PyTypeObject *>cls)
    if tag != 0 and tag == known_tag:
        return True
    if type(cls.release) is not method_descriptor:  # written in Python
        return False
    known_tag = tag
    return True
