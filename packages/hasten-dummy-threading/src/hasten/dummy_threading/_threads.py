"""Thread and Timer: a thread's life is one call of start().

They are ordinary Python classes with the attributes of 3.15's Thread, because programs set, delete and
override these.  How a thread runs is in _starting.py and _running.pyx.
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

    target: the callable that run() calls with *args* and *kwargs*.  name: a str; "Thread-N (target)" by
    default.  daemon: no effect; by default the calling thread's value.  context: the contextvars.Context to
    run in; by default an empty one, or a copy of the caller's if sys.flags.thread_inherit_context.  group:
    None.
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

        Exceptions of the thread go to excepthook; SystemExit ends it silently.  KeyboardInterrupt, from
        Ctrl-C or from interrupt_main(), is raised by this call; the latter after the thread has ended.
        RuntimeError if it was started before.
        """
        _starting.start(self)

    def run(self):
        """Call the target.  Subclasses may override it."""
        try:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)
        finally:
            # arguments that refer to the thread would be a reference cycle
            del self._target, self._args, self._kwargs

    def join(self, timeout=None):
        """Return at once if the thread has ended.

        Otherwise the caller runs inside it, and it cannot end during the wait: sleep *timeout* seconds, or
        raise RuntimeError without a timeout.  RuntimeError also for a thread that was not started, and for
        the calling one.
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
        """Whether the thread runs."""
        _check_initialized(self)
        return self._started.is_set() and not self._os_thread_handle.is_done()

    @property
    def name(self):
        """The thread's name, a str.  It is informative."""
        _check_initialized(self)
        return self._name

    @name.setter
    def name(self, name):
        _check_initialized(self)
        self._name = str(name)

    @property
    def ident(self):
        """The thread's identifier, which get_ident() returns in it; None before start()."""
        _check_initialized(self)
        return self._ident

    @property
    def native_id(self):
        """The kernel's number of the thread that called start(); None before that."""
        _check_initialized(self)
        return self._native_id

    @property
    def daemon(self):
        """A bool without effect.  RuntimeError if it is set after start()."""
        _check_initialized(self)
        return self._daemonic

    @daemon.setter
    def daemon(self, daemonic):
        _check_initialized(self, RuntimeError)
        if self._started.is_set():
            raise RuntimeError("cannot set daemon status of active thread")
        self._daemonic = daemonic

    def isDaemon(self):
        """Deprecated: read `daemon`."""
        _deprecated("isDaemon()", "get the daemon attribute")
        return self.daemon

    def setDaemon(self, daemonic):
        """Deprecated: set `daemon`."""
        _deprecated("setDaemon()", "set the daemon attribute")
        self.daemon = daemonic

    def getName(self):
        """Deprecated: read `name`."""
        _deprecated("getName()", "get the name attribute")
        return self.name

    def setName(self, name):
        """Deprecated: set `name`."""
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
    """A thread that calls a function inside its start(), without waiting.

    interval: the seconds that a real timer would wait; stored only.  function: called with *args* and
    *kwargs*.
    """

    def __init__(self, interval, function, args=None, kwargs=None):
        Thread.__init__(self)
        self.finished = Event()
        self.function, self.interval = function, interval
        self.kwargs = {} if kwargs is None else kwargs
        self.args = [] if args is None else args

    def cancel(self):
        """Stop the timer: start() will not call the function."""
        self.finished.set()

    def run(self):
        """Call the function, unless cancel() was called."""
        _starting.run_timer(self)


@published
class _MainThread(Thread):
    """The main thread, in which all others run."""

    def __init__(self):
        Thread.__init__(self, name="MainThread", daemon=False)
        _starting.begin(self, _get_main_thread_ident())


_running.set_main_thread(_MainThread())
