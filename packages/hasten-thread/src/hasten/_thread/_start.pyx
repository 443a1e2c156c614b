# cython: freethreading_compatible=True, binding=False
"""Starting and joining threads of `hasten._thread`.  The OS side is _start.h; this is the Python side.

Joining has two steps.  A joiner sleeps until the thread is marked done; then the OS thread itself, which
needs a few microseconds more, is joined by the one who claims it first.  Only then join() returns, for
all joiners.  The thread wakes one joiner, and each joiner that leaves a done thread wakes the next.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyCallable_Check, PyTypeObject
from cpython.ref cimport Py_DECREF, PyObject
from libc.errno cimport ENOMEM
from libc.stdint cimport int64_t

from clock cimport HS_NEVER, hs_deadline_after, hs_now
from compat cimport (
    HS_FREE_THREADED,
    hs_finalization_error,
    hs_finalizing,
    hs_mutex,
    hs_mutex_lock,
    hs_mutex_unlock,
    hs_set_sentinel,
    hs_type_rename,
)
from park cimport (
    HS_INTERRUPTED,
    hs_word_wait,
    hs_park_init,
    hs_word_wake,
    hs_waiter,
    hs_waitlist,
    hs_waitlist_append,
    hs_waitlist_pop,
    hs_waitlist_remove,
)
from hasten._thread._timeouts cimport seconds_of

import _thread as interpreter_thread
import sys

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    size_t PyThread_get_stacksize()
    const char *PyUnicode_AsUTF8(object text) except NULL
    int PySys_Audit(const char *event, const char *format, ...) except -1

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long pthread_t
    int pthread_join(pthread_t thread, void **result)
    int pthread_detach(pthread_t thread)
    pthread_t pthread_self()
    int pthread_getname_np(pthread_t thread, char *name, size_t size)

cdef extern from "_start.h":
    enum:
        HS_NEW
        HS_STARTED
        HS_DONE
        HS_JOINABLE
        HS_JOINING
        HS_GONE
        HS_NAME_SIZE
    ctypedef struct hs_thread:
        int daemon
        void *interp
        hs_mutex mutex
        int os
        hs_waitlist joiners
    struct world:
        long count
    world hs_world
    int hs_threads_init()
    hs_thread *hs_thread_new()
    void hs_thread_ref(hs_thread *t)
    void hs_thread_unref(hs_thread *t)
    void hs_call_set(hs_thread *t, PyObject *function, PyObject *args, PyObject *kwargs)
    void hs_call_clear(hs_thread *t)
    int hs_thread_start(hs_thread *t, size_t stack_size, bint joinable, unsigned long *ident)
    void hs_list_foreign(hs_thread *t)
    void hs_unlist(hs_thread *t)
    hs_thread *hs_find_non_daemon(unsigned long me)
    int hs_thread_state(hs_thread *t)
    void hs_thread_set_state(hs_thread *t, int state)
    unsigned long hs_thread_ident(hs_thread *t) nogil
    void hs_thread_set_ident(hs_thread *t, unsigned long ident)
    int hs_set_name(const char *name, int length) nogil

cdef extern from "_transit.h":
    enum:
        HS_STARTING
        HS_ENDING
        HS_PATIENCE
    int hs_transit_settle(int way, int seconds)
    void hs_transit_drain_ending(int seconds)
    void hs_transit_wait(int way, int seconds)

cdef int init_error = hs_park_init() or hs_threads_init()
if init_error:
    raise OSError(init_error, "pthread_atfork() failed")


# ---- start ----------------------------------------------------------------------------------------

cdef int start(
    hs_thread *t, function, tuple args, dict kwargs, bint joinable, unsigned long *ident
) except -1:
    """Start t, to call function(*args, **kwargs)."""
    cdef int err
    if hs_finalizing():
        raise hs_finalization_error()("can't create new thread at interpreter shutdown")
    hs_call_set(t, <PyObject *>function, <PyObject *>args, <PyObject *>kwargs if kwargs else NULL)
    err = hs_thread_start(t, PyThread_get_stacksize(), joinable, ident)
    if err:
        hs_call_clear(t)
        raise MemoryError() if err == ENOMEM else RuntimeError("can't start new thread")
    return 0


cdef int check_open() except -1:
    if not hs_finalizing() and no_more_starts is not None and no_more_starts():
        raise hs_finalization_error()("can't create new thread at interpreter shutdown")
    return 0


def start_new_thread(function, args, kwargs={}, /):  # no-cython-lint: the signature of the stdlib
    """Start a daemon thread that calls function(*args, **kwargs); its identifier.

    args: a tuple.  kwargs: a dict.  The thread ends when the function returns.  SystemExit ends it
    silently; any other exception goes to sys.unraisablehook.  Does not wait until it runs.  RuntimeError if
    no thread can be had.
    """
    if not PyCallable_Check(function):
        raise TypeError(f"first arg must be callable, not {type(function).__name__}")
    if not isinstance(args, tuple):
        raise TypeError(f"2nd arg must be a tuple, not {type(args).__name__}")
    if not isinstance(kwargs, dict):
        raise TypeError(f"optional 3rd arg must be a dictionary, not {type(kwargs).__name__}")
    PySys_Audit("_thread.start_new_thread", "OOO", <PyObject *>function, <PyObject *>args,
                <PyObject *>(kwargs if kwargs else None))
    check_open()
    return start_detached(function, args, kwargs)


def _start_new_promised(function):
    """start_new_thread(function, ()), also at the end of the interpreter if that waits for the caller."""
    return start_detached(function, (), None)


cdef object start_detached(function, tuple args, dict kwargs):
    cdef unsigned long ident = 0
    cdef hs_thread *t = hs_thread_new()
    if t == NULL:
        raise MemoryError("no memory for a thread")
    try:
        start(t, function, args, kwargs, False, &ident)
    finally:
        hs_thread_unref(t)
    return ident


def start_joinable_thread(function, handle=None, daemon=True):
    """Start a thread that calls function(), and return its join handle.

    handle: a _ThreadHandle that was not used before, or None for a new one.  daemon: False makes
    _shutdown(), and so the end of the interpreter, wait for the thread.  Exceptions and waiting: as
    for start_new_thread().  RuntimeError if the handle has been used or no thread can be had.
    """
    check_open()
    return _start_promised(function, handle, daemon)


def _start_promised(function, handle, daemon):
    """start_joinable_thread(), also at the end of the interpreter if that waits for the caller."""
    cdef unsigned long ident = 0
    cdef _ThreadHandle joined
    cdef bint fresh
    if not PyCallable_Check(function):
        raise TypeError(f"thread function must be callable, not {type(function).__name__}")
    if handle is None:
        joined = _ThreadHandle.__new__(_ThreadHandle)
    elif isinstance(handle, _ThreadHandle):
        joined = handle
    else:
        raise TypeError(f"'handle' must be a _ThreadHandle, not {type(handle).__name__}")
    daemon = bool(daemon)
    PySys_Audit("_thread.start_joinable_thread", "OiO", <PyObject *>function, <int>daemon, <PyObject *>handle)
    hs_mutex_lock(&joined.t.mutex)
    fresh = hs_thread_state(joined.t) == HS_NEW
    if fresh:
        hs_thread_set_state(joined.t, HS_STARTED)
    hs_mutex_unlock(&joined.t.mutex)
    if not fresh:
        raise RuntimeError("thread already started")
    try:
        joined.t.daemon = daemon
        if not daemon:
            before_non_daemon()
        start(joined.t, function, (), None, True, &ident)
    except BaseException:
        not_started(joined.t)
        raise
    return joined


cdef void not_started(hs_thread *t) noexcept:
    """The start has failed: the handle is as new, and who waits in join() is told."""
    hs_mutex_lock(&t.mutex)
    hs_thread_set_state(t, HS_NEW)
    hs_mutex_unlock(&t.mutex)
    wake_next_joiner(t)


cdef object before_non_daemon = None
cdef object no_more_starts = None


def _set_hooks(non_daemon, refuse):
    """Call non_daemon() before each start of a non-daemon thread; refuse all starts when refuse() is true."""
    global before_non_daemon, no_more_starts
    before_non_daemon, no_more_starts = non_daemon, refuse


# ---- join -----------------------------------------------------------------------------------------

cdef void wake_next_joiner(hs_thread *t) noexcept:
    cdef int *word = NULL
    hs_mutex_lock(&t.mutex)
    if hs_thread_state(t) != HS_STARTED:
        word = hs_waitlist_pop(&t.joiners)
    hs_mutex_unlock(&t.mutex)
    if word != NULL:
        hs_word_wake(word)


cdef bint is_over(hs_thread *t, hs_waiter *me) except -1:
    """True when the thread has ended and its OS thread is gone; else *me* is in the list of joiners."""
    cdef int state
    hs_mutex_lock(&t.mutex)
    state = hs_thread_state(t)
    if state == HS_DONE and t.os == HS_JOINABLE:
        t.os = HS_JOINING
        hs_mutex_unlock(&t.mutex)
        with nogil:
            pthread_join(<pthread_t>hs_thread_ident(t), NULL)
        hs_mutex_lock(&t.mutex)
        t.os = HS_GONE
    if state == HS_NEW or state == HS_DONE and t.os == HS_GONE:
        hs_mutex_unlock(&t.mutex)
        wake_next_joiner(t)
        if state == HS_NEW:
            raise RuntimeError("thread not started")
        return True
    hs_waitlist_append(&t.joiners, me)
    hs_mutex_unlock(&t.mutex)
    return False


cdef bint join_until(hs_thread *t, int64_t deadline) except -1:
    """Wait for the end of t; False if the deadline comes first.  The caller holds a reference."""
    cdef hs_waiter me
    cdef int outcome
    cdef bint late
    while not is_over(t, &me):
        late = deadline != HS_NEVER and hs_now() >= deadline
        outcome = -1
        if not late:
            with nogil:
                outcome = hs_word_wait(&me.word, deadline)
        hs_mutex_lock(&t.mutex)
        hs_waitlist_remove(&t.joiners, &me)
        hs_mutex_unlock(&t.mutex)
        if late:
            if me.word:
                wake_next_joiner(t)
            return False
        if outcome == HS_INTERRUPTED:
            try:
                PyErr_CheckSignals()
            except BaseException:
                wake_next_joiner(t)
                raise
    return True


@cython.final
cdef class _ThreadHandle:
    """Stands for one thread that start_joinable_thread() starts, from before its start to after its end.

    Thread-safety: all methods may be called from any thread.
    """
    cdef hs_thread *t

    def __cinit__(self):
        self.t = hs_thread_new()
        if self.t == NULL:
            raise MemoryError("no memory for a thread handle")

    def __dealloc__(self):
        cdef hs_thread *t = self.t
        cdef bint detach
        if t == NULL:
            return
        hs_mutex_lock(&t.mutex)
        detach = t.os == HS_JOINABLE
        if detach:
            t.os = HS_GONE
        hs_mutex_unlock(&t.mutex)
        if detach:
            pthread_detach(<pthread_t>hs_thread_ident(t))
        if t.interp == NULL:
            hs_unlist(t)
        hs_thread_unref(t)

    @property
    def ident(self):
        """The identifier of the thread, an int; 0 before its start."""
        return hs_thread_ident(self.t)

    def join(self, timeout=None, /):
        """Wait until the thread has ended and its OS thread is gone.

        timeout: seconds to wait at most, any real number; None or a negative number waits for ever.
        Returns None in any case; is_done() tells.  A signal handler that raises ends the wait.
        RuntimeError for a thread that was not started, or that joins itself.
        """
        cdef int64_t deadline = HS_NEVER
        cdef double seconds
        if timeout is not None:
            seconds = seconds_of(timeout)
            if seconds >= 0:
                deadline = hs_deadline_after(seconds)
        if hs_thread_state(self.t) == HS_NEW:
            raise RuntimeError("thread not started")
        if hs_thread_state(self.t) != HS_DONE:
            if hs_thread_ident(self.t) == PyThread_get_thread_ident():
                raise RuntimeError("Cannot join current thread")
            if hs_finalizing():
                raise hs_finalization_error()("cannot join thread at interpreter shutdown")
        join_until(self.t, deadline)

    def is_done(self):
        """True if the thread has ended, or counts as ended."""
        return hs_thread_state(self.t) == HS_DONE

    def _set_done(self):
        """Let the thread count as ended, whatever it does.  RuntimeError if it was not started."""
        cdef bint detach
        if hs_thread_state(self.t) == HS_NEW:
            raise RuntimeError("thread not started")
        hs_mutex_lock(&self.t.mutex)
        hs_thread_set_state(self.t, HS_DONE)
        detach = self.t.os == HS_JOINABLE
        if detach:
            self.t.os = HS_GONE
        hs_mutex_unlock(&self.t.mutex)
        if detach:
            pthread_detach(<pthread_t>hs_thread_ident(self.t))
        wake_next_joiner(self.t)

    def _set_daemon(self):
        """From now on the end of the interpreter does not wait for the thread."""
        self.t.daemon = True

    def __repr__(self):
        return f"<_thread._ThreadHandle object: ident={hs_thread_ident(self.t)}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread._ThreadHandle' object")


def _make_thread_handle(ident, /):
    """A handle of a running thread that something else started.  It is done when _set_done() says so."""
    cdef _ThreadHandle handle
    cdef unsigned long number
    if not isinstance(ident, int):
        raise TypeError(f"ident must be an integer, not {type(ident).__name__}")
    number = ident
    handle = _ThreadHandle.__new__(_ThreadHandle)
    hs_thread_set_ident(handle.t, number)
    hs_thread_set_state(handle.t, HS_STARTED)
    hs_list_foreign(handle.t)
    return handle


# ---- all threads ----------------------------------------------------------------------------------

def _count():
    """How many threads run that this module or the interpreter's _thread started."""
    return hs_world.count + interpreter_thread._count()


