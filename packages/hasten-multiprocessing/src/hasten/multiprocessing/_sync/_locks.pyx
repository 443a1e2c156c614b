# cython: freethreading_compatible=True
"""Lock, RLock, Semaphore and BoundedSemaphore.

As in the standard library, an object has a `_semlock`, and `acquire` and `release` are methods of that.
"""

from clock cimport HS_NEVER
from state cimport hs_state_class, hs_state_class_init, hs_state_of, hs_state_set
from hasten.multiprocessing._sync._semlock cimport COUNTED, EXCLUSIVE, RECURSIVE, new_semlock
from hasten.multiprocessing._sync._semlock cimport SemLock as State

import threading
from errno import EINVAL
from multiprocessing import context, process, synchronize
from operator import index
from os import strerror

from hasten.multiprocessing._sync._published import published

cdef hs_state_class states
cdef State probe = State.__new__(State)
hs_state_class_init(&states, "_semlock", probe, &probe.place)

cdef unsigned int MOST = 0x7fffffff


cdef inline State state_of(lock):
    return <State>hs_state_of(&states, lock)


cdef object default_context():
    return context._default_context.get_context()


cdef bint is_fork(ctx) except -1:
    return (default_context() if ctx is None else ctx).get_start_method() == "fork"


cdef int refuse_foreign(thing) except -1:
    """RuntimeError for an object of a fork context: only inherited, it cannot be sent to other children."""
    if thing._is_fork_ctx:
        raise RuntimeError(
            "A SemLock created in a fork context is being shared with a process in a spawn context. This is "
            "not supported. Please use the same context to create multiprocessing objects and Process. "
            f"({type(thing).__name__}: make it by the Process's own context, such as get_context('spawn'))"
        )
    return 0


def check_sendable(thing):
    """RuntimeError unless a child is being started that may receive *thing*."""
    context.assert_spawning(thing)
    refuse_foreign(thing)


cdef int begin(lock, State semlock, ctx) except -1:
    lock._is_fork_ctx = is_fork(ctx)
    hs_state_set(&states, lock, semlock)
    lock._make_methods()
    return 0


cdef unsigned int units(value) except? 0:
    count = index(value)
    if count > MOST:
        raise OverflowError(f"the initial value of a semaphore is {MOST} at most, not {value}")
    if count < 0:
        text = f"{strerror(EINVAL)}: the initial value of a semaphore is 0 at least, not {value}"
        raise OSError(EINVAL, text)
    return count


cdef object thread_of_process():
    name = process.current_process().name
    thread = threading.current_thread().name
    return name if thread == "MainThread" else f"{name}|{thread}"


cdef object owner(State semlock):
    """For repr(): the holder of a lock, and its recursion depth if that is known in this process."""
    if semlock.is_mine():
        return thread_of_process(), semlock.depth()
    if not semlock._is_zero():
        return "None", 0
    return "SomeOtherThread" if semlock.depth() > 0 else "SomeOtherProcess", "nonzero"


@published
class SemLock(synchronize.SemLock):
    """The base of locks and semaphores.

    The next acquire() of a lock whose holder has died takes it over; `owner_died` is then true, once.
    """

    def __init__(self, kind, value, maxvalue, *, ctx):
        begin(self, new_semlock(RECURSIVE if kind == 0 else COUNTED, units(value), units(maxvalue)), ctx)

    def _make_methods(self):
        semlock = self._semlock
        self.acquire = semlock.acquire
        self.release = semlock.release

    def __enter__(self):
        cdef State semlock = state_of(self)
        return semlock.take_now() or semlock.take(HS_NEVER)

    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None):
        state_of(self).give()

    def locked(self):
        """Whether the lock is held, or no unit of the semaphore is left.  Does not block."""
        return self._semlock._is_zero()

    @property
    def owner_died(self):
        """Whether this object has taken the lock over from a dead holder.  Reading it resets it."""
        return state_of(self).owner_died

    def __getstate__(self):
        check_sendable(self)
        return state_of(self)._state()

    def __setstate__(self, state):
        hs_state_set(&states, self, State._rebuild(*state))
        self._is_fork_ctx = False
        self._make_methods()


@published
class Lock(SemLock, synchronize.Lock):
    """A lock between processes.  Thread-safe; any process and thread may release() it.

    If the holder has died, the next acquire() takes the lock over, and `owner_died` is true once.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, *, ctx):
        begin(self, new_semlock(EXCLUSIVE, 1, 1), ctx)

    def __repr__(self):
        return f"<{type(self).__name__}(owner={owner(state_of(self))[0]})>"


@published
class RLock(SemLock, synchronize.RLock):
    """A recursive lock between processes.  Only the thread that holds it may release() it.

    If the holder has died, the next acquire() takes the lock over, and `owner_died` is true once.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, *, ctx):
        begin(self, new_semlock(RECURSIVE, 1, 1), ctx)

    def __repr__(self):
        name, depth = owner(state_of(self))
        return f"<{type(self).__name__}({name}, {depth})>"


@published
class Semaphore(SemLock, synchronize.Semaphore):
    """A counter between processes: acquire() takes a unit, release() adds one.

    value: the initial number of units.  Units held by a process that is killed are lost.  Thread-safe;
    release() may be called in signal handlers.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, value=1, *, ctx):
        begin(self, new_semlock(COUNTED, units(value), MOST), ctx)

    def get_value(self):
        """The current number of units."""
        return self._semlock._get_value()

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()})>"


@published
class BoundedSemaphore(Semaphore, synchronize.BoundedSemaphore):
    """A Semaphore that never exceeds its initial value: a release() beyond it is a ValueError."""

    def __init__(self, value=1, *, ctx):
        begin(self, new_semlock(COUNTED, units(value), units(value)), ctx)

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._semlock.maxvalue})>"
