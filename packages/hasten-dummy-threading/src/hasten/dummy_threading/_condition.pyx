# cython: freethreading_compatible=True
"""Condition.

Only signal handlers that run during its sleep can notify a waiting thread.  So the state is two counts: of
threads in wait(), and of notifications that none has taken.
"""

import warnings

from hasten._dummy_thread._locks import RLock
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._published import published


@published
class Condition:
    """A condition variable: wait() until notify() is called.

    lock: any object with acquire() and release(); a new RLock by default.
    """

    def __init__(self, lock=None):
        self._sleepers = self._wakes = 0
        self._lock = RLock() if lock is None else lock
        self.acquire, self.release = self._lock.acquire, self._lock.release
        ask = getattr(self._lock, "_is_owned", None)
        if ask is not None and type(self)._is_owned is Condition._is_owned:
            self._is_owned = ask  # as the standard library does

    def __enter__(self):
        """Acquire the lock."""
        return self._lock.__enter__()

    def __exit__(self, *args):
        """Release the lock."""
        return self._lock.__exit__(*args)

    @property
    def locked(self):
        """The lock's method locked()."""
        return self._lock.locked

    def _is_owned(self):
        """Whether the calling thread holds the lock; any thread, if the lock has no owner."""
        ask = getattr(self._lock, "_is_owned", None)
        if ask is not None:
            return ask()
        if self._lock.acquire(False):
            self._lock.release()
            return False
        return True

    def _release_save(self):
        """Release the lock completely; returns what _acquire_restore() needs to re-acquire it."""
        save = getattr(self._lock, "_release_save", None)
        return self._lock.release() if save is None else save()

    def _acquire_restore(self, saved):
        """Re-acquire the lock as often as it was held."""
        restore = getattr(self._lock, "_acquire_restore", None)
        if restore is None:
            self._lock.acquire()
        else:
            restore(saved)

    def wait(self, timeout=None):
        """Sleep *timeout* seconds with the lock released; returns whether a signal handler has notified.

        RuntimeError without a timeout, because no thread could notify, and if the lock is not held.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        if timeout is None:
            raise never_ends(
                "wait()",
                "nobody has notified",
                "start the thread that does so before, wait for a state with wait_for(), or pass a timeout",
            )
        if seconds <= 0:
            return False
        saved = self._release_save()
        self._sleepers += 1
        try:
            sleep_out(seconds)
        finally:
            self._sleepers -= 1
            self._acquire_restore(saved)
        if self._wakes == 0:
            return False
        self._wakes -= 1
        return True

    def wait_for(self, predicate, timeout=None):
        """Return predicate() if it is true; otherwise wait(timeout) and return predicate() again.

        RuntimeError if it is false and there is no timeout.
        """
        found = predicate()
        if found:
            return found
        self.wait(timeout)
        return predicate()

    def notify(self, n=1):
        """Notify *n* threads in wait().  RuntimeError if the lock is not held."""
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        sleepers, wakes = self._sleepers, self._wakes
        if sleepers or wakes:
            self._wakes = min(wakes + n, sleepers)

    def notify_all(self):
        """Notify all threads in wait().  RuntimeError if the lock is not held."""
        self.notify(self._sleepers)

    def notifyAll(self):
        """Deprecated name of notify_all()."""
        warnings.warn("notifyAll() is deprecated, use notify_all() instead", DeprecationWarning, stacklevel=1)
        self.notify_all()

    def _at_fork_reinit(self):
        """Reset the lock and the counts.  For the child of a fork()."""
        self._lock._at_fork_reinit()
        self._sleepers = self._wakes = 0

    def __repr__(self):
        return f"<Condition({self._lock}, {self._sleepers})>"
