# cython: freethreading_compatible=True
"""Waiting for one or any of several children, and reaping them.

wait_for_end() and wait_any() do not reap a child themselves: the status remains for waitpid().  reap() and
poll() call waitpid() and store the status without running Python code in between.  If a signal handler could
raise between the two, the status would be lost, and a reused pid would be taken for the child.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from clock cimport HS_NEVER, hs_deadline_after
from park cimport hs_park_init
from timeout cimport hs_seconds
from child_end cimport (HS_WAIT_ENDED, HS_WAIT_ERROR, HS_WAIT_SIGNALS, HS_WAIT_TIMEOUT, hs_alert_begin,
                        hs_child, hs_unwatch, hs_wait, hs_wait_any, hs_wait_init, hs_wait_look)

from libc.errno cimport ECHILD, EINTR, errno

cdef extern from "sys/wait.h" nogil:
    int waitpid(int pid, int *status, int options)
    int WNOHANG
    bint WIFSTOPPED(int status)
    int WSTOPSIG(int status)
    bint WIFSIGNALED(int status)
    int WTERMSIG(int status)
    int WEXITSTATUS(int status)

import os as _os
import sys as _sys
import warnings as _warnings

cdef object os = _os
cdef object builtin_waitpid = os.waitpid
cdef object builtin_pidfd_open = getattr(os, "pidfd_open", None)
cdef dict standard_parts = {}  # our functions by name, to detect replacements


def wait_for_end(pid, timeout=None):
    """Block until a child has ended (True), or for *timeout* seconds (False).

    pid: of a child of this process; a pid that is not, or was reaped already, counts as ended.
    timeout: seconds, any real number; None: no limit; 0 or less: does not block.

    Does not reap the child.  Releases the GIL, and uses no CPU meanwhile.  Signal handlers run; if one
    raises, so does this call.  Thread-safe.  ValueError for NaN or a pid below 1.
    """
    cdef hs_child child
    child.pid, child.ended, child.has_thread = checked_pid(pid), False, False
    return wait(&child, 1, deadline_of(timeout))


def sleep_until_end(popen, seconds):
    """wait_for_end() for a Popen; by its _wait_pidfd() if a program has replaced that, or os.pidfd_open()."""
    if is_standard(popen, "_wait_pidfd") and getattr(os, "pidfd_open", None) is builtin_pidfd_open:
        return wait_for_end(popen.pid, seconds)
    ended = popen._wait_pidfd(seconds)
    return wait_for_end(popen.pid, seconds) if ended is None else ended


def wait_any(procs, timeout=None):
    """The public wait_any()."""
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


def reap(popen, int flags):
    """Call waitpid() unless returncode is known, and set returncode if the child has ended.

    flags: 0 or WNOHANG.  With popen._waitpid_lock held.  With flags 0 it blocks and releases the GIL; signal
    handlers run, and if one raises, so does this call.
    """
    if popen.returncode is not None:
        return
    if is_standard(popen, "_try_wait") and is_standard(popen, "_handle_exitstatus"):
        if not reap_at_once(popen, flags):
            popen.returncode = 0  # SIGCHLD is ignored, or other code has reaped it: status lost
        return
    pid, status = popen._try_wait(flags)
    if pid == popen.pid:
        popen._handle_exitstatus(status)


def reap_at_end(popen):
    """Take popen._waitpid_lock, wait for the child's end and set returncode.  Blocks as reap()."""
    lock = popen._waitpid_lock
    lock.acquire()
    try:
        reap(popen, 0)
    finally:
        lock.release()


def poll(popen, deadstate=None):
    """Reap a child if it has ended and no other thread is reaping it; returns returncode.  Does not block.

    deadstate: its returncode if there is no such child; None for 0.
    """
    if popen.returncode is not None:
        return popen.returncode
    lock = popen._waitpid_lock
    if not lock.acquire(False):
        return popen.returncode
    try:
        if popen.returncode is None:
            poll_alone(popen, deadstate)
    finally:
        lock.release()
    return popen.returncode


