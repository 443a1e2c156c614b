"""Thread and Timer: a thread's life is one call of start().

They are ordinary Python classes with the attributes that 3.15's Thread has, so that a program finds there
what it sets, deletes or overrides.  How a thread runs is in _starting.py and _running.pyx.
"""

import sys
import warnings
from itertools import count

from hasten._dummy_thread import _get_main_thread_ident, _ThreadHandle, get_ident
from hasten._dummy_thread._waits import never_ends, seconds_of, sleep_out
from hasten.dummy_threading import _running, _starting
from hasten.dummy_threading._event import Event
from hasten.dummy_threading._published import published

_next_number = count(1).__next__


def _default_name(target):
    name = getattr(target, "__name__", None)
    number = _next_number()
    return f"Thread-{number}" if name is None else f"Thread-{number} ({name})"


def _check_initialized(thread, error=AssertionError):
    if not thread._initialized:
        raise error("Thread.__init__() not called: a subclass must do so in its own __init__()")


def _deprecated(old, new):
    warnings.warn(f"{old} is deprecated, {new} instead", DeprecationWarning, stacklevel=3)


@published
class Thread:
    """A thread that runs inside its start(), to its end.

    target: what run() calls, with *args* and *kwargs*.  name: a str; "Thread-N (target)" by default.
    daemon: makes no difference; by default that of the thread that makes this one.  context: the
    contextvars.Context to run in; by default an empty one, or a copy of the caller's where
    sys.flags.thread_inherit_context says so.  group: None.
    """

    _initialized = False

    def __init__(
        self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None
    ):
        """See the class."""
        if group is not None:
            raise AssertionError(f"group argument must be None for now, not {group!r}")
        self._target = target
        self._name = str(name) if name else _default_name(target)
        self._args = args
        self._kwargs = {} if kwargs is None else kwargs
        self._daemonic = _running.current_thread().daemon if daemon is None else daemon
        self._context = context
        self._ident = None
        self._native_id = None
        self._os_thread_handle = _ThreadHandle()
        self._started = Event()
        self._stderr = sys.stderr
        self._initialized = True

    def start(self):
        """Run the thread, to its end.

        What the thread raises goes to excepthook; SystemExit ends it silently.  KeyboardInterrupt comes out
        of this call, be it from Ctrl-C or, when the thread has ended, from interrupt_main().
        RuntimeError if it was started before.
        """
        _starting.start(self)

    def run(self):
        """What the thread does: call the target.  Subclasses may do something else."""
        try:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)
        finally:
            # the arguments may hold this thread
            del self._target, self._args, self._kwargs

    def join(self, timeout=None):
        """Return if the thread has ended, as each has that was started by now.

        RuntimeError if it was not started, or is the one that calls.  What is left are threads inside of
        which this one was started: waiting for them takes *timeout* seconds, and without one is an error.
        """
        seconds = 0 if timeout is None else seconds_of(timeout)
        _check_initialized(self, RuntimeError)
        if not self._started.is_set():
            raise RuntimeError("cannot join thread before it is started")
        if self._os_thread_handle.is_done():
            return
        if self._ident == get_ident():
            raise RuntimeError("cannot join current thread")
        if timeout is None:
            raise never_ends(
                "join()",
                f"{self._name} goes on when the thread that joins it has ended",
                "let the code that started both join, or pass a timeout",
            )
        sleep_out(seconds)

    def is_alive(self):
        """True while it runs."""
        _check_initialized(self)
        return self._started.is_set() and not self._os_thread_handle.is_done()

    @property
    def name(self):
        """A str that means nothing to the program."""
        _check_initialized(self)
        return self._name

    @name.setter
    def name(self, name):
        _check_initialized(self)
        self._name = str(name)

    @property
    def ident(self):
        """The number of the thread, what get_ident() returns in it; None before it is started."""
        _check_initialized(self)
        return self._ident

    @property
    def native_id(self):
        """The number that the system has for the thread that start() was called in; None before that."""
        _check_initialized(self)
        return self._native_id

    @property
    def daemon(self):
        """A bool that makes no difference.  RuntimeError if it is set after start()."""
        _check_initialized(self)
        return self._daemonic

    @daemon.setter
    def daemon(self, daemonic):
        _check_initialized(self, RuntimeError)
        if self._started.is_set():
            raise RuntimeError("cannot set daemon status of active thread")
        self._daemonic = daemonic

    def isDaemon(self):
        """An old name of the attribute daemon."""
        _deprecated("isDaemon()", "get the daemon attribute")
        return self.daemon

    def setDaemon(self, daemonic):
        """An old way to set the attribute daemon."""
        _deprecated("setDaemon()", "set the daemon attribute")
        self.daemon = daemonic

    def getName(self):
        """An old name of the attribute name."""
        _deprecated("getName()", "get the name attribute")
        return self.name

    def setName(self, name):
        """An old way to set the attribute name."""
        _deprecated("setName()", "set the name attribute")
        self.name = name

    def __repr__(self):
        _check_initialized(self)
        words = ["initial"]
        if self._started.is_set():
            words[0] = "stopped" if self._os_thread_handle.is_done() else "started"
        if self._daemonic:
            words.append("daemon")
        if self._ident is not None:
            words.append(str(self._ident))
        return f"<{type(self).__name__}({self._name}, {' '.join(words)})>"


@published
class Timer(Thread):
    """A thread that calls a function, inside its start() and without letting any time pass.

    interval: seconds that a real timer would wait; only kept.  function: called with *args* and *kwargs*.
    """

    def __init__(self, interval, function, args=None, kwargs=None):
        Thread.__init__(self)
        self.finished = Event()
        self.function, self.interval = function, interval
        self.kwargs = {} if kwargs is None else kwargs
        self.args = [] if args is None else args

    def cancel(self):
        """Have the function not called.  Too late after start()."""
        self.finished.set()

    def run(self):
        """Call the function, unless cancel() was called."""
        _starting.run_timer(self)


@published
class _MainThread(Thread):
    """The thread that all others run in."""

    def __init__(self):
        Thread.__init__(self, name="MainThread", daemon=False)
        _starting.begin(self, _get_main_thread_ident())


_running.set_main_thread(_MainThread())
