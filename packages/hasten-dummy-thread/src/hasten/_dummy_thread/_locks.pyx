# cython: freethreading_compatible=True
"""Locks that never block.

`lock`, which is LockType too, is lax, as `_dummy_thread`'s has always been: a blocking acquire() succeeds
even if the lock is held.  So code that waits for another thread by locking twice goes on.

`StrictLock` is the Lock of dummy_threading.  Invariant: it has one holder.  Acquiring it while it is held
fails, and raises where a real lock would wait for ever.  RLock is strict, too.
"""

cimport cython
from cpython.object cimport PyTypeObject

from compat cimport hs_type_rename
from hasten._dummy_thread._threads cimport running_ident

from hasten._dummy_thread._threads import at_thread_end
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out

cdef object FOREVER = -1  # the default timeout: compared by identity first


cdef inline double seconds_to_wait(bint blocking, object timeout) except? -1.0:
    """The arguments of acquire() as seconds to wait: 0 for not at all, -1 for ever."""
    cdef double seconds = -1.0 if timeout is FOREVER else seconds_of(timeout)
    if seconds == -1.0:
        return -1.0 if blocking else 0.0
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if seconds < 0:
        raise ValueError(f"timeout value must be a non-negative number, not {timeout!r}")
    return seconds


cdef class lock:
    """lock()
--

    A lock that never blocks: a blocking acquire() always succeeds, a non-blocking one if it is not held.

    A lock is not owned by a thread: any may release it.
    """
    cdef bint held
    cdef object __weakref__

    def __init__(self):  # without it any arguments would be accepted
        self.held = False

    cdef bint take(self) noexcept:
        """Acquire it if it is not held; returns whether it was not."""
        if self.held:
            return False
        self.held = True
        return True

    cdef int give_back(self) except -1:
        if not self.held:
            raise RuntimeError("release unlocked lock")
        self.held = False
        return 0

    def acquire(self, blocking=True, timeout=-1, *, waitflag=None):
        """Acquire it, and return whether this call has done so.

        blocking (waitflag is an old name of it): if true, returns True even if the lock is held.  If false,
        returns False if the lock is held, after *timeout* seconds if that is more than 0.
        """
        cdef double seconds = -1.0 if timeout is FOREVER else seconds_of(timeout)
        if blocking and (waitflag is None or waitflag):
            self.held = True
            return True
        if self.take():
            return True
        sleep_out(seconds)
        return self.take() if seconds > 0 else False

    def release(self):
        """Release it.  RuntimeError if it is not held."""
        self.give_back()

    def locked(self):
        """Whether it is held."""
        return self.held

    def __enter__(self):
        """Acquire it, as acquire() does."""
        return self.acquire()

    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None, /):
        """Release it."""
        self.release()

    def acquire_lock(self, blocking=True, timeout=-1):
        """Old name of acquire()."""
        return self.acquire(blocking, timeout)

    def release_lock(self):
        """Old name of release()."""
        self.release()

    def locked_lock(self):
        """Old name of locked()."""
        return self.held

    def _at_fork_reinit(self):
        """Release it if it is held.  For the child of a fork()."""
        self.held = False

    def _release_at_end(self):
        """Release it if it is held."""
        self.held = False

    def __repr__(self):
        state = "locked" if self.held else "unlocked"
        kind = type(self)
        return f"<{state} {kind.__module__}.{kind.__qualname__} object at {<size_t><void *>self:#x}>"

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")


cdef object held_for_ever():
    cure = "release it first, or pass a timeout or blocking=False"
    return never_ends("acquire()", "the lock is held", cure)


@cython.final
cdef class StrictLock(lock):
    """Lock()
--

    A lock that never blocks: acquire() of a held lock returns False or raises.

    A lock is not owned by a thread: any may release it.
    """

    def acquire(self, bint blocking=True, timeout=-1):
        """Acquire it, and return whether this call has done so.

        If it is held: with blocking=False return False; with a timeout in seconds sleep that time, and try
        once more; otherwise raise RuntimeError, because no thread can release it meanwhile.
        ValueError for a negative timeout other than -1, for NaN and for one with blocking=False;
        OverflowError for more than TIMEOUT_MAX.
        """
        cdef double seconds = seconds_to_wait(blocking, timeout)
        if self.take():
            return True
        if seconds < 0:
            raise held_for_ever()
        if seconds == 0:
            return False
        sleep_out(seconds)
        return self.take()

    def __enter__(self):
        """Acquire it.  RuntimeError if it is held, because no thread can release it meanwhile."""
        if not self.take():
            raise held_for_ever()
        return True

    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None, /):
        """Release it."""
        self.give_back()


