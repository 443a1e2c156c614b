# cython: freethreading_compatible=True, binding=False
"""Starting and joining threads of `hasten._thread`: the Python side.  The OS side is _start.h.

Invariant: when join() returns, the OS thread is gone.  A joiner parks until the thread is marked done; the
first one to claim the OS thread, which needs a few microseconds more, joins it, and the others wait for
that.  The thread wakes one joiner, and each joiner that leaves wakes the next.
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
    """Start *t*, which calls function(*args, **kwargs)."""
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
    """Start a daemon thread that calls function(*args, **kwargs), and return its identifier.

    args: a tuple.  kwargs: a dict.  The thread ends when the function returns.  SystemExit ends it
    silently; any other exception goes to sys.unraisablehook.  Does not wait until it runs.  RuntimeError if
    the system cannot start a thread.
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
    """start_new_thread(function, ()) that is not refused during exit: exit waits for the caller."""
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

    handle: an unused _ThreadHandle, or None for a new one.  daemon: if false, _shutdown(), and so the
    interpreter's exit, waits for the thread.  Exceptions and waiting: as for start_new_thread().
    RuntimeError if the handle was used before or the system cannot start a thread.
    """
    check_open()
    return _start_promised(function, handle, daemon)


def _start_promised(function, handle, daemon):
    """start_joinable_thread() that is not refused during exit: exit waits for the caller."""
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
    """Undo a failed start: the handle is as new, and threads in join() are woken."""
    hs_mutex_lock(&t.mutex)
    hs_thread_set_state(t, HS_NEW)
    hs_mutex_unlock(&t.mutex)
    wake_next_joiner(t)


cdef object before_non_daemon = None
cdef object no_more_starts = None


def _set_hooks(non_daemon, refuse):
    """Call non_daemon() before each start of a non-daemon thread; refuse all starts if refuse() is true."""
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
    """True if the thread has ended and its OS thread is gone; else *me* is in the list of joiners."""
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
    """Wait until *t* has ended; False if the deadline comes first.  The caller holds a reference."""
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
    """The join handle of one thread of start_joinable_thread(), from before its start to after its end.

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
        Always returns None; is_done() tells whether it has ended.  A signal handler that raises ends the
        wait.  RuntimeError for a thread that was not started, or that joins itself.
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
        """Whether the thread has ended, or was marked as ended."""
        return hs_thread_state(self.t) == HS_DONE

    def _set_done(self):
        """Mark the thread as ended, even if it runs.  RuntimeError if it was not started."""
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
        """Have the interpreter's exit not wait for the thread."""
        self.t.daemon = True

    def __repr__(self):
        return f"<_thread._ThreadHandle object: ident={hs_thread_ident(self.t)}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread._ThreadHandle' object")


def _make_thread_handle(ident, /):
    """A handle for a running thread that something else has started.  It is done after _set_done()."""
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
    """The number of running threads that this module or the interpreter's _thread has started."""
    return hs_world.count + interpreter_thread._count()


def _shutdown():
    """Wait until every non-daemon thread except the calling one has ended."""
    _join_non_daemon()


def _join_non_daemon():
    """_shutdown(); returns whether there was a thread to wait for."""
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
    """Before the interpreter ends: wait for the threads in transit (see _transit.h)."""
    hs_transit_settle(HS_STARTING, 60)
    hs_transit_settle(HS_ENDING, HS_PATIENCE)


def _settle_for_fork():
    """Before a fork(): wait for the threads in transit that it would disturb."""
    if HS_FREE_THREADED:
        hs_transit_settle(HS_STARTING, 60)
        hs_transit_settle(HS_ENDING, HS_PATIENCE)
    else:
        hs_transit_drain_ending(HS_PATIENCE)


@cython.final
cdef class Last:
    """Deallocated with this module, when no other thread can acquire the GIL any more.

    Waits for threads that have ended after _settle(): freeing their thread states needs no GIL.
    """

    def __dealloc__(self):
        hs_transit_wait(HS_ENDING, HS_PATIENCE)


_last = Last()


def stack_size(size=0, /):
    """Set the stack size of new threads to *size* bytes, and return the previous one.

    0, the default of *size* too, is the platform's default.  ValueError for a size that is too small or that
    the platform refuses.  The setting is shared with the interpreter's _thread.
    """
    cdef Py_ssize_t wanted = size
    if wanted < 0:
        raise ValueError(f"size must be 0 or a positive value, not {wanted}")
    return interpreter_thread.stack_size(wanted)


# ---- up to 3.12: the lock by which threading.py joins a thread -------------------------------------------

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
    """Set the name of the calling OS thread.  name: a str, of which the first 15 bytes are used."""
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
    """The name of the calling OS thread."""
    cdef char[HS_NAME_SIZE] name
    cdef int err = pthread_getname_np(pthread_self(), name, HS_NAME_SIZE)
    if err:
        raise OSError(err, "the system does not tell the name")
    return (<bytes>name).decode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


hs_type_rename(<PyTypeObject *>_ThreadHandle, b"_thread._ThreadHandle")
