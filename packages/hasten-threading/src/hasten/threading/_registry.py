"""The one place of this package that touches the registry of the standard library's `threading`.

There is one registry for both kinds of threads, and it is the interpreter's: its tables of threads, its
hooks, its functions for exit and fork.  So whoever asks either module is told the same.

The main thread and foreign threads (those that something else started) have a Thread object as well.  As
programs may call any of them `isinstance(t, hasten.threading.Thread)`, these objects are of our classes too:
they stay the objects that they were, and change their class.
"""

import threading as stdlib

from hasten._thread import _registry as joining

active = stdlib._active  # thread identifier -> Thread
limbo = stdlib._limbo  # Thread -> Thread: started, and not yet in `active`
hooks = vars(stdlib)  # _trace_hook and _profile_hook: what settrace() and setprofile() were given last
dangling = stdlib._dangling  # weak references to all threads that were ever started

wait_at_exit = joining._join_at_exit  # to be called before something starts that the end has to wait for,
also_wait = joining.also_wait  # and this with a function that waits for it


def excepthook():
    """The function that is told of exceptions that end a thread, or None if somebody has removed it."""
    return getattr(stdlib, "excepthook", None)


def register_atexit(function, *args, **kwargs):
    """Call function(*args, **kwargs) at exit, before non-daemon threads are waited for; the last comes first.

    RuntimeError when that has begun.
    """
    stdlib._register_atexit(function, *args, **kwargs)


def shutdown():
    """What the interpreter does at exit: call those functions, then wait for non-daemon threads."""
    stdlib._shutdown()


def adopt(main_class, dummy_class):
    """Let our classes stand for the main thread and for foreign threads, now and in forked children."""
    for thread in [stdlib._main_thread, *list(active.values())]:
        if type(thread) is stdlib._MainThread:
            thread.__class__ = main_class
        elif type(thread) is stdlib._DummyThread:
            thread.__class__ = dummy_class
    vars(stdlib).update(_MainThread=main_class, _DummyThread=dummy_class)


# ---- up to 3.12: the locks of the threads that the end of the interpreter waits for ----

_swept_at = 0  # how many locks were left when those of ended threads were last dropped


def await_at_exit(lock):
    """Let the end of the interpreter wait until this lock, which a running thread holds, is released."""
    global _swept_at
    with stdlib._shutdown_locks_lock:
        locks = stdlib._shutdown_locks
        if len(locks) > 2 * _swept_at + 16:
            locks.difference_update([each for each in locks if not each.locked()])
            _swept_at = len(locks)
        locks.add(lock)


def no_longer_awaited(lock):
    """Forget the lock of an ended thread, or leave that to await_at_exit() if somebody is at the set."""
    guard = stdlib._shutdown_locks_lock
    if guard.acquire(False):  # no more than that: a signal handler may join threads
        try:
            stdlib._shutdown_locks.discard(lock)
        finally:
            guard.release()


def main_thread():
    return stdlib._main_thread
