"""The one place of this package that touches the registry of the standard library's `threading`.

Invariant: the interpreter's exit waits for our non-daemon threads where it waits for threading's own, after
the functions of threading._register_atexit(), some of which tell threads to end.  From 3.13 on
threading._shutdown() calls threading._thread_shutdown() for that, which we wrap; if threading.py runs over
this module, that is ours already.  Up to 3.12 threading._shutdown() acquires each lock of a set, to which
we add one object for all our threads.

Exit functions of atexit run later and may start threads.  These are waited for too, unless the first wait was
interrupted: one Ctrl-C ends the program, not one for each wait.
"""

import atexit
import os
import sys

from hasten._thread import _start

_waits: list = []
_join_theirs = None  # the original threading._thread_shutdown()
_is_told = False  # threading._shutdown() will call _begin()
_begun = False  # threading._shutdown() has begun
_waited = False  # and has waited for all of our threads


def _join_at_exit():
    """Have the interpreter's exit wait for our non-daemon threads."""
    import threading

    _hear_of_shutdown(threading)
    if not hasattr(threading, "_thread_shutdown"):
        _all_threads.enlist(threading)
    elif threading._thread_shutdown not in (_start._shutdown, _join_everybody):
        global _join_theirs
        _join_theirs = threading._thread_shutdown
        threading._thread_shutdown = _join_everybody


def _hear_of_shutdown(threading):
    global _is_told
    if not _is_told:
        try:
            threading._register_atexit(_begin)
        except RuntimeError:
            pass  # it has begun: _leave() will wait
        _is_told = True


def _begin():
    global _begun
    _begun = True


def also_wait(wait):
    """Have the interpreter's exit call wait() too, which returns whether it had to wait."""
    _waits.append(wait)


def _join_ours():
    """Wait until nothing of ours is left to wait for; returns whether there was anything."""
    waited = False
    while any([_start._join_non_daemon(), *[wait() for wait in _waits]]):
        waited = True
    return waited


def _join_everybody():
    global _waited
    _join_theirs()
    while _join_ours():
        _join_theirs()
    _waited = True


class _AllThreads:
    """For threading.py up to 3.12: like the lock of a running thread; acquire() waits for all of ours."""

    def enlist(self, threading):
        if self not in threading._shutdown_locks:
            with threading._shutdown_locks_lock:
                threading._shutdown_locks.add(self)

    def locked(self):
        return True

    def acquire(self):
        global _waited
        _join_ours()
        _waited = True
        return True

    def release(self):
        """Does nothing: acquire() has not acquired anything."""


_all_threads = _AllThreads()


def _leave():
    try:
        if _waited or not _begun:
            _join_ours()
    finally:
        _start._settle()


def main_thread_ident():
    """The identifier of the main thread."""
    import threading

    return threading.main_thread().ident


def _threading_is_over():
    """3.12 starts no threads once threading._shutdown() has begun; CPython's suite tests that."""
    return getattr(sys.modules.get("threading"), "_SHUTTING_DOWN", False)


_start._set_hooks(_join_at_exit, _threading_is_over if sys.version_info[:2] == (3, 12) else None)
atexit.register(_leave)
os.register_at_fork(before=_start._settle_for_fork)
