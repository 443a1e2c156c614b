"""The public Thread class, and the ones of the main thread and of foreign threads."""

import sys
import threading as _stdlib
from _thread import _local

from hasten._thread import _make_thread_handle, daemon_threads_allowed
from hasten.threading import _registry, _thread, _timer


class Thread(_thread.Thread, _stdlib.Thread):
    __doc__ = _thread.Thread.__doc__
    __module__ = "hasten.threading"

    if sys.version_info[:2] == (3, 13):
        _handle = _thread.Thread._os_thread_handle  # what threading.py calls it there


class Timer(_timer.Timer, Thread, _stdlib.Timer):
    __doc__ = _timer.Timer.__doc__
    __module__ = "hasten.threading"


class _ForeignThread(Thread):
    """A thread that runs already: something else has started it."""

    def _stand_for(self, ident):
        self._ident = ident
        self._os_thread_handle = _make_thread_handle(ident)
        self._mark_begun()
        _registry.active[ident] = self
        _registry.dangling.add(self)

    def _stand_for_caller(self):
        self._set_native_id()
        self._stand_for(_thread.get_ident())


class _MainThread(_ForeignThread):
    """The thread that the interpreter was started in, or that has forked this process.

    predecessor: the interpreter's own object of the main thread, whose place this one takes.  They have the
    attributes of users in common, and either can be joined.
    """

    __module__ = "hasten.threading"
    _predecessor = None

    def __init__(self, predecessor=None):
        super().__init__(name="MainThread", daemon=False)
        if predecessor is None:
            self._stand_for_caller()
            return
        vars(self).update((name, value) for name, value in vars(predecessor).items() if name[0] != "_")
        self._predecessor = predecessor
        self._name = predecessor.name
        self._native_id = predecessor.native_id
        self._stand_for(predecessor.ident)
        if sys.version_info >= (3, 14):
            self._os_thread_handle = predecessor._os_thread_handle
        elif sys.version_info >= (3, 13):
            self._os_thread_handle = predecessor._handle

    @property
    def _tstate_lock(self):
        return super()._tstate_lock if self._predecessor is None else self._predecessor._tstate_lock

    def _stop(self):
        """Up to 3.12: called by threading._shutdown(), and after fork() for a main thread that is gone."""
        self._os_thread_handle._set_done()
        if self._predecessor is not None:
            self._predecessor._stop()

    def _after_fork(self, new_ident=None):
        super()._after_fork(new_ident)
        if self._predecessor is not None and sys.version_info >= (3, 13):
            self._predecessor._after_fork(new_ident)

    def _reset_internal_locks(self, is_alive):
        super()._reset_internal_locks(is_alive)
        if self._predecessor is not None:
            self._predecessor._reset_internal_locks(is_alive)


class _DummyThread(_ForeignThread):
    """What current_thread() returns in a foreign thread.  It can't be joined."""

    __module__ = "hasten.threading"

    def __init__(self):
        number = _thread.next_number()
        super().__init__(name=f"Dummy-{number}", daemon=daemon_threads_allowed())
        self._stand_for_caller()
        if sys.version_info >= (3, 13):
            _local_data.at_end = _Forget(self)

    def is_alive(self):
        """True; RuntimeError once the thread has ended."""
        if self._started.is_set() and not self._os_thread_handle.is_done():
            return True
        raise RuntimeError("thread is not alive")

    def join(self, timeout=None):
        """RuntimeError: nobody can wait for a thread that something else has started."""
        raise RuntimeError("cannot join a dummy thread")

    def _after_fork(self, new_ident=None):
        Thread._after_fork(self, new_ident)
        if new_ident is not None:  # it has forked, and is the only thread of the child
            self.__class__ = _MainThread
            self._name, self._daemonic = "MainThread", False



_local_data = _local()


class _Forget:
    """Takes a foreign thread out of the registry when that thread's local data is dropped, at its end.

    Up to 3.12 the standard library keeps it there, and has a test for that.
    """

    def __init__(self, thread):
        self.thread = thread

    def __del__(self, active=_registry.active):
        if active.get(self.thread.ident) is self.thread:
            active.pop(self.thread.ident, None)
