# cython: freethreading_compatible=True
"""Waiting until descriptors are ready: wait(), and wait_for() for one descriptor.

A descriptor is ready when a read would not block: there are bytes, the end, a listener's client or an error,
or it is not open.  Signal handlers run during a wait, which then continues unless one raises.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from clock cimport HS_NEVER
from park cimport hs_park_init
from timeout cimport hs_deadline_of, hs_expired

cdef extern from "polling.h":
    short POLLIN
    short POLLOUT
    ctypedef unsigned long nfds_t
    struct pollfd:
        int fd
        short events
        short revents
    ctypedef struct hs_alert:
        pass
    void hs_alert_begin(hs_alert *alert) noexcept nogil
    void hs_alert_end(hs_alert *alert) noexcept nogil
    int64_t hs_alert_until(hs_alert *alert, int64_t deadline, int64_t least) noexcept nogil
    bint hs_takes_signals() noexcept nogil
    int hs_poll(pollfd *fds, nfds_t count, int64_t deadline, hs_alert *alert) noexcept nogil

cdef extern from *:
    """
    #if defined(__linux__)
    #  define HS_IS_LINUX 1
    #else
    #  define HS_IS_LINUX 0
    #endif
    static inline PyObject *hs_os_error(int error) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    """
    const bint IS_LINUX "HS_IS_LINUX"
    object hs_os_error(int error)

cdef extern from "fcntl.h" nogil:
    int F_GETFL
    int O_NONBLOCK
    int fcntl(int fd, int what)

cdef extern from "Python.h":
    int PyObject_AsFileDescriptor(object o) except -1

cdef enum:
    FEW = 16  # descriptors for which the stack has room


cdef bint gets_signals() noexcept nogil:
    """Whether a sleep of the calling thread may be ended by a signal that has a handler."""
    return not IS_LINUX or hs_takes_signals()


cdef int failed(int error) except -1:
    """Raise the OSError of an errno."""
    hs_os_error(error)
    return 0


cdef int poll_until(pollfd *fds, nfds_t count, int64_t deadline) except -1:
    """How many descriptors are ready; 0 if the deadline came first.  A past deadline means not to block."""
    cdef hs_alert alert
    cdef int ready, error
    cdef bint late
    memset(&alert, 0, sizeof(alert))
    ready = hs_poll(fds, count, 0, &alert)  # does not block, so the GIL is kept
    if ready > 0 or (ready == 0 and deadline == 0):
        return ready
    while True:
        PyErr_CheckSignals()
        hs_alert_begin(&alert)
        with nogil:
            ready = hs_poll(fds, count, hs_alert_until(&alert, deadline, 0), &alert)
            error = errno
            late = hs_expired(deadline)
        if ready > 0 or (ready == 0 and late):
            return ready
        if ready < 0 and error != EINTR:
            failed(error)


cdef bint wait_for(int fd, int what, int64_t deadline) except -1:
    """Whether a descriptor is ready before the deadline; OSError if it can't be waited for."""
    cdef pollfd one
    one.fd, one.events, one.revents = fd, POLLIN if what == READABLE else POLLOUT, 0
    return poll_until(&one, 1, deadline) != 0


cdef int sleep_unless_nonblocking(int fd) except -1:
    """Wait until a read() would not block; returns at once for a non-blocking descriptor.

    Reason: a signal that arrives just before a blocking read() would not interrupt it.
    """
    cdef pollfd one
    one.fd, one.events, one.revents = fd, POLLIN, 0
    cdef hs_alert alert
    memset(&alert, 0, sizeof(alert))
    if hs_poll(&one, 1, 0, &alert) == 0 and not fcntl(fd, F_GETFL) & O_NONBLOCK:
        poll_until(&one, 1, HS_NEVER)
    return 0


cdef int descriptor_of(obj) except -1:
    try:
        return PyObject_AsFileDescriptor(obj)
    except (AttributeError, TypeError, ValueError) as error:
        what = "descriptor" if isinstance(obj, int) else "object"
        raise ValueError(f"Invalid file {what}: {obj!r}") from error


def wait(object_list, timeout=None):
    """Block until an object is ready to be read from; the list of the ready ones, in the order given.

    object_list: an iterable of connections, sockets, `Process.sentinel`s, integer descriptors, and other
    objects with a fileno().  One that is at its end, or has failed, is ready.
    timeout: seconds, any real number; None waits without limit; 0 or less does not block.  The list is empty
    if nothing was ready in time.

    Releases the GIL while it blocks.  Thread-safe.  ValueError for an object without a descriptor and for a
    NaN timeout; KeyError for a repeated descriptor.
    """
    cdef list objects = list(object_list)
    cdef int64_t deadline = hs_deadline_of(timeout)
    cdef pollfd few[FEW]
    cdef pollfd *fds = few
    cdef Py_ssize_t count = len(objects)
    if count > FEW:
        fds = <pollfd *>calloc(count, sizeof(pollfd))
        if fds == NULL:
            raise MemoryError
    try:
        fill(fds, objects)
        if poll_until(fds, count, deadline) == 0:
            return []
        return [objects[i] for i in range(count) if fds[i].revents]
    finally:
        if fds != few:
            free(fds)


cdef int fill(pollfd *fds, list objects) except -1:
    cdef Py_ssize_t i
    cdef set seen = set()
    for i, obj in enumerate(objects):
        fds[i].fd, fds[i].events, fds[i].revents = descriptor_of(obj), POLLIN, 0
        if fds[i].fd in seen:
            raise KeyError(f"{obj!r} (FD {fds[i].fd}) is already registered")
        seen.add(fds[i].fd)
    return 0


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that tells threads of a fork()")
