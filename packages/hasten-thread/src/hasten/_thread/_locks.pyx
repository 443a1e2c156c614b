# cython: freethreading_compatible=True, binding=False
"""Locks of `hasten._thread`: `lock`, `RLock`, and `LockType`, the class of a thread's sentinel.

A lock is a flag and a waiter list; hs_mutex guards both.  (With a GIL that does nothing: no Python code runs
between check and store.)

Invariant: the lock is free and a waiter exists => some awake thread has yet to re-check.  release() clears
the flag and unparks the thread that waits longest, but does not hand the lock over (barging): an unparked
thread that finds it taken parks again.  An unparked thread that leaves because a signal handler raised
unparks the next one (sleep.h).
"""

cimport cython
from cpython.object cimport PyTypeObject
from libc.stdint cimport int64_t
from libc.string cimport memset
from cpython.pycapsule cimport PyCapsule_New

from clock cimport HS_NEVER, hs_deadline_after
from compat cimport (
    hs_load,
    hs_mutex,
    hs_mutex_lock,
    hs_mutex_unlock,
    hs_store,
    hs_type_forbid_new,
    hs_type_rename,
    hs_type_seal,
)
from lock_api cimport HS_LOCK_API_NAME, HS_LOCK_API_VERSION, hs_lock_api, hs_lock_saved
from park cimport hs_park_init, hs_word_wake, hs_waitlist, hs_waitlist_pop
from sleep cimport hs_park, hs_park_uninterruptible
from timeout cimport hs_expired
from hasten._thread._timeouts cimport seconds_of

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "_quick.h":
    int hs_quick_lock(object acquire, object (*take)(object)) except -1
    int hs_quick_rlock(object acquire, object (*take)(object)) except -1

cdef int init_error = hs_park_init()
if init_error:
    raise OSError(init_error, "pthread_atfork() failed")

cdef object FOREVER = -1  # the default timeout: compared by identity first


cdef struct lock_state:
    int held
    hs_mutex mutex
    hs_waitlist sleepers


# `inline`: small, and on every path.
cdef inline bint try_take(lock_state *state) noexcept nogil:
    cdef bint taken
    hs_mutex_lock(&state.mutex)
    taken = not state.held
    hs_store(&state.held, True)
    hs_mutex_unlock(&state.mutex)
    return taken


cdef inline bint give_back(lock_state *state) noexcept nogil:
    """Unlock and unpark one waiter; False if it was not locked."""
    cdef int *word
    hs_mutex_lock(&state.mutex)
    if not state.held:
        hs_mutex_unlock(&state.mutex)
        return False
    hs_store(&state.held, False)
    if state.sleepers.head != NULL:
        word = hs_waitlist_pop(&state.sleepers)
        hs_mutex_unlock(&state.mutex)
        if word != NULL:
            hs_word_wake(word)
    else:
        hs_mutex_unlock(&state.mutex)
    return True


cdef bint wait_and_take(lock_state *state, int64_t deadline, bint signals) except -1:
    """Park until the lock is taken (True) or the deadline has passed (False).

    Without *signals* no signal handlers run, and nothing is raised.
    """
    cdef bint late = False
    while True:
        hs_mutex_lock(&state.mutex)
        if not state.held:
            hs_store(&state.held, True)
            hs_mutex_unlock(&state.mutex)
            return True
        if late:
            hs_mutex_unlock(&state.mutex)
            return False
        if signals:
            hs_park(&state.sleepers, &state.mutex, deadline, NULL)
        else:
            hs_park_uninterruptible(&state.sleepers, &state.mutex, deadline)
        late = hs_expired(deadline)


cdef inline double check(bint blocking, object timeout) except? -1.0:
    """The arguments of acquire() as seconds to wait: 0 for not at all, -1 for ever."""
    cdef double seconds = -1.0 if timeout is FOREVER else seconds_of(timeout)
    if seconds == -1.0:
        return -1.0 if blocking else 0.0
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if seconds < 0:
        raise ValueError(f"timeout value must be a non-negative number, not {timeout!r}")
    return seconds


cdef inline bint take(lock_state *state, double seconds) except -1:
    if try_take(state):
        return True
    if seconds == 0:
        return False
    return wait_and_take(state, HS_NEVER if seconds < 0 else hs_deadline_after(seconds), True)


cdef inline int take_again_for_sure(lock_state *state) except -1:
    """Take the lock despite signals, for a condition: its caller must find the lock held after a wait."""
    if not try_take(state):
        wait_and_take(state, HS_NEVER, False)
    return 0


cdef inline void reset(lock_state *state) noexcept:
    """Unlocked, without waiters; frees a mutex that was held during a fork()."""
    memset(state, 0, sizeof(lock_state))


