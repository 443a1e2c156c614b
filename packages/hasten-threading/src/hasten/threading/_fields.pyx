# cython: freethreading_compatible=True
"""What a Thread object knows of its thread: the base class of `Thread`.

The name and the join handle are made when they are asked for: most threads need neither before they run.

Programs and libraries read, and some set, the private attributes that the standard library's Thread has.
Those at the end of the class are there for them, and for threading.py itself, which after a fork tells each
thread what has become of it.

Without a GIL the guard keeps a reader from an object that is being replaced.  It is no critical section of
the object: the mutex of such a section may be handed to a thread that waits for it and that a fork() leaves
behind, and threading.py's work in the child would then wait for ever for the first thread it tells.
"""

from clock cimport HS_NEVER
from compat cimport hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waiter
from hasten.threading._event cimport raise_flag
from hasten.threading._waiting cimport EVERYBODY, release, sleep

import sys

import hasten._thread
from hasten.threading._event import Event
from hasten.threading._deprecated import deprecated

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    unsigned long PyThread_get_thread_native_id() nogil

cdef object new_handle = hasten._thread._ThreadHandle
cdef object daemon_threads_allowed = hasten._thread.daemon_threads_allowed


cdef int check_daemon(daemonic, str where) except -1:
    if daemonic and not daemon_threads_allowed():
        raise RuntimeError(f"daemon threads are disabled in this {where}")
    return 0


class HandleLock:
    """A join handle in the guise of the lock by which threading.py, up to 3.12, joins a thread."""

    def __init__(self, handle):
        self.handle = handle

    def locked(self):
        return not self.handle.is_done()

    def acquire(self, blocking=True, timeout=-1):
        self.handle.join(timeout if blocking else 0)
        return self.handle.is_done()

    def release(self):
        self.handle._set_done()