cdef class RLock:
    """RLock()
--

    A reentrant lock that never blocks: its owner may acquire it again.

    In another thread acquire() returns False or raises.
    """
    cdef unsigned long owner
    cdef unsigned long count
    cdef object __weakref__

    def __init__(self):  # without it any arguments would be accepted
        self.own(0, 0)

    cdef void own(self, unsigned long owner, unsigned long count) noexcept:
        self.owner = owner
        self.count = count

    cdef bint take(self) noexcept:
        """Acquire it once more; False if another thread holds it."""
        cdef unsigned long me = running_ident()
        if self.count > 0 and self.owner != me:
            return False
        self.own(me, self.count + 1)
        return True

    cdef int give_back(self) except -1:
        if self.count == 0 or self.owner != running_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self.count -= 1
        if self.count == 0:
            self.owner = 0
        return 0

    cdef object held_by_another(self):
        return never_ends(
            "acquire()",
            f"thread {self.owner} holds the lock",
            "release it before you start the thread that takes it, or pass a timeout or blocking=False",
        )

    def acquire(self, bint blocking=True, timeout=-1):
        """Acquire it once more, and return whether the calling thread holds it.

        If another thread holds it: with blocking=False return False; with a timeout in seconds sleep that
        time, and try once more; otherwise raise RuntimeError, because that thread cannot go on before
        this one has ended.  The errors are those of Lock.acquire().
        """
        cdef double seconds = seconds_to_wait(blocking, timeout)
        if self.take():
            return True
        if seconds < 0:
            raise self.held_by_another()
        if seconds == 0:
            return False
        sleep_out(seconds)
        return self.take()

    def release(self):
        """Undo one acquire().  RuntimeError if the calling thread does not hold it."""
        self.give_back()

    def locked(self):
        """Whether any thread holds it."""
        return self.count > 0

    def __enter__(self):
        """Acquire it once more.  RuntimeError if another thread holds it."""
        if not self.take():
            raise self.held_by_another()
        return True

    def __exit__(self, exc_type=None, exc_value=None, exc_tb=None, /):
        """Undo one acquire()."""
        self.give_back()

    def _is_owned(self):
        """Whether the calling thread holds it.  For Condition."""
        return self.count > 0 and self.owner == running_ident()

    def _recursion_count(self):
        """How often the calling thread holds it."""
        return self.count if self.owner == running_ident() else 0

    def _release_save(self):
        """Release it completely; returns what _acquire_restore() needs to re-acquire it as often."""
        if self.count == 0:
            raise RuntimeError("cannot release un-acquired lock")
        saved = (self.count, self.owner)
        self.own(0, 0)
        return saved

    def _acquire_restore(self, saved, /):
        """Acquire it as often as *saved*, the value of _release_save(), says."""
        if self.count > 0:
            raise never_ends("acquire()", f"thread {self.owner} holds the lock", "let that thread release it")
        count, owner = saved
        self.own(owner, count)

    def _at_fork_reinit(self):
        """Release it completely.  For the child of a fork()."""
        self.own(0, 0)

    def __repr__(self):
        state = "locked" if self.count else "unlocked"
        kind = type(self)
        return (
            f"<{state} {kind.__module__}.{kind.__qualname__} object owner={self.owner} count={self.count}"
            f" at {<size_t><void *>self:#x}>"
        )

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")


def allocate_lock():
    """A new lock, not held."""
    return lock()


def _set_sentinel():
    """A new lock that is released when the calling thread ends."""
    sentinel = lock()
    at_thread_end(sentinel._release_at_end)
    return sentinel


hs_type_rename(<PyTypeObject *>lock, b"hasten._dummy_thread.lock")
hs_type_rename(<PyTypeObject *>StrictLock, b"hasten.dummy_threading.Lock")
hs_type_rename(<PyTypeObject *>RLock, b"hasten._dummy_thread.RLock")
