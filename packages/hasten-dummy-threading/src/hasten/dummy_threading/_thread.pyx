# cython: freethreading_compatible=True
"""Thread: its life is one call of start()."""

import sys
import warnings
from itertools import count

from hasten._dummy_thread import _get_main_thread_ident, get_ident, get_native_id
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading._running import context_for_new_thread, current_thread, run_inside_start

cdef object next_number = count(1).__next__


cdef int deprecate(str old, str new) except -1:
    warnings.warn(f"{old} is deprecated, {new} instead", DeprecationWarning, stacklevel=1)
    return 0


cdef str default_name(object target):
    name = getattr(target, "__name__", None)
    number = next_number()
    return f"Thread-{number}" if name is None else f"Thread-{number} ({name})"


cdef class Thread:
    """Thread(group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None)
--

    A thread that runs inside its start(), to its end.

    target: what run() calls, with *args* and *kwargs*.  name: a str; "Thread-N (target)" by default.
    daemon: makes no difference; by default that of the thread that makes this one.  context: the
    contextvars.Context to run in; by default an empty one, or a copy of the caller's where
    sys.flags.thread_inherit_context says so.  group: None.
    """

    def __init__(
        self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None
    ):
        if group is not None:
            raise AssertionError(f"group argument must be None for now, not {group!r}")
        self._target = target
        self._args = args
        self._kwargs = {} if kwargs is None else kwargs
        self._stderr = sys.stderr
        self.title = default_name(target) if name is None else str(name)
        self.daemonic = current_thread().daemon if daemon is None else daemon
        self.context = context
        self.initialized = True

    cdef int check(self, object error) except -1:
        if not self.initialized:
            raise error("Thread.__init__() not called: a subclass must do so in its own __init__()")
        return 0

    def start(self):
        """Run the thread, to its end.

        What the thread raises goes to excepthook; SystemExit ends it silently.  KeyboardInterrupt comes out
        of this call, be it from Ctrl-C or, when the thread has ended, from interrupt_main().
        RuntimeError if it was started before.
        """
        if not self.initialized:
            raise RuntimeError("thread.__init__() not called")
        if self.begun:
            raise RuntimeError("threads can only be started once")
        context = context_for_new_thread() if self.context is None else self.context
        run_inside_start(self, context, Thread._begin, Thread._end)

    def run(self):
        """What the thread does: call the target.  Subclasses may do something else."""
        try:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)
        finally:
            # the arguments may hold this thread
            self._target = self._args = self._kwargs = None

    def _begin(self, ident):
        self.number = ident
        self.system_number = get_native_id()
        self.begun = True

    def _end(self):
        self.ended = True
        self.context = None

    def join(self, timeout=None):
        """Return if the thread has ended, as each has that was started by now.

        RuntimeError if it was not started, or is the one that calls.  What is left are threads inside of
        which this one was started: waiting for them takes *timeout* seconds, and without one is an error.
        """
        cdef double seconds = 0 if timeout is None else seconds_of(timeout)
        self.check(RuntimeError)
        if not self.begun:
            raise RuntimeError("cannot join thread before it is started")
        if self.ended:
            return
        if self.number == get_ident():
            raise RuntimeError("cannot join current thread")
        if timeout is None:
            raise never_ends(
                "join()",
                f"{self.title} goes on when the thread that joins it has ended",
                "let the code that started both join, or pass a timeout",
            )
        sleep_out(seconds)

    def is_alive(self):
        """True while it runs."""
        self.check(AssertionError)
        return self.begun and not self.ended

    @property
    def name(self):
        """A str that means nothing to the program."""
        self.check(AssertionError)
        return self.title

    @name.setter
    def name(self, name):
        self.check(AssertionError)
        self.title = str(name)

    @property
    def ident(self):
        """The number of the thread, what get_ident() returns in it; None before it is started."""
        self.check(AssertionError)
        return self.number

    @property
    def native_id(self):
        """The number that the system has for the thread that start() was called in; None before that."""
        self.check(AssertionError)
        return self.system_number

    @property
    def daemon(self):
        """A bool that makes no difference.  RuntimeError if it is set when the thread runs."""
        self.check(AssertionError)
        return self.daemonic

    @daemon.setter
    def daemon(self, bint daemonic):
        self.check(RuntimeError)
        if self.begun and not self.ended:
            raise RuntimeError("cannot set daemon status of active thread")
        self.daemonic = daemonic

    def isDaemon(self):
        """An old name of the attribute daemon."""
        deprecate("isDaemon()", "get the daemon attribute")
        return self.daemon

    def setDaemon(self, daemonic):
        """An old way to set the attribute daemon."""
        deprecate("setDaemon()", "set the daemon attribute")
        self.daemon = daemonic

    def getName(self):
        """An old name of the attribute name."""
        deprecate("getName()", "get the name attribute")
        return self.name

    def setName(self, name):
        """An old way to set the attribute name."""
        deprecate("setName()", "set the name attribute")
        self.name = name

    def __repr__(self):
        self.check(AssertionError)
        state = "stopped" if self.ended else "started" if self.begun else "initial"
        if self.daemonic:
            state += " daemon"
        if self.number is not None:
            state += f" {self.number}"
        return f"<{type(self).__name__}({self.title}, {state})>"


cdef class MainThread(Thread):
    """The thread that all others run in."""

    def __init__(self):
        Thread.__init__(self, name="MainThread", daemon=False)
        self._begin(_get_main_thread_ident())
