# cython: freethreading_compatible=True
"""The tables of threads, and the steps of a thread's life that must not be interrupted halfway.

Thread itself is Python code (_threads/threading.py), because tools read and replace its byte code.  The
functions here are called often or must be atomic: an exception of a signal handler or a trace function may
come between any two lines of Python code, but not between two of these.

Invariant: a thread is listed, in `limbo` or `active`, from start() until it ends.  start() puts it into
`limbo`; the thread itself moves to `active`, under its identifier, before start() returns.

Both tables are the interpreter's.  With a GIL an operation on them needs no lock.  Without a GIL each dict
has a mutex of its own, which may be handed to a waiting thread that does not exist after fork();
threading.py would wait for it for ever in the child.  So there the lock of threading.py, which it replaces
after a fork, is held for every change and listing.
"""

from compat cimport HS_FREE_THREADED
from timeout cimport hs_deadline_of, hs_seconds_until

import _thread as interpreter_thread
import operator
import sys

from hasten.threading import _registry as registry
from hasten.threading._module import deprecated

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef dict active = registry.active
cdef dict limbo = registry.limbo
cdef dict hooks = registry.hooks
cdef object add_dangling = registry.dangling.add
cdef object own_ident = interpreter_thread.get_ident

# From 3.13 on a thread is started with a join handle, in the attribute that threading.py's Thread uses.
cdef bint has_handle = sys.version_info >= (3, 13)
HANDLE = ("_os_thread_handle" if sys.version_info >= (3, 14) else "_handle") if has_handle else None
FREE_THREADED = bool(HS_FREE_THREADED)
cdef object handle_of = operator.attrgetter(HANDLE) if has_handle else None

# Names that programs replace in the public module: looked up there at each use.
cdef dict public = {}


def _set_public(dict namespace):
    """Set the dictionary of the public module."""
    global public
    public = namespace


# ---- the tables -----------------------------------------------------------------------------------------

cdef object lock_tables():
    """Lock the tables; returns what unlock_tables() takes."""
    if not HS_FREE_THREADED:
        return None
    lock = hooks["_active_limbo_lock"]
    lock.acquire()
    return lock


cdef int unlock_tables(lock) except -1:
    if lock is not None:
        lock.release()
    return 0


cdef int leave_limbo(thread) except -1:
    """Remove a thread that will not run, or whose start has failed."""
    lock = lock_tables()
    try:
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)
    return 0


def enter_active(ident, thread):
    """Move a thread that runs from `limbo` to `active`."""
    lock = lock_tables()
    try:
        active[ident] = thread
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)


def leave_active(ident):
    """Remove the thread that ends."""
    lock = lock_tables()
    try:
        active.pop(ident, None)
    finally:
        unlock_tables(lock)


def is_starting(thread):
    """Whether the thread is in limbo."""
    return thread in limbo


# ---- starting and joining -------------------------------------------------------------------------------

cdef int claim(thread) except -1:
    """Put the thread into `limbo`.  RuntimeError if it is there, because another thread is starting it."""
    cdef Py_ssize_t before
    lock = lock_tables()
    try:
        before = len(limbo)
        limbo.setdefault(thread, thread)
        if len(limbo) == before:
            raise RuntimeError("threads can only be started once")
    finally:
        unlock_tables(lock)
    add_dangling(thread)
    return 0


def launch(thread):
    """Start the OS thread, which calls thread._bootstrap().

    Calls the starting function that is in the public module, with the arguments of threading.py's call.  If
    that raises, the thread is as before.
    """
    claim(thread)
    try:
        if has_handle:
            public["_start_joinable_thread"](
                thread._bootstrap, handle=handle_of(thread), daemon=thread.daemon
            )
        else:
            public["_start_new_thread"](thread._bootstrap, ())
    except BaseException:
        leave_limbo(thread)
        raise


def passes(lock, blocking, timeout):
    """Acquire and release the lock without interruption; returns whether it was acquired."""
    if not lock.acquire(blocking, timeout):
        return False
    lock.release()
    return True


def deadline_of(timeout):
    """The deadline of a timeout, None or any real number of seconds.  ValueError for NaN."""
    return hs_deadline_of(timeout)


def seconds_until(deadline):
    """The seconds left; None for HS_NEVER."""
    return hs_seconds_until(deadline)


def seconds_of(timeout):
    """A timeout as seconds that any lock accepts; None for HS_NEVER.  ValueError for NaN."""
    return hs_seconds_until(hs_deadline_of(timeout))


# ---- all threads ------------------------------------------------------------------------------------

cdef object current():
    cdef object get_ident = public["get_ident"]
    cdef object ident = PyThread_get_thread_ident() if get_ident is own_ident else get_ident()
    try:
        return active[ident]
    except KeyError:
        return public["_DummyThread"]()


def current_thread():
    """The Thread object of the calling thread.

    For a foreign thread, which something else has started, one that represents it.
    """
    return current()


def main_thread():
    """The Thread object of the main thread: normally the thread that the interpreter was started in."""
    return registry.main_thread()


def enumerate():
    """A list of the Thread objects of all threads that are running or being started.

    It includes the main thread, daemon threads, and foreign threads known from current_thread().
    """
    # `limbo` first: a thread that moves to `active` meanwhile is then seen twice, not missed.
    lock = lock_tables()
    try:
        starting = list(limbo.values())
        running = list(active.values())
    finally:
        unlock_tables(lock)
    return running + [thread for thread in starting if thread not in running]


def active_count():
    """The length of the list that enumerate() returns."""
    return len(enumerate()) if limbo else len(active)


def currentThread():
    """Deprecated name of current_thread()."""
    deprecated("currentThread() is deprecated, use current_thread() instead")
    return current()


def activeCount():
    """Deprecated name of active_count()."""
    deprecated("activeCount() is deprecated, use active_count() instead")
    return active_count()
