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
    """What comes from a fork context is not for other ones."""
    if thing._is_fork_ctx:
        raise RuntimeError(
            "A SemLock created in a fork context is being shared with a process in a spawn context. This is "
            "not supported. Please use the same context to create multiprocessing objects and Process. "
            f"({type(thing).__name__}: make it by the Process's own context, such as get_context('spawn'))"
        )
    return 0


def check_sendable(thing):
    """Raise RuntimeError unless a child is being started that may have it."""
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
    """Who has a lock, and how often as far as that is known here."""
    if semlock.is_mine():
        return thread_of_process(), semlock.depth()
    if not semlock._is_zero():
        return "None", 0
    return "SomeOtherThread" if semlock.depth() > 0 else "SomeOtherProcess", "nonzero"


@published
class SemLock(synchronize.SemLock):
    """What locks and semaphores have in common.

    A lock whose holder has ended, however, is taken over by the next acquire(); `owner_died` tells that,
    once.
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
        """Whether somebody has it, or no unit is left."""
        return self._semlock._is_zero()

    @property
    def owner_died(self):
        """Whether it was taken here from a process that had ended without giving it back.  Told once."""
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
    """A lock that processes share.  Any process and thread may release() it.

    If the process that took it has ended, the next acquire() takes it over, and `owner_died` is true once.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, *, ctx):
        begin(self, new_semlock(EXCLUSIVE, 1, 1), ctx)

    def __repr__(self):
        return f"<{type(self).__name__}(owner={owner(state_of(self))[0]})>"


@published
class RLock(SemLock, synchronize.RLock):
    """A lock that processes share, and that its thread may take again.  Only that thread may release() it.

    If the process that took it has ended, the next acquire() takes it over, and `owner_died` is true once.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, *, ctx):
        begin(self, new_semlock(RECURSIVE, 1, 1), ctx)

    def __repr__(self):
        name, depth = owner(state_of(self))
        return f"<{type(self).__name__}({name}, {depth})>"


@published
class Semaphore(SemLock, synchronize.Semaphore):
    """A counter that processes share: acquire() takes a unit, release() adds one, also in signal handlers.

    value: how many there are at first.  What a process has taken when it is killed is lost.
    ctx: the context that it belongs to; None is the default one.
    """

    def __init__(self, value=1, *, ctx):
        begin(self, new_semlock(COUNTED, units(value), MOST), ctx)

    def get_value(self):
        """The number of units now."""
        return self._semlock._get_value()

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()})>"


@published
class BoundedSemaphore(Semaphore, synchronize.BoundedSemaphore):
    """A Semaphore that never has more units than at first: a release() too many is a ValueError."""

    def __init__(self, value=1, *, ctx):
        begin(self, new_semlock(COUNTED, units(value), units(value)), ctx)

    def __repr__(self):
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._semlock.maxvalue})>"
