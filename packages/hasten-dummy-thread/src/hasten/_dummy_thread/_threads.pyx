# cython: freethreading_compatible=True
"""Threads that run to their end inside the call that starts them.

`run_as_thread` starts every thread: it pushes a Running on the stack of running threads (see _innermost.h),
calls the function and pops it.  While it is on top, the code runs "in" the new thread: get_ident() returns
its number, and functions given to at_thread_end() are called when it ends.

Signals that interrupt_main() simulates inside such a thread are delivered after the outermost one has ended:
only then the main thread runs.
"""

import sys

cimport cython
from cpython.ref cimport PyObject

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock

from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "_innermost.h":
    PyObject *hs_get_innermost() noexcept
    void hs_set_innermost(PyObject *running) noexcept

cdef enum:
    NOT_STARTED
    RUNNING
    DONE

cdef hs_mutex counting
cdef unsigned long last_ident = 0
cdef unsigned long main_ident = PyThread_get_thread_ident()
cdef list pending = []  # numbers of signals to be delivered when the outermost thread has ended


@cython.final
cdef class Running:
    """A thread between its start and its end."""
    cdef unsigned long ident
    cdef PyObject *outer  # borrowed: the thread that started this one, kept by its run_as_thread()
    cdef list at_end


cdef unsigned long new_ident() noexcept:
    """A number from 1 up.  Real threads' are addresses, or at least large, on all systems we know."""
    global last_ident
    cdef unsigned long ident
    hs_mutex_lock(&counting)
    last_ident += 1
    ident = last_ident
    hs_mutex_unlock(&counting)
    return ident


cdef unsigned long running_ident() noexcept:
    cdef PyObject *innermost = hs_get_innermost()
    return PyThread_get_thread_ident() if innermost == NULL else (<Running>innermost).ident


def get_ident():
    """The identifier of the running thread: an int other than 0, unique among running threads."""
    return running_ident()


def is_inside():
    """True in a thread that runs inside the call that started it."""
    return hs_get_innermost() != NULL


def at_thread_end(function):
    """Have function() called when the running thread ends.  False, and nothing done, in a real thread."""
    cdef PyObject *innermost = hs_get_innermost()
    if innermost == NULL:
        return False
    (<Running>innermost).at_end.append(function)
    return True


def run_as_thread(function, tuple args=()):
    """Call function(*args) as a new thread; return that thread's number when it has ended.

    Propagates what the function raises, and what a signal handler raises for a signal of interrupt_main().
    """
    cdef Running me = Running.__new__(Running)
    me.ident = new_ident()
    me.at_end = []
    me.outer = hs_get_innermost()
    hs_set_innermost(<PyObject *>me)
    try:
        try:
            function(*args)
        finally:
            while me.at_end:
                me.at_end.pop()()
    finally:
        hs_set_innermost(me.outer)
        if me.outer == NULL and pending:
            deliver(pending.pop(0))
    return me.ident


def print_errors_of(function, args, kwargs):
    """Call the function, and print an exception that ends it.

    SystemExit ends the thread silently.  KeyboardInterrupt propagates: Ctrl-C is for the main thread, which
    has called start_new_thread().
    """
    try:
        function(*args, **kwargs)
    except SystemExit:
        return
    except KeyboardInterrupt:
        raise
    except BaseException:
        import traceback

        traceback.print_exc()


def start_new_thread(function, args, kwargs={}):  # no-cython-lint
    """Run function(*args, **kwargs) as a thread, to its end; return the thread's number.

    args: a tuple.  kwargs: a dict.  SystemExit ends the thread silently; other exceptions are printed with
    traceback.print_exc().  KeyboardInterrupt, from Ctrl-C or from interrupt_main(), is raised by this call;
    the latter after the function has returned.
    """
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if not isinstance(kwargs, dict):
        raise TypeError("3rd arg must be a dict")
    return run_as_thread(print_errors_of, (function, args, kwargs))


