# cython: freethreading_compatible=True
"""Sleeping until a child, or any of many, has ended: wait_for_end() and wait_any().

Neither reaps a child by itself, so that the status stays with whoever calls waitpid().
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from cpython.exc cimport PyErr_CheckSignals

from clock cimport HS_NEVER, hs_deadline_after
from park cimport hs_park_init
from timeout cimport hs_seconds
from hasten.subprocess._wait cimport (HS_WAIT_ENDED, HS_WAIT_ERROR, HS_WAIT_SIGNALS, HS_WAIT_TIMEOUT,
                                      hs_child, hs_wait_any, hs_wait_init)

import os
from libc.errno cimport errno


def wait_for_end(pid, timeout=None):
    """Sleep until a child has ended, and return True; False if *timeout* ended the sleep.

    pid: of a child of this process; one that is none, or has been reaped already, counts as ended.
    timeout: seconds, any real number; None for as long as it takes; 0 or less does not sleep.

    Does not reap the child.  Blocks, without the GIL, and costs no CPU meanwhile.  Signal handlers run; what
    they raise ends the call.  May be called from any thread.  ValueError for a NaN or a pid below 1.
    """
    cdef hs_child child
    child.pid, child.ended, child.has_thread = checked_pid(pid), False, False
    return wait(&child, 1, deadline_of(timeout))


def wait_any(procs, timeout=None):
    """Wait until any of some Popen objects has ended; returns a list of those that have, in their order.

    procs: an iterable of Popen objects.  Those in the list have their returncode set: they are reaped, by
        their poll().  Without any procs the list is empty at once.
    timeout: seconds, any real number; None for as long as it takes; 0 or less does not sleep.  After it the
        list is empty.

    Blocks, without the GIL, and costs no CPU meanwhile, however many children there are. It uses a
    descriptor for each while it waits (on Linux); when there are not so many, a thread for each, which
    is slower to set up: raise RLIMIT_NOFILE then. Signal handlers run; what they raise ends the call.
    May be called from any thread. ValueError if the timeout is NaN; OSError if there are no threads left
    either.
    """
    cdef list running = list(procs), ended = [p for p in running if p.returncode is not None]
    cdef int64_t deadline = deadline_of(timeout)
    cdef size_t i, count = len(running)
    if ended or not count:
        return ended
    cdef hs_child *children = <hs_child *>calloc(count, sizeof(hs_child))
    if children == NULL:
        raise MemoryError
    try:
        for i in range(count):
            children[i].pid = checked_pid(running[i].pid)
        if not wait(children, count, deadline):
            return []
        ended = [running[i] for i in range(count) if children[i].ended]
    finally:
        free(children)
    for popen in ended:
        if popen.poll() is None:
            popen.wait()  # another thread is about to set returncode
    return ended


cdef int checked_pid(pid) except -1:
    if pid < 1:
        raise ValueError(f"a child's pid is 1 or more, not {pid}")
    return pid


cdef int64_t deadline_of(timeout) except? -1:
    cdef double seconds
    if timeout is None:
        return HS_NEVER
    hs_seconds(timeout, &seconds)
    return hs_deadline_after(seconds)


cdef bint wait(hs_child *children, size_t count, int64_t deadline) except -1:
    """Whether any of the children has ended by the deadline; those that have are marked."""
    cdef int status
    PyErr_CheckSignals()  # a signal that came before must not be slept over
    while True:
        with nogil:
            status = hs_wait_any(children, count, deadline)
        if status == HS_WAIT_ENDED:
            return True
        elif status == HS_WAIT_TIMEOUT:
            return False
        elif status == HS_WAIT_SIGNALS:
            PyErr_CheckSignals()
        elif status == HS_WAIT_ERROR:
            raise OSError(errno, f"{os.strerror(errno)}: no descriptors or threads left to wait for {count} "
                                 "children; raise RLIMIT_NOFILE, or wait for fewer at a time")


hs_wait_init()
if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")
