"""Thread, and the classes of the main thread and of foreign threads.

Invariant: an instance has the attributes of the running version's Thread, because programs subclass, patch
and inspect it.  Up to 3.12 a thread is joined by a lock that is released when it ends (`_tstate_lock`),
from 3.13 on by a join handle; either is hasten._thread's.

Starting and the tables of threads are in _thread.pyx.
"""

import operator
import os
import sys
import threading as _stdlib
from _thread import _ExceptHookArgs, _local

from hasten import _thread as _os_threads
from hasten.threading import _registry
from hasten.threading._event import Event
from hasten.threading._module import deprecated
from hasten.threading._published import published
from hasten.threading._thread import (
    FREE_THREADED,
    HANDLE,
    enter_active,
    is_starting,
    launch,
    leave_active,
    passes,
    seconds_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HAS_CONTEXT = sys.version_info >= (3, 14)
_handle_of: "Any" = operator.attrgetter(HANDLE) if HANDLE else None
_hooks = _registry.hooks
_public = vars(sys.modules["hasten.threading"])  # programs replace names there: looked up at each use


def _new_name(pattern):
    return pattern % _public["_counter"]()


def _check_daemon(daemonic, where):
    if daemonic and not _os_threads.daemon_threads_allowed():
        raise RuntimeError(f"daemon threads are disabled in this {where}")


def _check_initialized(thread, error=AssertionError):
    if not thread._initialized:
        raise error("Thread.__init__() not called")


def _excepthook_teller():
    """A function that calls threading.excepthook(); if that is None by then, the present hook instead."""
    hook = _registry.excepthook()
    if hook is None:
        raise RuntimeError("threading.excepthook is None: it must be a function")
    return lambda thread: _tell_excepthook(hook, thread)


def _tell_excepthook(hook_at_first, thread):
    """Call threading.excepthook() for the exception that is being handled, which ends the thread."""
    kind, error, traceback = sys.exc_info()
    hook = _registry.excepthook()
    try:
        (hook_at_first if hook is None else hook)(_ExceptHookArgs((kind, error, traceback, thread)))
    except Exception as failure:
        failure.__suppress_context__ = True
        print("Exception in threading.excepthook:", file=sys.stderr or thread._stderr, flush=True)
        sys.excepthook(*sys.exc_info())
    finally:
        error = traceback = None  # break a reference cycle


def _give_os_name(thread):
    """Give the calling OS thread this thread's name, as far as the system can hold it."""
    name = thread._name
    if name:
        try:
            _os_threads.set_name(name)
        except (OSError, TypeError, ValueError):
            return  # the name is informative only


def _is_over(thread):
    """Whether a thread that was started has ended."""
    if HANDLE:
        return _handle_of(thread).is_done()
    thread._wait_for_tstate_lock(False)
    return thread._is_stopped


def _begin(thread):
    """What a new thread does first.  Sets `_started` in any case: start() waits for it."""
    try:
        thread._set_ident()
        if not HANDLE:
            thread._set_tstate_lock()
        thread._set_native_id()
        enter_active(thread._ident, thread)
        if _HAS_CONTEXT:
            thread._set_os_name()
        else:
            _give_os_name(thread)
    finally:
        # As late as possible: without a GIL, run() should have begun when start() returns.
        thread._started.set()
    if _hooks["_trace_hook"]:
        sys.settrace(_hooks["_trace_hook"])
    if _hooks["_profile_hook"]:
        sys.setprofile(_hooks["_profile_hook"])


def _leave_at_exit(thread):
    """Have the interpreter's exit not wait for this running thread."""
    if HANDLE:
        _handle_of(thread)._set_daemon()
    elif thread._tstate_lock is not None:
        _registry.no_longer_awaited(thread._tstate_lock)


def _prepare_context(thread):
    """Give the thread a context to run in, on versions whose threads have one (3.14+)."""
    if _HAS_CONTEXT and thread._context is None:
        import _contextvars as contextvars

        inherit = sys.flags.thread_inherit_context
        thread._context = contextvars.copy_context() if inherit else contextvars.Context()


@published
class Thread(_stdlib.Thread):
    """A thread of control.  start() lets run() run in it, which calls target(*args, **kwargs).

    group: None.  target: a callable, or None if a subclass overrides run().  name: a str; by default
    "Thread-N (name of the target)".  args: an iterable.  kwargs: a dict.  daemon: whether the program may
    exit while the thread runs; None for the calling thread's value.  context: a contextvars.Context for
    run(); None for an empty one, or a copy of the caller's if sys.flags.thread_inherit_context.
    A subclass that overrides __init__() must call it first.
    Thread-safety: all methods may be called from any thread.
    """

    __module__ = "hasten.threading"

    _initialized = False
    _given_context = None  # up to 3.13, whose Thread has no attribute for it

    def __init__(
        self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None
    ):
        """See the class."""
        if group is not None:
            raise AssertionError("group argument must be None for now")
        if name:
            name = str(name)
        else:
            number = _public["_counter"]()
            target_name = None if target is None else getattr(target, "__name__", None)
            name = f"Thread-{number}" if target_name is None else f"Thread-{number} ({target_name})"
        self._target = target
        self._name = name
        self._args = args
        self._kwargs = {} if kwargs is None else kwargs
        if daemon is None:
            daemon = _public["current_thread"]().daemon
        else:
            _check_daemon(daemon, "(sub)interpreter")
        self._daemonic = daemon
        if _HAS_CONTEXT:
            self._context = context
        elif context is not None:
            self._given_context = context
        self._ident = None
        self._native_id = None
        if HANDLE is None:
            self._tstate_lock = None
        elif _HAS_CONTEXT:
            self._os_thread_handle = _os_threads._ThreadHandle()
        else:
            self._handle = _os_threads._ThreadHandle()
        self._started = Event()
        if HANDLE is None:
            self._is_stopped = False
        self._initialized = True
        self._stderr = sys.stderr
        self._invoke_excepthook = _excepthook_teller()

    def __repr__(self):
        if not self._initialized:
            raise AssertionError("Thread.__init__() was not called")
        words = ["initial"]
        if self._started.is_set():
            words[0] = "stopped" if _is_over(self) else "started"
        if self._daemonic:
            words.append("daemon")
        if self._ident is not None:
            words.append(str(self._ident))
        return f"<{type(self).__name__}({self._name}, {' '.join(words)})>"

    # ---- starting ----

    def start(self):
        """Start the thread, and wait until it runs.

        RuntimeError if it was started before, or if the system cannot start a thread.  A signal handler that
        raises ends the wait; the thread runs nevertheless.
        """
        if not self._initialized:
            raise RuntimeError("thread.__init__() not called")
        if self._started.is_set():
            raise RuntimeError("threads can only be started once")
        _prepare_context(self)
        launch(self)
        # Without a GIL the new thread may still be in the system call by which it wakes this one: yield the
        # CPU to it.  (With a GIL it holds that and goes on to run().)  One line: no exception comes in
        # between.
        self._started.wait() and FREE_THREADED and os.sched_yield()  # type: ignore[func-returns-value]

    def run(self):
        """Call the target, in the thread.  Subclasses may override it."""
        try:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)
        finally:
            # A target that refers to the thread would be a reference cycle.
            del self._target, self._args, self._kwargs

    # ---- in the new thread ----

    def _bootstrap(self):
        try:
            self._bootstrap_inner()
        except BaseException:
            if not (self._daemonic and sys.is_finalizing()):
                raise

    def _bootstrap_inner(self):
        try:
            _begin(self)
            try:
                context = self._context if _HAS_CONTEXT else self._given_context
                if context is None:
                    self.run()
                else:
                    context.run(self.run)
            except BaseException:
                self._invoke_excepthook(self)
        finally:
            self._delete()

    def _set_ident(self):
        self._ident = _public["get_ident"]()

    def _set_native_id(self):
        self._native_id = _public["get_native_id"]()

    def _delete(self):
        """Remove the calling thread from `active`."""
        leave_active(_public["get_ident"]())

    if _HAS_CONTEXT:

        def _set_os_name(self):
            _give_os_name(self)

    # ---- the end ----

    def join(self, timeout=None):
        """Wait until the thread has ended.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        Always returns None; is_alive() tells whether the timeout ended the wait.  A signal handler that
        raises ends the wait.  RuntimeError for a thread that was not started, and for the calling
        thread; ValueError for NaN.
        """
        _check_initialized(self, RuntimeError)
        if not self._started.is_set():
            raise RuntimeError("cannot join thread before it is started")
        if self is _public["current_thread"]():
            raise RuntimeError("cannot join current thread")
        seconds = None if timeout is None else seconds_of(timeout)
        if HANDLE:
            _handle_of(self).join(seconds)
        elif seconds is None:
            self._wait_for_tstate_lock()
        else:
            self._wait_for_tstate_lock(timeout=seconds)

    def is_alive(self):
        """Whether the thread was started and has not ended."""
        _check_initialized(self)
        return self._started.is_set() and not _is_over(self)

    if HANDLE:

        def _after_fork(self, new_ident=None):
            """In the child of a fork(): the thread that forked gets *new_ident*; no other thread exists."""
            self._started._at_fork_reinit()
            if new_ident is not None:
                self._ident = new_ident
                self._set_native_id()
            elif is_starting(self):
                _end_unborn(self)

    else:

        def _set_tstate_lock(self):
            """Acquire a lock that is released when the calling thread ends."""
            lock = _os_threads._set_sentinel()
            lock.acquire()
            self._tstate_lock = lock
            if not self.daemon:
                _registry.await_at_exit(lock)

        def _wait_for_tstate_lock(self, block=True, timeout=-1):
            lock = self._tstate_lock
            if lock is not None and passes(lock, block, timeout):
                self._stop()

        def _stop(self):
            """Record that the thread has ended: its lock was released."""
            lock = self._tstate_lock
            self._is_stopped = True
            self._tstate_lock = None
            if lock is not None:
                _registry.no_longer_awaited(lock)

        def _reset_internal_locks(self, is_alive):
            """In the child of a fork(): *is_alive* for the thread that forked; no other thread exists."""
            self._started._at_fork_reinit()
            if not is_alive:
                self._is_stopped = True
                self._tstate_lock = None
                if is_starting(self):
                    _end_unborn(self)
                return
            if self._tstate_lock is not None:
                self._tstate_lock._at_fork_reinit()
                self._tstate_lock.acquire()
            self._set_native_id()

    # ---- attributes ----

    @property
    def name(self):
        """The thread's name, a str.  It is informative; several threads may have the same."""
        _check_initialized(self)
        return self._name

    @name.setter
    def name(self, name):
        _check_initialized(self)
        self._name = str(name)
        if self._ident is not None and self._ident == _public["get_ident"]():
            _give_os_name(self)

    @property
    def ident(self):
        """The thread's identifier, an int as from get_ident(); None before start().

        It remains after the thread has ended; then another thread may have the same.
        """
        _check_initialized(self)
        return self._ident

    @property
    def native_id(self):
        """The kernel's number of the thread, an int; None before start()."""
        _check_initialized(self)
        return self._native_id

    @property
    def daemon(self):
        """Whether the program may exit while the thread runs.  RuntimeError if set after start()."""
        _check_initialized(self)
        return self._daemonic

    @daemon.setter
    def daemon(self, daemonic):
        _check_initialized(self, RuntimeError)
        _check_daemon(daemonic, "interpreter")
        if self._started.is_set():
            raise RuntimeError("cannot set daemon status of active thread")
        self._daemonic = daemonic

    def isDaemon(self):
        """Deprecated: read `daemon`."""
        deprecated("isDaemon() is deprecated, get the daemon attribute instead", 3)
        return self.daemon

    def setDaemon(self, daemonic):
        """Deprecated: set `daemon`."""
        deprecated("setDaemon() is deprecated, set the daemon attribute instead", 3)
        self.daemon = daemonic

    def getName(self):
        """Deprecated: read `name`."""
        deprecated("getName() is deprecated, get the name attribute instead", 3)
        return self.name

    def setName(self, name):
        """Deprecated: set `name`."""
        deprecated("setName() is deprecated, set the name attribute instead", 3)
        self.name = name