cdef class lock:
    """A lock object is a synchronization primitive.  To create a lock, call lock() or allocate_lock().

    A lock is not owned by a thread: any thread may release it.
    Thread-safety: all methods may be called from any thread, and from signal handlers.
    """
    cdef lock_state state
    cdef object __weakref__

    def __cinit__(self):
        reset(&self.state)

    def __init__(self):  # __cinit__ alone would take any arguments
        pass

    def acquire(self, bint blocking=True, timeout=-1):
        """Lock it, waiting until it is free; returns whether this call has locked it.

        blocking: False returns at once.  timeout: seconds to wait at most, any real number; -1 waits
        for ever.  A signal handler that raises ends the wait.  ValueError for another negative number, for
        NaN and for a timeout with blocking=False; OverflowError for more than TIMEOUT_MAX.
        """
        return take(&self.state, check(blocking, timeout))

    def release(self):
        """Unlock it and wake one waiting thread.  RuntimeError if it is not locked."""
        if not give_back(&self.state):
            raise RuntimeError("release unlocked lock")

    def locked(self):
        """Whether the lock is held by any thread."""
        return <bint>hs_load(&self.state.held)

    def __enter__(self):
        """Lock it, waiting until it is free."""
        return take(&self.state, -1)

    def __exit__(self, exc_type=None, exc_value=None, traceback=None, /):
        """Unlock it."""
        if not give_back(&self.state):
            raise RuntimeError("release unlocked lock")

    def acquire_lock(self, bint blocking=True, timeout=-1):
        """Old name of acquire()."""
        return take(&self.state, check(blocking, timeout))

    def release_lock(self):
        """Old name of release()."""
        self.release()

    def locked_lock(self):
        """Old name of locked()."""
        return <bint>hs_load(&self.state.held)

    def _at_fork_reinit(self):
        """Reset it to an unlocked lock.  For the child of a fork() only."""
        reset(&self.state)

    def __repr__(self):
        state = "locked" if hs_load(&self.state.held) else "unlocked"
        return f"<{state} _thread.lock object at {<size_t><void *>self:#x}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.lock' object")


@cython.final
cdef class LockType(lock):
    """The class of _set_sentinel()'s locks, up to 3.12; calling it raises TypeError."""


cdef class RLock:
    """A reentrant lock: its owner may acquire it again, and must release it as often.

    Thread-safety: all methods may be called from any thread; only the owner can release.
    """
    cdef lock_state state
    cdef unsigned long owner  # written by the holder only; no other thread reads its own ident here
    cdef unsigned long count  # used by the holder only
    cdef object __weakref__

    def __cinit__(self):
        reset(&self.state)

    @cython.final
    cdef inline bint take_again(self, unsigned long me) except -1:
        if self.owner != me or self.count == 0:
            return False
        if self.count == <unsigned long>-1:
            raise OverflowError("Internal lock count overflowed")
        self.count += 1
        return True

    @cython.final
    cdef inline void own(self, unsigned long me, unsigned long count) noexcept:
        self.owner = me
        self.count = count

    @cython.final
    cdef inline bint take_as(self, unsigned long me, double seconds) except -1:
        if not self.take_again(me):
            if not take(&self.state, seconds):
                return False
            self.own(me, 1)
        return True

    @cython.final
    cdef inline int give_back_once(self) except -1:
        if self.owner != PyThread_get_thread_ident() or self.count == 0:
            raise RuntimeError("cannot release un-acquired lock")
        self.count -= 1
        if self.count == 0:
            self.owner = 0
            give_back(&self.state)
        return 0

    def acquire(self, bint blocking=True, timeout=-1):
        """Acquire it, waiting until no other thread holds it; returns whether the calling thread holds it.

        The arguments and errors are those of lock.acquire().  The owner never waits.
        """
        return self.take_as(PyThread_get_thread_ident(), check(blocking, timeout))

    def release(self):
        """Undo one acquire(); the last release() wakes a waiting thread.  RuntimeError if not the owner."""
        self.give_back_once()

    def locked(self):
        """Whether any thread holds it."""
        return <bint>hs_load(&self.state.held)

    def __enter__(self):
        """Acquire it, waiting until no other thread holds it."""
        return self.take_as(PyThread_get_thread_ident(), -1)

    def __exit__(self, exc_type=None, exc_value=None, traceback=None, /):
        """Undo one acquire()."""
        self.give_back_once()

    def _is_owned(self):
        """Whether the calling thread holds it.  For threading.Condition."""
        return self.owner == PyThread_get_thread_ident() and self.count > 0

    def _recursion_count(self):
        """How often the calling thread holds it."""
        return self.count if self.owner == PyThread_get_thread_ident() else 0

    @cython.final
    cdef inline int let_go(self, hs_lock_saved *saved) except -1:
        if not self.state.held or self.count == 0:
            raise RuntimeError("cannot release un-acquired lock")
        saved.count, saved.owner = self.count, self.owner
        self.own(0, 0)
        give_back(&self.state)
        return 0

    def _release_save(self):
        """Release it completely; returns what _acquire_restore() needs to re-acquire it as often."""
        cdef hs_lock_saved saved
        self.let_go(&saved)
        return (saved.count, saved.owner)

    def _acquire_restore(self, saved, /):
        """Acquire it as often as *saved*, the value of _release_save(), says."""
        cdef unsigned long count, owner
        if not isinstance(saved, tuple) or len(saved) != 2:
            raise TypeError(f"_acquire_restore() argument must be 2-item tuple, not {type(saved).__name__}")
        count, owner = saved
        take_again_for_sure(&self.state)
        self.own(owner, count)

    def _at_fork_reinit(self):
        """Reset it to a lock that no thread holds.  For the child of a fork() only."""
        self.own(0, 0)
        reset(&self.state)

    def __repr__(self):
        name = "_thread.RLock" if type(self) is RLock else type(self).__qualname__
        state = "locked" if hs_load(&self.state.held) else "unlocked"
        return f"<{state} {name} object owner={self.owner} count={self.count} at {<size_t><void *>self:#x}>"

    def __reduce__(self):
        name = "_thread.RLock" if type(self) is RLock else type(self).__name__
        raise TypeError(f"cannot pickle '{name}' object")


