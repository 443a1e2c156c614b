"""Timer: call a function later.

Pending timers share one thread, the service of _timer.pyx.  A timer gets a thread at start() if a program
could tell the difference: if it, its class or Thread overrides run(), start(), __init__() or the like, if
the `finished` event or the function that starts threads was replaced, or if the interval is no positive
number.
"""

import threading as _stdlib

from hasten import _thread as _os_threads
from hasten.threading import _timer
from hasten.threading._published import published
from hasten.threading._thread import deadline_of, seconds_until
from hasten.threading._threads.threading import HANDLE, Event, Thread, _end_unborn, _prepare_context, _public


class _Finished(Event):
    """The `finished` event of a Timer: setting it cancels a pending timer."""

    __module__ = "hasten.threading"
    _pending = None

    def set(self):
        """Make the flag true and release all waiting threads."""
        super().set()  # before reading _pending: start_shared() sets that before it reads the flag
        pending = self._pending
        if pending is not None:
            self._pending = None
            pending.withdraw()


@published
class Timer(Thread, _stdlib.Timer):
    """Call function(*args, **kwargs) in a thread of its own, *interval* seconds after start().

    args: a sequence; None for none.  kwargs: a dict; None for none.
    A timer is a Thread, alive from start() until the function has returned or the timer was cancelled.
    During the interval its `ident` is that of the thread that waits for all timers.
    Thread-safety: all methods may be called from any thread.
    """

    __module__ = "hasten.threading"

    _pending = None  # while the service waits for this timer
    _due = False  # run() need not wait

    def __init__(self, interval, function, args=None, kwargs=None):
        Thread.__init__(self)
        self.interval = interval
        self.function = function
        self.args = [] if args is None else args
        self.kwargs = {} if kwargs is None else kwargs
        self.finished = _Finished()

    def start(self):
        """Start the timer.  RuntimeError if that was done before."""
        # In this order: a timer that fires sets `_due`, and then has a new event in `_started`, which its
        # thread sets when it begins.
        if self._initialized and self._started.is_set() or self._due:
            raise RuntimeError("threads can only be started once")
        if not _can_share(self):
            super().start()
            return
        _prepare_context(self)
        _timer.start_shared(self, self.interval)

    def cancel(self):
        """Stop the timer if the function has not been called yet."""
        self.finished.set()

    def run(self):
        """Wait for the interval, unless the service has done so, and call the function."""
        if not self._due:
            self.finished.wait(self.interval)
        if not self.finished.is_set():
            self.function(*self.args, **self.kwargs)
        self.finished.set()

    def join(self, timeout=None):
        """Wait until the function has returned or the timer was cancelled.

        Arguments and errors are those of Thread.join().
        """
        pending = self._pending
        if pending is not None and not pending.is_over():
            deadline = deadline_of(timeout)
            if not pending.wait(deadline):
                return
            timeout = seconds_until(deadline)
        super().join(timeout)

    def is_alive(self):
        """Whether the timer was started, its function has not returned, and it was not cancelled."""
        pending = self._pending
        return pending is not None and not pending.is_over() or super().is_alive()

    def _end_unrun(self):
        _end_unborn(self)


# What a program must not have replaced for a timer to use the service
_OWN_PARTS = tuple(
    (name, getattr(Timer, name)) for name in ("run", "_bootstrap", "_bootstrap_inner", "cancel")
)
_THREAD_PARTS = tuple((name, vars(Thread)[name]) for name in ("__init__", "start", "run", "join"))
_STARTER = "_start_joinable_thread" if HANDLE else "_start_new_thread"
_own_starter = getattr(_os_threads, _STARTER[1:])


def _can_share(timer):
    """Whether the service may wait for the timer: no program could tell the difference."""
    cls = type(timer)
    if not timer._initialized or type(timer.finished) is not _Finished:
        return False
    if _public[_STARTER] is not _own_starter:
        return False
    if not isinstance(timer.interval, (int, float)) or not 0 < timer.interval < _os_threads.TIMEOUT_MAX:
        return False  # also for NaN: the thread raises the error, which goes to excepthook()
    own = vars(timer)
    for name, part in _OWN_PARTS:
        if getattr(cls, name) is not part or name in own:
            return False
    for name, part in _THREAD_PARTS:
        if vars(Thread).get(name) is not part:
            return False
    return True


def wait_for_next(turn):
    """The Python frame in which the service waits, for debuggers."""
    turn.wait()


_timer._set_python_parts(Event, _os_threads.RLock(), wait_for_next)
