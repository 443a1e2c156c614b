# cython: freethreading_compatible=True
"""Which threads there are, and the steps of a thread's life that nothing may interrupt halfway.

Thread itself is Python code (_threads.py), as tools read and exchange its byte code.  What stands here is
either called often or must be whole: an exception that a signal handler or a trace function raises falls
between two lines of Python code, and never between two of these.

- A thread that is being started stands in the registry's `limbo`, so it is listed from start() on.  The
  thread itself moves to `active`, under its identifier, before start() returns.

Both tables are the interpreter's.  With a GIL one operation on them needs no lock.  Without, each has a mutex
in itself, which may be handed to a thread that waits for it and that a fork() leaves behind; threading.py
would then wait for it in the child for ever.  So whoever changes or lists a table there takes the lock that
threading.py has for both: it puts a new one in its place after a fork.
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

# From 3.13 on threads are started with a join handle.  Its name is the one that threading.py's Thread uses.
cdef bint has_handle = sys.version_info >= (3, 13)
HANDLE = ("_os_thread_handle" if sys.version_info >= (3, 14) else "_handle") if has_handle else None
FREE_THREADED = bool(HS_FREE_THREADED)
cdef object handle_of = operator.attrgetter(HANDLE) if has_handle else None

# Names that users replace in the public module: looked up there at each use.
cdef dict public = {}


def _set_public(dict namespace):
    """Tell which module users see."""
    global public
    public = namespace


# ---- the tables -----------------------------------------------------------------------------------------

cdef object lock_tables():
    """Keep others from the tables.  What is returned is for unlock_tables()."""
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
    """Forget a thread that will not run, or whose start has failed."""
    lock = lock_tables()
    try:
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)
    return 0


def enter_active(ident, thread):
    """List a thread that runs, and no longer as one that is being started."""
    lock = lock_tables()
    try:
        active[ident] = thread
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)


def leave_active(ident):
    """Forget the thread that ends."""
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
    """List the thread as one that is being started.  RuntimeError if somebody else is at it."""
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

    The function that does it is the one that stands in the public module, called as threading.py calls it.
    When it raises, the thread is as before.
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
    """Whether the lock could be acquired.  It is free again: nothing comes between acquire and release."""
    if not lock.acquire(blocking, timeout):
        return False
    lock.release()
    return True


def deadline_of(timeout):
    """The moment at which this timeout, None or any real number of seconds, ends.  ValueError for NaN."""
    return hs_deadline_of(timeout)


def seconds_until(deadline):
    """The seconds left; None for ever."""
    return hs_seconds_until(deadline)


def seconds_of(timeout):
    """A timeout as seconds that any lock takes; None for ever.  ValueError for NaN."""
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

    For a thread that was started by something else than this module, a Thread object that stands for it.
    """
    return current()


def main_thread():
    """The Thread object of the main thread: normally the one that the interpreter was started in."""
    return registry.main_thread()


def enumerate():
    """A list of all Thread objects whose threads run, or were started and are about to.

    The main thread, daemon threads and those that current_thread() stood in for are among them.
    """
    # First those that are about to run: a thread that begins meanwhile is then seen twice, not missed.
    lock = lock_tables()
    try:
        starting = list(limbo.values())
        running = list(active.values())
    finally:
        unlock_tables(lock)
    return running + [thread for thread in starting if thread not in running]


def active_count():
    """The number of threads in the list that enumerate() returns."""
    return len(enumerate()) if limbo else len(active)


def currentThread():
    """An old name of current_thread()."""
    deprecated("currentThread() is deprecated, use current_thread() instead")
    return current()


def activeCount():
    """An old name of active_count()."""
    deprecated("activeCount() is deprecated, use active_count() instead")
    return active_count()