@cython.final
cdef class _ThreadHandle:
    """_ThreadHandle()
--

    The join handle of a thread of start_joinable_thread()."""
    cdef unsigned long number
    cdef int state
    cdef object __weakref__

    @property
    def ident(self):
        """The number of the thread; 0 before it starts."""
        return self.number

    def is_done(self):
        """Whether the thread has ended."""
        return self.state == DONE

    def _set_done(self):
        """Mark the thread as ended.  RuntimeError if it was not started."""
        if self.state == NOT_STARTED:
            raise RuntimeError("thread not started")
        self.state = DONE

    def join(self, timeout=None, /):
        """Return at once if the thread has ended.

        Otherwise the caller runs inside it, and it cannot end during the wait: sleep *timeout* seconds, or
        raise RuntimeError without a timeout.  RuntimeError also for a thread that joins itself.
        """
        cdef double seconds = -1 if timeout is None else seconds_of(timeout)
        if self.state == NOT_STARTED:
            raise RuntimeError("thread not started")
        if self.state == DONE:
            return
        if self.number == running_ident():
            raise RuntimeError("Cannot join current thread")
        if seconds < 0:
            raise never_ends(
                "join()",
                f"thread {self.number} goes on when the one that joins it has ended",
                "let the code that started both join, or pass a timeout",
            )
        sleep_out(seconds)

    def __repr__(self):
        return f"<_ThreadHandle object: ident={self.number}>"

    def __reduce__(self):
        raise TypeError("cannot pickle '_ThreadHandle' object")


def run_with_handle(_ThreadHandle handle, function):
    handle.number = running_ident()
    handle.state = RUNNING
    try:
        print_errors_of(function, (), {})
    finally:
        handle.state = DONE


def start_joinable_thread(function, handle=None, daemon=True):
    """Run function() as a thread, to its end; return its handle, on which join() returns at once.

    handle: an unused handle, or None for a new one.  daemon: ignored.  Exceptions are treated as by
    start_new_thread().
    """
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is None:
        handle = _ThreadHandle()
    elif not isinstance(handle, _ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    if (<_ThreadHandle>handle).state != NOT_STARTED:
        raise RuntimeError("thread already started")
    run_as_thread(run_with_handle, (handle, function))
    return handle


def _make_thread_handle(ident, /):
    """A handle for a running thread that was not started here, such as the main thread."""
    cdef _ThreadHandle handle = _ThreadHandle()
    handle.number = ident
    handle.state = RUNNING
    return handle


def _get_main_thread_ident():
    """The identifier of the main thread: the one that imported this module."""
    return main_ident


def _count():
    """The number of running threads, each inside the one before, not counting the main thread."""
    cdef PyObject *running = hs_get_innermost()
    count = 0
    while running != NULL:
        count += 1
        running = (<Running>running).outer
    return count


def exit():
    """End the calling thread: raise SystemExit."""
    raise SystemExit


cdef int deliver(int signum) except -1:
    """Call the signal's handler.  For SIGINT without one, raise KeyboardInterrupt."""
    import signal

    handler = signal.getsignal(signum)
    if callable(handler):
        handler(signum, sys._getframe())
    elif signum == signal.SIGINT:
        raise KeyboardInterrupt
    return 0


def interrupt_main(signum=2, /):
    """Simulate the arrival of a signal in the main thread.

    signum: a signal number, SIGINT by default; ValueError if it is none.  In a thread the handler is called
    after the outermost thread has ended, otherwise at once.  A signal other than SIGINT without a handler
    in Python does nothing.
    """
    import signal

    if not isinstance(signum, int):
        raise TypeError(f"{type(signum).__name__!r} object cannot be interpreted as an integer")
    if not 1 <= signum < signal.NSIG:
        raise ValueError(f"signal number out of range: {int(signum)}")
    if is_inside():
        pending.append(signum)
    else:
        deliver(signum)


def stack_size(size=0, /):
    """The stack size of new threads: 0, the system's.  RuntimeError for a size other than 0 or None."""
    if size is not None and not (isinstance(size, int) and size == 0):
        raise RuntimeError("setting thread stack size not supported")
    return 0


def daemon_threads_allowed():
    """True.  It makes no difference: a thread has ended when start() returns."""
    return True


def _is_main_interpreter():
    """True: this package cannot be loaded into a subinterpreter."""
    return True


def _shutdown():
    """Wait for non-daemon threads: nothing to do, as all have ended."""
