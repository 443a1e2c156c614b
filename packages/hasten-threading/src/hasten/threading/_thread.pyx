# cython: freethreading_compatible=True
"""Thread: starting, running and joining one thread of control.

hasten._thread starts the OS thread and lets others join it; this is what surrounds that.  start() does not
wait for the thread to run (hasten._thread waits if too many that were started have not run yet):

- Until it runs, the thread stands in the registry's `limbo`, so it is listed from start() on.  The thread
  itself moves to `active`, under its identifier, before it does anything else.
- `ident` is known to the one who started it.  `native_id` is known to the thread alone: reading it waits
  until the thread runs.

Both tables are the interpreter's.  With a GIL one operation on them needs no lock.  Without, each has a mutex
in itself, which may be handed to a thread that waits for it and that a fork() leaves behind; threading.py
would then wait for it in the child for ever.  So whoever changes or lists a table there takes the lock that
threading.py has for both: it puts a new one in its place after a fork.
"""

from compat cimport HS_FREE_THREADED, hs_finalizing, hs_mutex_lock, hs_mutex_unlock
from hasten.threading._fields cimport ThreadFields, check_daemon
from hasten.threading._waiting cimport deadline_of, seconds_until

import _thread as interpreter_thread
import contextvars
import sys

import hasten._thread
from hasten.threading import _registry as registry
from hasten.threading._deprecated import deprecated

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1

cdef dict active = registry.active
cdef dict limbo = registry.limbo
cdef dict hooks = registry.hooks
cdef object add_dangling = registry.dangling.add
cdef bint inherits_context = registry.thread_inherits_context()
cdef object set_os_name = hasten._thread.set_name

# Names that users replace in the public module: looked up there at each use.
cdef dict public = {}
cdef str starter = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"


def _set_public(dict namespace):
    """Tell which module users see."""
    global public
    public = namespace


get_ident = interpreter_thread.get_ident


def next_number():
    """The next of the numbers that make names of threads differ."""
    return public["_counter"]()


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


cdef int enter_limbo(thread) except -1:
    """List a thread that has been started."""
    lock = lock_tables()
    try:
        limbo[thread] = thread
        add_dangling(thread)
    finally:
        unlock_tables(lock)
    return 0


cdef int leave_limbo(thread) except -1:
    """Forget a thread that will not run, or whose start has failed."""
    lock = lock_tables()
    try:
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)
    return 0


cdef int enter_active(ident, thread) except -1:
    """List a thread that runs, and no longer as one that was started."""
    lock = lock_tables()
    try:
        active[ident] = thread
        limbo.pop(thread, None)
    finally:
        unlock_tables(lock)
    return 0


cdef int leave_active(ident) except -1:
    """Forget the thread that ends."""
    lock = lock_tables()
    try:
        active.pop(ident, None)
    finally:
        unlock_tables(lock)
    return 0


cdef object current():
    """The Thread object of the calling thread."""
    thread = active.get(PyThread_get_thread_ident())
    return public["_DummyThread"]() if thread is None else thread


def current_thread():
    """The Thread object of the calling thread.

    For a thread that was started by something else than this module, a Thread object that stands for it.
    """
    return current()


