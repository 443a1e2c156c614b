# cython: freethreading_compatible=True
"""A child that a single call starts, talks to or waits for, and kills when it has to give up.

Compiled, because of what may raise between two lines of Python: a signal handler, a debugger, a tracing
function.  From the start on there is no line here at which an exception leaves a child that nobody kills.
What is called from here is Python, and may be interrupted once: then it is called again.
"""

import subprocess as _stdlib

cdef object TimeoutExpired = _stdlib.TimeoutExpired
cdef double DRAIN_SECONDS = 0.25  # for what was written before the kill; somebody it missed may hold the pipe


def insist(function, *args):
    """Call a function that undoes or ends something; once more if it was interrupted.

    An OSError is an answer and no interrupt.  Otherwise the first exception is raised at the end.
    """
    try:
        return function(*args)
    except OSError:
        raise
    except BaseException:
        try:
            function(*args)
        except OSError:
            pass  # the interrupt says more
        raise


def run_to_end(popen_class, tuple popenargs, dict options, input, timeout, bint tree):
    """Start a child, communicate() with it, wait for its end.  Returns (Popen, stdout, stderr).

    tree: where it is to be killed, kill its descendants too.  After a timeout it is killed and waited for,
    after anything else killed only, and the exception is raised.  Blocks, without the GIL.
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
    """Start a child, wait for its end; returns its exit status.  Whatever is raised kills it."""
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
    """Kill a child, and wait for it after a timeout."""
    insist(process.kill_tree if tree else process.kill)
    if isinstance(error, TimeoutExpired):
        if tree:
            error.output, error.stderr = process._drain(DRAIN_SECONDS)
        process.wait()
    return 0


cdef int end_after_all(process) except -1:
    """When the end of the with block was interrupted, too: it has not been waited for, or not even begun."""
    if process.returncode is None:
        insist(process.kill)
    return 0