def _shutdown():
    """Wait until every non-daemon thread has ended, but for the calling one."""
    _join_non_daemon()


def _join_non_daemon():
    """_shutdown(), and whether there was a thread to wait for."""
    cdef hs_thread *t
    cdef unsigned long me = PyThread_get_thread_ident()
    cdef bint waited = False
    while True:
        t = hs_find_non_daemon(me)
        if t == NULL:
            return waited
        waited = True
        try:
            join_until(t, HS_NEVER)
        finally:
            hs_thread_unref(t)


def _settle():
    """Before the end of the interpreter: wait for the threads that are in transit (see _transit.h)."""
    hs_transit_settle(HS_STARTING, 60)
    hs_transit_settle(HS_ENDING, HS_PATIENCE)


def _settle_for_fork():
    """The same for those that a fork() would disturb."""
    if HS_FREE_THREADED:
        hs_transit_settle(HS_STARTING, 60)
        hs_transit_settle(HS_ENDING, HS_PATIENCE)
    else:
        hs_transit_drain_ending(HS_PATIENCE)


@cython.final
cdef class Last:
    """Dropped with this module, when no other thread can get the GIL any more.

    Threads that have ended after _settle() may still be freeing their thread states, and need no GIL for it.
    """

    def __dealloc__(self):
        hs_transit_wait(HS_ENDING, HS_PATIENCE)


