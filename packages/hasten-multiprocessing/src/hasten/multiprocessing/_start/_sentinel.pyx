# cython: freethreading_compatible=True
"""Waiting for a child of this process, and its exit status.

The status is looked at, kept, and only then taken from the kernel: whoever asks after join() gets a number,
and no lock is held while it is kept, which may run any code.  A thread that blocks sleeps until the child has
ended, without reaping it, so that as many as want may wait for the same child.
"""

from libc.errno cimport errno
from libc.stdint cimport int64_t
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from child_end cimport (HS_WAIT_ENDED, HS_WAIT_ERROR, HS_WAIT_SIGNALS, HS_WAIT_TIMEOUT, hs_alert_begin,
                        hs_child, hs_child_code, hs_unwatch, hs_wait, hs_wait_any, hs_wait_init,
                        hs_wait_look)
from clock cimport HS_NEVER, hs_deadline_after
from park cimport hs_park_init
from timeout cimport hs_seconds

cdef extern from "sys/wait.h" nogil:
    int waitpid(int pid, int *status, int options)
    int WNOHANG

cdef extern from "unistd.h" nogil:
    int getpid()
    int getppid()

import os

cdef object pidfd_open = getattr(os, "pidfd_open", None)
cdef enum:
    UNKNOWN = 255  # the exit code of a child whose status somebody else has taken


def has_pidfds():
    """Whether this kernel gives a descriptor for a process."""
    if pidfd_open is None or os.environ.get("HASTEN_PORTABLE", "") not in ("", "0"):
        return False
    try:
        os.close(pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def sentinel_of(int pid):
    """A descriptor that is readable from the end of the process *pid* on, which is a child or the parent."""
    try:
        return pidfd_open(pid)
    except ProcessLookupError:
        return ended_sentinel()


def sentinel_of_parent(int pid):
    """sentinel_of() for the process that has started this one; its number may be another's by now."""
    fd = sentinel_of(pid)
    if getppid() == pid:
        return fd
    os.close(fd)
    return ended_sentinel()


def ended_sentinel():
    """A descriptor that is readable."""
    reader, writer = os.pipe()
    os.close(writer)
    return reader


def poll(popen):
    """The exit code of the child *popen*, or None while it runs.  Does not block.  Thread-safe.

    Sets popen.returncode.  A child whose status somebody else has taken (os.wait(), SIGCHLD ignored) has
    ended with 255.  In another process than the one that has started the child it is None.
    """
    cdef int code = UNKNOWN, pid = popen.pid
    if popen.returncode is not None:
        return popen.returncode
    if popen._starter != getpid():
        return None
    found = hs_child_code(pid, &code)
    # Read again: if another thread has taken the status meanwhile, it has kept it before, and the number may
    # be another child's by now.
    if found == 0 or popen.returncode is not None:
        return popen.returncode
    keep(popen, code, found > 0)
    return popen.returncode


cdef int keep(popen, int code, bint take) except -1:
    """Keep the exit code of the child.  One thread takes its status, after that: the number is free then."""
    cdef int status = 0
    taker = object()
    chosen = vars(popen).setdefault("_taker", taker)
    try:
        popen.returncode = code
    except BaseException:
        if chosen is taker:
            del popen._taker
        raise
    if take and chosen is taker:
        waitpid(popen.pid, &status, WNOHANG)
    return 0


def wait_for_end(pid, timeout=None):
    """Sleep until the child *pid* has ended, and return True; False if *timeout* ended the sleep.

    timeout: seconds, any real number; None for as long as it takes; 0 or less does not sleep.

    A process that is no child of this one, or has been reaped, counts as ended.  Does not reap the child.
    Blocks, without the GIL.  Signal handlers run; what they raise ends the call.  ValueError for a NaN.
    """
    cdef hs_child child
    cdef hs_wait w
    cdef int64_t deadline = HS_NEVER
    cdef double seconds
    cdef int status
    if timeout is not None:
        hs_seconds(timeout, &seconds)
        deadline = hs_deadline_after(seconds)
    memset(&w, 0, sizeof(w))
    child.pid, child.ended, child.has_thread = pid, False, False
    w.children, w.count = &child, 1
    PyErr_CheckSignals()
    try:
        while True:
            status = sleep_once(&w, deadline)
            if status == HS_WAIT_ENDED:
                return True
            if status == HS_WAIT_TIMEOUT:
                return False
            PyErr_CheckSignals()  # what ended the sleep, before the child is looked at again
    finally:
        with nogil:
            hs_unwatch(&w)


cdef int sleep_once(hs_wait *w, int64_t deadline) except -1:
    cdef int status
    with nogil:
        status = hs_wait_look(w, deadline)
    if status == HS_WAIT_SIGNALS:
        PyErr_CheckSignals()  # what came meanwhile must not be slept over
        hs_alert_begin(&w.alert)
        with nogil:
            status = hs_wait_any(w, deadline)
    if status == HS_WAIT_ERROR:
        raise OSError(errno, f"{os.strerror(errno)}: no descriptor or thread left to wait for the child; "
                             "raise RLIMIT_NOFILE")
    return status


hs_wait_init()
if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")
