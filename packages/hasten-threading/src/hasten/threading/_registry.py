"""The one place of this package that touches the registry of the standard library's `threading`.

There is one registry for both kinds of threads, and it is the interpreter's: its tables of threads, its
hooks, its functions for exit and fork.  So whoever asks either module is told the same.

The main thread and foreign threads (those that something else started) have a Thread object as well.  As
programs may call any of them `isinstance(t, hasten.threading.Thread)`, these objects are ours too: the one
of the main thread takes the place of the interpreter's, with its attributes and its way to be joined.
"""

import sys
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
    main = stdlib._main_thread
    if isinstance(main, main_class):
        return
    successor = main_class(main)
    active[successor.ident] = successor
    vars(stdlib).update(_main_thread=successor, _MainThread=main_class, _DummyThread=dummy_class)
    dangling.discard(main)  # or a fork would count it among the threads that are gone


def main_thread():
    return stdlib._main_thread


def thread_inherits_context():
    """Whether a new thread starts with a copy of the context of the one that starts it."""
    return bool(getattr(sys.flags, "thread_inherit_context", False))