cdef class Thread(ThreadFields):
    """Thread(group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None)
--

    A thread of control.  start() lets run() run in it, which calls target(*args, **kwargs).

    group: None.  target: a callable, or None if a subclass overrides run().  name: a str; by default
    "Thread-N (name of the target)".  args: an iterable.  kwargs: a dict.  daemon: whether the program
    may end while the thread runs; None for what the calling thread is.  context: a contextvars.Context
    for run(); None for an empty one, or for a copy of the caller's if sys.flags.thread_inherit_context.
    A subclass that overrides __init__() calls it first.
    Thread-safety: all methods may be called from any thread.
    """

    def __init__(
        self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None, context=None
    ):
        if group is not None:
            raise AssertionError("group argument must be None for now")
        if name:
            self.given_name = str(name)
        else:
            self.given_name = None
            self.number = next_number()
        if daemon is None:
            creator = current()
            self.daemonic = (<Thread>creator).daemonic if isinstance(creator, Thread) else creator.daemon
        else:
            check_daemon(daemon, "(sub)interpreter")
            self.daemonic = bool(daemon)
        self.target = target
        self.arguments = args
        self.keywords = {} if kwargs is None else kwargs
        self.context = context
        self.stderr = sys.stderr
        self.initialized = True

    # ---- starting ----

    def start(self):
        """Start the thread.  RuntimeError if that was done before, or if no thread can be had."""
        self.claim_start()
        self.launch()

    cdef int claim_start(self) except -1:
        cdef bint first
        if not self.initialized:
            raise RuntimeError("thread.__init__() not called")
        hs_mutex_lock(&self.guard)
        first = not self.launched
        self.launched = True
        hs_mutex_unlock(&self.guard)
        if not first:
            raise RuntimeError("threads can only be started once")
        if self.context is None and inherits_context:
            self.context = contextvars.copy_context()
        return 0

    cdef int launch(self) except -1:
        try:
            enter_limbo(self)
            public[starter](self._bootstrap, self.the_handle(), self.daemonic)
        except BaseException:
            leave_limbo(self)
            self.launched = False
            raise
        return 0

    # ---- running: in the new thread ----

    def run(self):
        """What the thread does: call the target.  For subclasses to override."""
        try:
            if self.target is not None:
                self.target(*self.arguments, **self.keywords)
        finally:
            # A target that refers to the thread would keep it alive, and be kept alive by it.
            hs_mutex_lock(&self.guard)
            _target, _arguments, _keywords = self.target, self.arguments, self.keywords
            self.target = self.arguments = self.keywords = None
            hs_mutex_unlock(&self.guard)

    def _bootstrap(self):
        try:
            self._bootstrap_inner()
        except BaseException:
            if not (self.daemonic and hs_finalizing()):
                raise

    def _bootstrap_inner(self):
        try:
            self.begin()
            try:
                self.run_in_context()
            except BaseException:
                self._invoke_excepthook(self)
        finally:
            leave_active(PyThread_get_thread_ident())

    cdef int begin(self) except -1:
        self.identifier = PyThread_get_thread_ident()
        self._set_native_id()
        enter_active(self.identifier, self)
        self.mark_begun()
        self._set_os_name()
        if hooks["_trace_hook"]:
            sys.settrace(hooks["_trace_hook"])
        if hooks["_profile_hook"]:
            sys.setprofile(hooks["_profile_hook"])
        return 0

    cdef int run_in_context(self) except -1:
        if self.context is None:
            self.run()
            return 0
        PyContext_Enter(self.context)
        try:
            self.run()
        finally:
            PyContext_Exit(self.context)
        return 0

    def _set_os_name(self):
        """Give the calling OS thread this thread's name, as far as the system can hold it."""
        name = self.the_name()
        if name:
            try:
                set_os_name(name)
            except OSError:
                return

    def _invoke_excepthook(self, thread):
        """Tell threading.excepthook() of the exception that is being handled."""
        kind, error, traceback = sys.exc_info()
        error.__traceback__ = traceback = beyond_this_module(traceback)
        hook = registry.excepthook()
        try:
            (interpreter_thread._excepthook if hook is None else hook)(
                interpreter_thread._ExceptHookArgs((kind, error, traceback, thread))
            )
        except Exception as failure:
            failure.__suppress_context__ = True
            print("Exception in threading.excepthook:", file=sys.stderr or self.stderr, flush=True)
            sys.excepthook(*sys.exc_info())
        finally:
            error = traceback = None  # they refer to each other

    # ---- joining ----

    def join(self, timeout=None):
        """Wait until the thread has ended.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        Returns None in any case; is_alive() tells whether the timeout ended the wait.  A signal handler
        that raises ends the wait.  RuntimeError for a thread that was not started, and for the calling
        one; ValueError for NaN.
        """
        if not self.initialized:
            raise RuntimeError("Thread.__init__() not called")
        if not self.launched:
            raise RuntimeError("cannot join thread before it is started")
        if self.identifier == PyThread_get_thread_ident() and current() is self:
            raise RuntimeError("cannot join current thread")
        self.the_handle().join(seconds_until(deadline_of(timeout)))

    def is_alive(self):
        """Whether the thread was started and has not ended."""
        self.check_initialized()
        return self.launched and not self.the_handle().is_done()


cdef object beyond_this_module(traceback):
    """The traceback without our frames at its head: there is no source that they could show."""
    entry = traceback
    while entry is not None and entry.tb_frame.f_code.co_filename.startswith("src/hasten/threading/"):
        entry = entry.tb_next
    return traceback if entry is None else entry


# ---- all threads ------------------------------------------------------------------------------------

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
