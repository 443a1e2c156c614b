# cython: freethreading_compatible=True
"""Condition: wait until notified, with a lock that is released meanwhile.

A wait enlists the thread, releases the lock, dozes, and takes the lock again, whatever ended the sleep.
Between the first two nobody can notify, because notify() needs the lock.

The lock may be any object with acquire() and release().  With one of hasten._thread's that is done through
its table of C functions (`direct`).  Otherwise, and in a subclass that overrides one of the three methods by
which a condition uses its lock, it is done by calling those.

A thread that was notified and then leaves because a signal handler raised passes the notification on.
"""

from libc.stdint cimport int64_t

from compat cimport hs_mutex_lock, hs_mutex_unlock
from lock_api cimport hs_lock_api, hs_lock_api_import, hs_lock_functions_of, hs_lock_saved
from park cimport hs_waiter
from timeout cimport hs_deadline_of, hs_expired, hs_seconds_until
from hasten.threading._waiting cimport (
    EVERYBODY,
    doze,
    enlist,
    leave,
    release,
    start_anew,
    targets_asleep,
)

import hasten._thread

from hasten.threading._deprecated import deprecated

cdef const hs_lock_api *lock_api = hs_lock_api_import()
cdef object FOREVER = -1  # the default timeout: compared by identity


cdef class Condition:
    """Condition(lock=None)
--

    A condition variable: threads wait() until another one calls notify() or notify_all().

    lock: what protects the state that is waited for, a Lock, an RLock or an object like these; None for
    a new RLock.  wait() and notify() need it held (RuntimeError); `with` takes and releases it.
    Thread-safety: all methods may be called from any thread.
    """

    def __init__(self, lock=None):
        if lock is None:
            lock = lock_api.new_rlock()
        elif not (hasattr(lock, "acquire") and hasattr(lock, "release")):
            raise AttributeError(f"a Condition's lock needs acquire() and release(); {lock!r} lacks one")
        self.lock = lock
        self.direct = NULL if overrides(type(self)) else hs_lock_functions_of(lock_api, lock)
        if self.direct == NULL and hasattr(self, "__dict__"):
            # As in the standard library: a lock's own acquire() may take other arguments
            vars(self).update(acquire=lock.acquire, release=lock.release)

    def __repr__(self):
        return f"<Condition({self.lock}, {len(self._waiters)})>"

    # ---- the lock ----

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock.  Arguments, result and errors are those of its acquire()."""
        if self.direct != NULL and blocking is True and timeout is FOREVER:
            return self.direct.acquire(self.lock, -1) == 1
        return self.lock.acquire(blocking, timeout)

    def release(self):
        """Release the lock.  Errors are those of its release()."""
        if self.direct != NULL:
            self.direct.release(self.lock)
        else:
            self.lock.release()

    def locked(self):
        """Whether the lock is held by anybody."""
        return self.lock.locked()

    def __enter__(self):
        """Take the lock, waiting until it is free."""
        if self.direct != NULL:
            return self.direct.acquire(self.lock, -1) == 1
        return self.lock.__enter__()

    def __exit__(self, exc_type, exc_value, traceback):
        """Release the lock."""
        if self.direct != NULL:
            self.direct.release(self.lock)
            return None
        return self.lock.__exit__(exc_type, exc_value, traceback)

    def _is_owned(self):
        """Whether the lock is held: by the calling thread, if the lock knows, else by anybody."""
        if hasattr(self.lock, "_is_owned"):
            return self.lock._is_owned()
        if self.lock.acquire(False):
            self.lock.release()
            return False
        return True

    def _release_save(self):
        """Release the lock wholly; what _acquire_restore() needs to take it as often again."""
        if hasattr(self.lock, "_release_save"):
            return self.lock._release_save()
        self.lock.release()

    def _acquire_restore(self, saved):
        """Take the lock as it was held before _release_save()."""
        if hasattr(self.lock, "_acquire_restore"):
            self.lock._acquire_restore(saved)
        else:
            self.lock.acquire()

    cdef bint is_owned(self) except -1:
        if self.direct != NULL:
            return self.direct.is_owned(self.lock)
        return self._is_owned()

    # ---- waiting ----

    def wait(self, timeout=None):
        """Release the lock, wait to be notified, take the lock again.  False if *timeout* ended the wait.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        However often an RLock is held, it is released and taken again as often.  A signal handler that
        raises ends the wait.  RuntimeError without the lock; ValueError for NaN.
        """
        cdef int64_t deadline
        if not self.is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        deadline = hs_deadline_of(timeout)
        return self.wait_until(deadline)

    cdef bint wait_until(self, int64_t deadline) except -1:
        cdef hs_waiter me
        cdef hs_lock_saved saved
        hs_mutex_lock(&self.guard)
        enlist(&self.asleep, &me, <void *>self)
        hs_mutex_unlock(&self.guard)
        if self.direct == NULL:
            return self.wait_by_methods(&me, deadline)
        try:
            self.direct.release_save(self.lock, &saved)
        except BaseException:
            self.step_back(&me)
            raise
        try:
            return self.sleep_unlocked(&me, deadline)
        finally:
            self.direct.acquire_restore(self.lock, &saved)

    cdef bint wait_by_methods(self, hs_waiter *me, int64_t deadline) except -1:
        try:
            saved = self._release_save()
        except BaseException:
            self.step_back(me)
            raise
        try:
            return self.sleep_unlocked(me, deadline)
        finally:
            self._acquire_restore(saved)

    cdef bint sleep_unlocked(self, hs_waiter *me, int64_t deadline) except -1:
        """The part of a wait without the lock."""
        if deadline == 0:
            leave(&self.asleep, &self.guard, me)
            return me.word
        try:
            return doze(&self.asleep, &self.guard, me, deadline)
        except BaseException:
            self.pass_on(me)
            raise

    cdef void step_back(self, hs_waiter *me) noexcept:
        leave(&self.asleep, &self.guard, me)
        self.pass_on(me)

    cdef void pass_on(self, hs_waiter *me) noexcept:
        """Notify another thread if this one, which does not wait any more, has been notified."""
        if me.word:
            hs_mutex_lock(&self.guard)
            release(&self.asleep, &self.guard, 1)

    def wait_for(self, predicate, timeout=None):
        """Wait until *predicate* is true, and return its last result.

        predicate: a callable without arguments, called with the lock held, before the wait and after each
        notification.  timeout: seconds to wait at most in all, any real number; None waits for ever.
        """
        cdef int64_t deadline
        result = predicate()
        if result:
            return result
        deadline = hs_deadline_of(timeout)
        while not result and not hs_expired(deadline):
            self.wait(hs_seconds_until(deadline))
            result = predicate()
        return result

    def notify(self, n=1):
        """Wake up to *n* of the threads that wait.  RuntimeError without the lock.

        They go on when they have got the lock, so not before it is released.
        """
        cdef Py_ssize_t most
        if not self.is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        try:
            most = n
        except OverflowError:
            most = EVERYBODY if n > 0 else 0
        self.let_go(most)

    def notify_all(self):
        """Wake all threads that wait.  RuntimeError without the lock."""
        if not self.is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        self.let_go(EVERYBODY)

    cdef void let_go(self, Py_ssize_t most) noexcept:
        hs_mutex_lock(&self.guard)
        if self.asleep.waiting.head != NULL:
            release(&self.asleep, &self.guard, most)
        else:
            hs_mutex_unlock(&self.guard)

    def notifyAll(self):
        """An old name of notify_all()."""
        deprecated("notifyAll() is deprecated, use notify_all() instead")
        self.notify_all()

    @property
    def _lock(self):
        """The lock."""
        return self.lock

    @property
    def _waiters(self):
        """A list with one entry for each thread that waits and has not been notified."""
        return targets_asleep(&self.asleep, &self.guard)

    def _at_fork_reinit(self):
        """Make the lock a new one and forget who waits.  For the child of a fork() only."""
        self.lock._at_fork_reinit()
        start_anew(&self.asleep, &self.guard)


cdef object public_class = Condition


def _set_public_class(cls):
    """Tell which class is known to override nothing."""
    global public_class
    public_class = cls


cdef bint overrides(cls) except -1:
    """Whether a subclass has methods of its own for how wait() and notify() use the lock."""
    if cls is public_class:
        return False
    return (cls._is_owned is not public_class._is_owned or cls._release_save is not public_class._release_save
            or cls._acquire_restore is not public_class._acquire_restore)


cdef object private_condition(condition):
    """*condition*, or a new one with a plain lock if that is None."""
    return Condition(hasten._thread.allocate_lock()) if condition is None else condition
