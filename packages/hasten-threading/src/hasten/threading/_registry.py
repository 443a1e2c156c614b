"""The one place of this package that touches the registry of the standard library's `threading`.

Invariant: both modules use one registry, the interpreter's: its tables of threads, its hooks, its functions
for exit and fork.

The main thread and foreign threads (started by something else) have Thread objects, too.  These stay the same
objects but change their class to ours, so that isinstance(t, hasten.threading.Thread) holds for every thread.
"""

import threading as stdlib

from hasten._thread import _registry as joining

active = stdlib._active  # thread identifier -> Thread
limbo = stdlib._limbo  # Thread -> Thread: started, and not yet in `active`
hooks = vars(stdlib)  # _trace_hook and _profile_hook: the last arguments of settrace() and setprofile()
dangling = stdlib._dangling  # weak references to all threads that were ever started

wait_at_exit = joining._join_at_exit  # to be called before something starts that exit has to wait for
also_wait = joining.also_wait  # registers a function that does the waiting


def excepthook():
    """The function called for exceptions that end a thread; None if a program has removed it."""
    return getattr(stdlib, "excepthook", None)


def register_atexit(function, *args, **kwargs):
    """Call function(*args, **kwargs) at exit, before waiting for non-daemon threads; last registered first.

    RuntimeError if the exit has begun.
    """
    stdlib._register_atexit(function, *args, **kwargs)


def shutdown():
    """Call those functions, then wait for non-daemon threads, as the interpreter does at exit."""
    stdlib._shutdown()


def adopt(main_class, dummy_class):
    """Make the objects of the main thread and of foreign threads ours, now and in forked children."""
    for thread in [stdlib._main_thread, *list(active.values())]:
        if type(thread) is stdlib._MainThread:
            thread.__class__ = main_class
        elif type(thread) is stdlib._DummyThread:
            thread.__class__ = dummy_class
    vars(stdlib).update(_MainThread=main_class, _DummyThread=dummy_class)


# ---- up to 3.12: the locks of the threads that exit waits for ----

_swept_at = 0  # the number of locks left when those of ended threads were last dropped


def await_at_exit(lock):
    """Have exit wait until this lock, which a running thread holds, is released."""
    global _swept_at
    with stdlib._shutdown_locks_lock:
        locks = stdlib._shutdown_locks
        if len(locks) > 2 * _swept_at + 16:
            locks.difference_update([each for each in locks if not each.locked()])
            _swept_at = len(locks)
        locks.add(lock)


def no_longer_awaited(lock):
    """Drop the lock of an ended thread; if the set is in use, await_at_exit() will drop it."""
    guard = stdlib._shutdown_locks_lock
    if guard.acquire(False):  # without blocking: a signal handler may have interrupted its holder
        try:
            stdlib._shutdown_locks.discard(lock)
        finally:
            guard.release()


def main_thread():
    return stdlib._main_thread
