# cython: freethreading_compatible=True
"""Running a child to its end in one call, and killing it after a timeout or an exception.

Invariant: once the child is started, no exception leaves it running.  Compiled, since in Python code a signal
handler, a debugger or a tracing function may raise between any two lines.  The Python functions called from
here may be interrupted once: then they are called again.
"""

import subprocess as _stdlib

cdef object TimeoutExpired = _stdlib.TimeoutExpired
cdef double DRAIN_SECONDS = 0.25  # for output before the kill; a survivor may hold the pipe open


def insist(function, *args):
    """Call a function of an undo path; if it was interrupted by an exception, call it once more.

    An OSError is a result, not an interrupt.  Otherwise the first exception is raised at the end.
    """
    try:
        return function(*args)
    except OSError:
        raise
    except BaseException:
        try:
            function(*args)
        except OSError:
            pass  # raise the interrupt instead
        raise


def run_to_end(popen_class, tuple popenargs, dict options, input, timeout, bint tree):
    """Start a child, communicate() with it, wait for its end.  Returns (Popen, stdout, stderr).

    tree: whether to kill its descendants, too.  After a timeout the child is killed and reaped, after any
    other exception only killed; the exception is raised.  Blocks; releases the GIL.
    """
    started = popen_class(*popenargs, **options)
    try:
        with started as process:
            try:
                stdout, stderr = process.communicate(input, timeout=timeout)
            except BaseException as error:
                give_up(process, tree, error)
                raise
            process.poll()
    except BaseException:
        end_after_all(started)
        raise
    return process, stdout, stderr


def wait_to_end(popen_class, tuple popenargs, dict options, timeout):
    """Start a child and wait for its end; returns its exit status.  After any exception the child is
    killed."""
    started = popen_class(*popenargs, **options)
    try:
        with started as process:
            try:
                return process.wait(timeout=timeout)
            except BaseException:
                insist(process.kill)
                raise
    except BaseException:
        end_after_all(started)
        raise


cdef int give_up(process, bint tree, error) except -1:
    """Kill a child; after a timeout, also reap it."""
    insist(process.kill_tree if tree else process.kill)
    if isinstance(error, TimeoutExpired):
        if tree:
            error.output, error.stderr = process._drain(DRAIN_SECONDS)
        process.wait()
    return 0


cdef int end_after_all(process) except -1:
    """Kill a child that was not reaped because the end of the with block was interrupted, too."""
    if process.returncode is None:
        insist(process.kill)
    return 0