def allocate_lock():
    """A new lock object, unlocked."""
    return lock.__new__(lock)


def allocate_opaque_lock():
    """A new lock object, unlocked, of the class LockType."""
    return LockType.__new__(LockType)


# ---- the C functions for other compiled modules of hasten: see lock_api.h ---------------------------

cdef int api_acquire(object self, double seconds) except -1:
    return take(&(<lock>self).state, seconds)


cdef int api_release(object self) except -1:
    if not give_back(&(<lock>self).state):
        raise RuntimeError("release unlocked lock")
    return 0


cdef int api_held(object self) except -1:
    return hs_load(&(<lock>self).state.held)


cdef int api_release_save(object self, hs_lock_saved *saved) except -1:
    return api_release(self)


cdef int api_acquire_restore(object self, const hs_lock_saved *saved) except -1:
    return take_again_for_sure(&(<lock>self).state)


cdef int api_acquire_r(object self, double seconds) except -1:
    return (<RLock>self).take_as(PyThread_get_thread_ident(), seconds)


cdef int api_release_r(object self) except -1:
    return (<RLock>self).give_back_once()


cdef int api_owned_r(object self) except -1:
    return (<RLock>self).count > 0 and (<RLock>self).owner == PyThread_get_thread_ident()


cdef int api_release_save_r(object self, hs_lock_saved *saved) except -1:
    return (<RLock>self).let_go(saved)


cdef int api_acquire_restore_r(object self, const hs_lock_saved *saved) except -1:
    take_again_for_sure(&(<RLock>self).state)
    (<RLock>self).own(saved.owner, saved.count)
    return 0


cdef object api_new_r():
    return RLock.__new__(RLock)


cdef hs_lock_api api
api.version = HS_LOCK_API_VERSION
api.lock = <PyTypeObject *>lock
api.opaque_lock = <PyTypeObject *>LockType
api.rlock = <PyTypeObject *>RLock
api.new_rlock = api_new_r
api.of_lock.acquire = api_acquire
api.of_lock.release = api_release
api.of_lock.is_owned = api_held
api.of_lock.release_save = api_release_save
api.of_lock.acquire_restore = api_acquire_restore
api.of_rlock.acquire = api_acquire_r
api.of_rlock.release = api_release_r
api.of_rlock.is_owned = api_owned_r
api.of_rlock.release_save = api_release_save_r
api.of_rlock.acquire_restore = api_acquire_restore_r
_C_API = PyCapsule_New(&api, HS_LOCK_API_NAME, NULL)


# ---- the fast path of acquire() without arguments: see _quick.h -------------------------------------------

cdef object quick_acquire(self):
    return take(&(<lock>self).state, -1)


cdef object quick_acquire_r(self):
    return (<RLock>self).take_as(PyThread_get_thread_ident(), -1)


hs_quick_lock(lock.__dict__["acquire"], quick_acquire)
hs_quick_rlock(RLock.__dict__["acquire"], quick_acquire_r)

hs_type_rename(<PyTypeObject *>lock, b"_thread.lock")
hs_type_rename(<PyTypeObject *>LockType, b"_thread.lock")
hs_type_rename(<PyTypeObject *>RLock, b"_thread.RLock")
hs_type_forbid_new(<PyTypeObject *>LockType)
hs_type_seal(<PyTypeObject *>lock)