def _end_unborn(thread):
    """Mark a thread that was started, and will never run, as ended."""
    if HANDLE:
        handle = _os_threads._make_thread_handle(0)
        handle._set_done()
        setattr(thread, HANDLE, handle)
    else:
        thread._is_stopped = True
        thread._tstate_lock = None
    thread._started.set()


class _MainThread(Thread):
    """The thread that the interpreter was started in, or that called fork() to make this process."""

    __module__ = "hasten.threading"

    def __init__(self):
        Thread.__init__(self, name="MainThread", daemon=False)
        if not HANDLE:
            self._set_tstate_lock()
        _stand_for_caller(self)


class _DummyThread(Thread):
    """The object of a foreign thread, made by current_thread().  It can't be joined."""

    __module__ = "hasten.threading"

    def __init__(self):
        Thread.__init__(self, name=_new_name("Dummy-%d"), daemon=_os_threads.daemon_threads_allowed())
        _stand_for_caller(self)
        if HANDLE:
            _local_data.at_end = _Forget(self)

    def is_alive(self):
        """True; RuntimeError once the thread has ended."""
        if self._started.is_set() and not _is_over(self):
            return True
        raise RuntimeError("thread is not alive")

    def join(self, timeout=None):
        """Raise RuntimeError: a foreign thread can't be waited for."""
        raise RuntimeError("cannot join a dummy thread")

    if HANDLE:

        def _after_fork(self, new_ident=None):
            Thread._after_fork(self, new_ident)
            if new_ident is not None:  # it has forked, and is the only thread of the child
                self.__class__ = _MainThread  # type: ignore[assignment]
                self._name, self._daemonic = "MainThread", False


def _stand_for_caller(thread):
    """List a Thread object for a running thread: the one that _set_ident() says, normally the caller."""
    thread._set_ident()
    if HANDLE:
        setattr(thread, HANDLE, _os_threads._make_thread_handle(thread._ident))
    thread._set_native_id()
    thread._started.set()
    enter_active(thread._ident, thread)
    _registry.dangling.add(thread)


_local_data = _local()


class _Forget:
    """Removes a foreign thread from the registry when that thread ends and its local data is dropped.

    From 3.13 on: before, the standard library keeps it there, and CPython's suite tests that.
    """

    def __init__(self, thread):
        self.thread = thread

    def __del__(self, active=_registry.active):
        if active.get(self.thread._ident) is self.thread:
            active.pop(self.thread._ident, None)
