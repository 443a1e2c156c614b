# cython: freethreading_compatible=True
"""Running a thread inside its start(): the table of threads, the hooks, and the handling of exceptions.

`run_inside_start` is for our Thread objects, and for the standard library's while patched() is in force.
"""

import sys
from contextvars import Context, copy_context

from hasten._dummy_thread._interpreter import _ExceptHookArgs
from hasten._dummy_thread._threads import get_ident, run_as_thread

cdef dict running = {}  # number -> Thread object, outermost first
cdef object main = None
cdef object trace_hook = None
cdef object profile_hook = None
cdef bint reraising = False


def set_main_thread(thread):
    """Set the object of the main thread, in which all others run."""
    global main
    main = thread


def set_reraising(bint on):
    """Set whether start() raises what ends a thread, for the whole process; returns the previous setting."""
    global reraising
    was = reraising
    reraising = on
    return was


def inner_threads():
    """A list of the running Thread objects, outermost first, without the main thread."""
    return list(running.values())


def inner_thread():
    """The Thread object of the calling code; None in the main thread."""
    return running.get(get_ident())


def current_thread():
    """The Thread object of the calling code."""
    return running.get(get_ident(), main)


def main_thread():
    """The Thread object of the main thread, in which all others run."""
    return main


def enumerate():
    """A list of the running Thread objects: the main thread, and those inside start()."""
    return [main, *running.values()]


def active_count():
    """The number of running threads: the length of enumerate()."""
    return 1 + len(running)


def settrace(func):
    """Have sys.settrace(func) called at the start of each thread; None to stop that.

    When the thread ends, the caller's trace function is restored.
    """
    global trace_hook
    trace_hook = func


def setprofile(func):
    """Have sys.setprofile(func) called at the start of each thread; None to stop that.

    When the thread ends, the caller's profile function is restored.
    """
    global profile_hook
    profile_hook = func


def settrace_all_threads(func):
    """Have sys.settrace(func) called now, and at the start of each thread."""
    settrace(func)
    sys.settrace(func)


def setprofile_all_threads(func):
    """Have sys.setprofile(func) called now, and at the start of each thread."""
    setprofile(func)
    sys.setprofile(func)


def gettrace():
    """The function set by settrace(), or None."""
    return trace_hook


def getprofile():
    """The function set by setprofile(), or None."""
    return profile_hook


def context_for_new_thread():
    """A new thread's contextvars.Context: empty, or a copy if sys.flags.thread_inherit_context is set."""
    return copy_context() if getattr(sys.flags, "thread_inherit_context", False) else Context()


cdef object run_with_hooks(object call, object argument):
    old_trace, old_profile = sys.gettrace(), sys.getprofile()
    trace, profile = trace_hook, profile_hook
    try:
        if trace is not None:
            sys.settrace(trace)
        if profile is not None:
            sys.setprofile(profile)
        return call(argument)
    finally:
        if trace is not None:
            sys.settrace(old_trace)
        if profile is not None:
            sys.setprofile(old_profile)


cdef object report(object thread):
    """Call excepthook for the exception that is being handled."""
    args = _ExceptHookArgs((*sys.exc_info(), thread))
    try:
        sys.modules["hasten.dummy_threading"].excepthook(args)
    except Exception:
        if sys.stderr is not None:
            sys.stderr.write("Exception in threading.excepthook:\n")
        sys.excepthook(*sys.exc_info())
    finally:
        args = None  # break a reference cycle


def run_as(thread, context, begin, end):
    """In the new thread: be *thread* from begin(thread, number) to end(thread), and run it."""
    ident = get_ident()
    begin(thread, ident)
    running[ident] = thread
    try:
        run_with_hooks(context.run, thread.run)
    except SystemExit:
        return
    except KeyboardInterrupt:
        # Ctrl-C is for the main thread, which has called start()
        raise
    except BaseException:
        if reraising:
            raise
        report(thread)
    finally:
        del running[ident]
        end(thread)


def run_inside_start(thread, context, begin, end):
    """Run thread.run() as a thread, to its end, in *context*.

    SystemExit ends it silently, other exceptions go to excepthook.  KeyboardInterrupt propagates.
    """
    run_as_thread(run_as, (thread, context, begin, end))