def reap_unless_busy(popen):
    """Reap a child if it has ended and no other thread is reaping it; whether returncode is known."""
    lock = popen._waitpid_lock
    if lock.acquire(False):
        try:
            reap(popen, WNOHANG)
        finally:
            lock.release()
    return popen.returncode is not None


def abandon(self, _maxsize=_sys.maxsize, _warn=_warnings.warn, _public=_sys.modules[__package__]):
    """Popen.__del__(): keep a child that may still run for reaping at a later start, even after an
    exception."""
    if not self._child_created:
        return
    try:
        if self.returncode is None:
            _warn(f"subprocess {self.pid} is still running", ResourceWarning, source=self)
    finally:
        try:
            if is_standard(self, "_internal_poll"):
                poll(self, _maxsize)  # no Python code that could be interrupted
            else:
                self._internal_poll(_deadstate=_maxsize)
        finally:
            if self.returncode is None and _public._active is not None:
                _public._active.append(self)


def set_standard_parts(*functions):
    """Set Popen's original functions; replacements of these are called."""
    standard_parts.update((function.__name__, function) for function in functions)


cdef int poll_alone(popen, deadstate) except -1:
    if is_standard(popen, "_handle_exitstatus"):
        if not reap_at_once(popen, WNOHANG):
            popen.returncode = 0 if deadstate is None else deadstate
        return 0
    try:
        pid, status = os.waitpid(popen.pid, WNOHANG)
        if pid == popen.pid:
            popen._handle_exitstatus(status)
    except OSError as error:
        if deadstate is not None:
            popen.returncode = deadstate
        elif isinstance(error, ChildProcessError):
            popen.returncode = 0
    return 0


cdef bint is_standard(popen, str name) except -1:
    """Whether neither the method, in class or instance, nor os.waitpid was replaced."""
    function = getattr(getattr(popen, name), "__func__", None)
    return function is standard_parts.get(name) and os.waitpid is builtin_waitpid


cdef bint reap_at_once(popen, int flags) except -1:
    """waitpid(); sets returncode if the child has ended.  False if there is no such child."""
    cdef int status = 0, pid = popen.pid, found
    while True:
        with nogil:
            found = waitpid(pid, &status, flags)
        if found >= 0:
            break
        if errno == ECHILD:
            return False
        if errno != EINTR:
            raise OSError(errno, os.strerror(errno))
        PyErr_CheckSignals()
    if found == pid:
        popen.returncode = returncode_of(status)
    return True


cdef int returncode_of(int status) noexcept:
    if WIFSTOPPED(status):
        return -WSTOPSIG(status)
    return -WTERMSIG(status) if WIFSIGNALED(status) else WEXITSTATUS(status)


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
    cdef hs_wait w
    memset(&w, 0, sizeof(w))
    w.children, w.count = children, count
    PyErr_CheckSignals()
    try:
        while True:
            status = wait_once(&w, deadline)
            if status == HS_WAIT_ENDED:
                return True
            elif status == HS_WAIT_TIMEOUT:
                return False
            PyErr_CheckSignals()  # run the handlers of the signal that has ended the sleep
    finally:
        with nogil:
            hs_unwatch(&w)


cdef int wait_once(hs_wait *w, int64_t deadline) except -1:
    cdef int status
    with nogil:
        status = hs_wait_look(w, deadline)
    if status == HS_WAIT_SIGNALS:
        PyErr_CheckSignals()  # signals that came before the sleep
        hs_alert_begin(&w.alert)
        with nogil:
            status = hs_wait_any(w, deadline)
    if status == HS_WAIT_ERROR:
        raise OSError(errno, f"{os.strerror(errno)}: no descriptors or threads left to wait for {w.count} "
                             "children; raise RLIMIT_NOFILE, or wait for fewer at a time")
    return status


hs_wait_init()
if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")