cdef class ThreadFields:
    """What a Thread object knows of its thread."""

    def __repr__(self):
        if not self.initialized:
            raise AssertionError("Thread.__init__() was not called")
        handle = self.handle_if_any()
        over = handle is not None and handle.is_done()
        words = ["stopped" if over else "started" if self.launched else "initial"]
        if self.daemonic:
            words.append("daemon")
        if self.ident is not None:
            words.append(str(self.ident))
        return f"<{type(self).__name__}({self.the_name()}, {' '.join(words)})>"

    cdef int check_initialized(self) except -1:
        if not self.initialized:
            raise AssertionError("Thread.__init__() not called")
        return 0

    cdef object handle_if_any(self):
        hs_mutex_lock(&self.guard)
        handle = self.handle
        hs_mutex_unlock(&self.guard)
        return handle

    cdef object the_handle(self):
        handle = self.handle_if_any()
        if handle is not None:
            return handle
        made = new_handle()
        hs_mutex_lock(&self.guard)
        if self.handle is None:
            self.handle = made
        handle = self.handle
        hs_mutex_unlock(&self.guard)
        return handle

    cdef object the_name(self):
        hs_mutex_lock(&self.guard)
        name, target = self.given_name, self.target
        hs_mutex_unlock(&self.guard)
        if name is not None:
            return name
        made = f"Thread-{self.number}"
        target_name = getattr(target, "__name__", None)
        if target is not None and target_name is not None:
            made += f" ({target_name})"
        hs_mutex_lock(&self.guard)
        if self.given_name is None:
            self.given_name = made
        name = self.given_name
        hs_mutex_unlock(&self.guard)
        return name

    @property
    def name(self):
        """The thread's name, a str, for people to read: several threads may have the same."""
        self.check_initialized()
        return self.the_name()

    @name.setter
    def name(self, name):
        self.check_initialized()
        self._name = name
        if self.identifier == PyThread_get_thread_ident():
            self._set_os_name()

    @property
    def ident(self):
        """The thread's identifier, an int as from get_ident(); None before start().

        It stays when the thread has ended, and then may be that of another thread.
        """
        self.check_initialized()
        cdef unsigned long known = self.identifier
        handle = self.handle_if_any() if known == 0 else None
        if handle is not None:
            known = handle.ident
        return known or None

    @property
    def native_id(self):
        """The number that the system's kernel has for the thread, an int; None before start().

        Waits until the thread runs if it was started just now.
        """
        self.check_initialized()
        if self.launched and not self.begun:
            self.wait_until_begun()
        return self.native or None

    cdef int wait_until_begun(self) except -1:
        cdef hs_waiter me
        hs_mutex_lock(&self.guard)
        if self.begun or self.handle is None or self.handle.ident == 0:
            hs_mutex_unlock(&self.guard)
            return 0
        sleep(&self.beginning, &self.guard, &me, <void *>self, HS_NEVER)
        return 0

    @property
    def daemon(self):
        """Whether the program may end while the thread runs.  RuntimeError if set after start()."""
        self.check_initialized()
        return self.daemonic

    @daemon.setter
    def daemon(self, daemonic):
        if self.initialized and not self.launched:
            check_daemon(daemonic, "interpreter")
            self.daemonic = bool(daemonic)
        else:
            raise RuntimeError("cannot set daemon status of active thread" if self.initialized
                               else "Thread.__init__() not called")

    def isDaemon(self):
        """An old way to read `daemon`."""
        deprecated("isDaemon() is deprecated, get the daemon attribute instead")
        return self.daemon

    def setDaemon(self, daemonic):
        """An old way to set `daemon`."""
        deprecated("setDaemon() is deprecated, set the daemon attribute instead")
        self.daemon = daemonic

    def getName(self):
        """An old way to read `name`."""
        deprecated("getName() is deprecated, get the name attribute instead")
        return self.name

    def setName(self, name):
        """An old way to set `name`."""
        deprecated("setName() is deprecated, set the name attribute instead")
        self.name = name

    # ---- private names of the standard library's Thread ----

    @property
    def _initialized(self):
        return self.initialized

    @property
    def _target(self):
        hs_mutex_lock(&self.guard)
        target = self.target
        hs_mutex_unlock(&self.guard)
        return target

    @_target.setter
    def _target(self, target):
        hs_mutex_lock(&self.guard)
        self.target, target = target, self.target
        hs_mutex_unlock(&self.guard)

    @property
    def _args(self):
        hs_mutex_lock(&self.guard)
        arguments = self.arguments
        hs_mutex_unlock(&self.guard)
        return arguments

    @_args.setter
    def _args(self, args):
        hs_mutex_lock(&self.guard)
        self.arguments, args = args, self.arguments
        hs_mutex_unlock(&self.guard)

    @property
    def _kwargs(self):
        hs_mutex_lock(&self.guard)
        keywords = self.keywords
        hs_mutex_unlock(&self.guard)
        return keywords

    @_kwargs.setter
    def _kwargs(self, kwargs):
        hs_mutex_lock(&self.guard)
        self.keywords, kwargs = kwargs, self.keywords
        hs_mutex_unlock(&self.guard)

    @property
    def _context(self):
        hs_mutex_lock(&self.guard)
        context = self.context
        hs_mutex_unlock(&self.guard)
        return context

    @property
    def _stderr(self):
        hs_mutex_lock(&self.guard)
        stderr = self.stderr
        hs_mutex_unlock(&self.guard)
        return stderr

    @_stderr.setter
    def _stderr(self, stderr):
        hs_mutex_lock(&self.guard)
        self.stderr, stderr = stderr, self.stderr
        hs_mutex_unlock(&self.guard)

    @property
    def _name(self):
        return self.the_name()

    @_name.setter
    def _name(self, name):
        name = str(name)
        hs_mutex_lock(&self.guard)
        self.given_name, name = name, self.given_name
        hs_mutex_unlock(&self.guard)

    @property
    def _daemonic(self):
        return self.daemonic

    @_daemonic.setter
    def _daemonic(self, daemonic):
        self.daemonic = bool(daemonic)

    @property
    def _ident(self):
        return self.ident

    @_ident.setter
    def _ident(self, ident):
        self.identifier = ident

    @property
    def _native_id(self):
        return self.native or None

    @_native_id.setter
    def _native_id(self, number):
        self.native = number or 0

    @property
    def _os_thread_handle(self):
        return self.the_handle()

    @_os_thread_handle.setter
    def _os_thread_handle(self, handle):
        hs_mutex_lock(&self.guard)
        self.handle, handle = handle, self.handle
        hs_mutex_unlock(&self.guard)

    @property
    def _started(self):
        """An Event that is set when the thread runs."""
        hs_mutex_lock(&self.guard)
        event = self.started
        hs_mutex_unlock(&self.guard)
        return self.new_started() if event is None else event

    cdef object new_started(self):
        made = Event()
        if self.begun:
            raise_flag(made)
        hs_mutex_lock(&self.guard)
        if self.started is None:
            self.started = made
        event = self.started
        hs_mutex_unlock(&self.guard)
        if event is made and self.begun:  # mark_begun() may have been here before the event was
            raise_flag(made)
        return event

    @property
    def _is_stopped(self):
        return self.launched and self.the_handle().is_done()

    @property
    def _tstate_lock(self):
        """Up to 3.12 what threading.py joins a thread by: locked while the thread runs, else None."""
        if sys.version_info >= (3, 13) or not self.launched or self.the_handle().is_done():
            return None
        return HandleLock(self.the_handle())

    def _set_ident(self):
        self.identifier = PyThread_get_thread_ident()

    def _set_native_id(self):
        self.native = PyThread_get_thread_native_id()

    def _set_tstate_lock(self):
        """Nothing to do: see _tstate_lock."""

    def _mark_begun(self):
        self.mark_begun()

    cdef int mark_begun(self) except -1:
        hs_mutex_lock(&self.guard)
        self.launched = self.begun = True
        release(&self.beginning, &self.guard, EVERYBODY)
        if self.started is not None:
            raise_flag(self.started)
        return 0

    # ---- after fork(), in the child ----

    def _after_fork(self, new_ident=None):
        """From 3.13 on: this is the thread that forked if it has a new identifier, else it is gone."""
        if new_ident is not None:
            self.identifier = new_ident
            self._set_native_id()
        elif self.launched:
            if self.the_handle().ident == 0:
                self.end_handle()
            self.mark_begun()

    cdef int end_handle(self) except -1:
        """Let a thread that will never run count as ended."""
        handle = hasten._thread._make_thread_handle(0)
        handle._set_done()
        self._os_thread_handle = handle
        return 0

    def _reset_internal_locks(self, is_alive):
        """Up to 3.12, the same."""
        self._after_fork(PyThread_get_thread_ident() if is_alive else None)

    def _stop(self):
        """Up to 3.12 after _reset_internal_locks(False): hasten._thread has marked the handle done."""