_last = Last()


def stack_size(size=0, /):
    """The stack size of new threads, in bytes, before this call; *size* is that of later ones.

    0, also when left out, is the platform's default.  ValueError for a size that is too small
    or that the platform refuses.  Threads of this module and of the interpreter's _thread share it.
    """
    cdef Py_ssize_t wanted = size
    if wanted < 0:
        raise ValueError(f"size must be 0 or a positive value, not {wanted}")
    return interpreter_thread.stack_size(wanted)


# ---- up to 3.12: how threading.py learns of the end of a thread ------------------------------------------

cdef void release_sentinel(void *data) noexcept:
    sentinel = <object>data
    Py_DECREF(sentinel)
    if sentinel.locked():
        sentinel.release()


def _set_sentinel():
    """A lock that is released when the calling thread ends.  For the threading.py of 3.9 to 3.12."""
    sentinel = new_sentinel()
    hs_set_sentinel(release_sentinel, sentinel)
    return sentinel


from hasten._thread._locks import allocate_opaque_lock as new_sentinel


# ---- names of OS threads --------------------------------------------------------------------------------

_NAME_MAXLEN = HS_NAME_SIZE - 1


def set_name(name):
    """Name the OS thread that calls.  name: a str, of which the first 15 bytes are used."""
    if not isinstance(name, str):
        raise TypeError(f"set_name() argument 'name' must be str, not {type(name).__name__}")
    cdef int err
    if (<str>name).isascii():
        err = hs_set_name(PyUnicode_AsUTF8(name), _NAME_MAXLEN)
    else:
        err = hs_set_name((<str>name).encode(sys.getfilesystemencoding(), "replace"), _NAME_MAXLEN)
    if err:
        raise OSError(err, "the system refuses the name", name)


def _get_name():
    """The name of the OS thread that calls."""
    cdef char[HS_NAME_SIZE] name
    cdef int err = pthread_getname_np(pthread_self(), name, HS_NAME_SIZE)
    if err:
        raise OSError(err, "the system does not tell the name")
    return (<bytes>name).decode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


hs_type_rename(<PyTypeObject *>_ThreadHandle, b"_thread._ThreadHandle")
