# cython: freethreading_compatible=True
"""The ends of a pipe whose messages are in memory that both sides have mapped: Pipe(shm=True).

Invariants:

- Each direction is a ring (shm_ring.h), so a message arrives whole or not at all, whichever process is
  killed.
- Each end keeps one socket of a pair open, the lifeline; nothing is sent over it.  When all processes with
  one end have closed it or died, the kernel reports that on the other socket.  A waiter checks it whenever
  the ring is empty, and at least every half second.
- close() of an end wakes the waiters of the other one.
- fileno() is an epoll descriptor of the ring's eventfd and the lifeline: readable while there is a message,
  or at the end.  It is made by the first call.
- A sender blocks while its reader is more than AHEAD behind, so memory is bounded; one message may be of any
  size.

The content of a record is described in _records.pyx.  send_bytes() sends its bytes as a pickle: recv()
unpickles bytes of send_bytes(), and recv_bytes() returns the pickle of an object of send(), as with any
Connection.
"""

import select

from multiprocessing import BufferTooShort

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, EPIPE, errno
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from function cimport publish_methods
from shm_ring cimport (
    HS_RING_DONE, hs_piece, hs_ring, hs_ring_count, hs_ring_exceeds, hs_ring_wait_data, hs_ring_wait_space,
)
from timeout cimport hs_deadline_of, hs_expired
from hasten.multiprocessing._transport._records cimport NotPicklable, object_of, pickle_of, put_object
from hasten.multiprocessing._transport._ring cimport FIRST_SLICE, PICKLE, Record, Ring, sooner
from hasten.multiprocessing._transport._wire import part_of, view_to_fill

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_PEEK
        MSG_DONTWAIT
    ssize_t peek "recv"(int fd, void *into, size_t size, int flags) noexcept

cdef extern from "_wire.h" nogil:
    int hs_take_fd(int *fd) noexcept

cdef extern from "<unistd.h>" nogil:
    int close_fd "close"(int fd) noexcept

cdef enum:
    AHEAD = 64  # units of 64 KiB


cdef class RingConnection:
    """The base of `hasten.multiprocessing.connection.RingConnection`."""

    cdef readonly Ring _incoming, _outgoing  # None: not this direction
    cdef int line       # the lifeline's descriptor, -1 when closed
    cdef object poller  # the epoll object of fileno(), or None
    cdef bint unreadable

    def __cinit__(self):
        self.line = -1

    def __init__(self, lifeline, incoming, outgoing):
        """lifeline: a descriptor, owned by the connection from now on; one of the rings may be None."""
        if incoming is None and outgoing is None:
            raise ValueError("at least one of `readable` and `writable` must be True")
        self._incoming, self._outgoing = incoming, outgoing
        self.line = lifeline

    def __del__(self):
        close_now(self)

    # ---- state ----

    cdef int require_readable(self) except -1:
        if self.line < 0:
            raise OSError("handle is closed")
        if self._incoming is None or self.unreadable:
            raise OSError("connection is write-only")
        return 0

    cdef int require_writable(self) except -1:
        if self.line < 0:
            raise OSError("handle is closed")
        if self._outgoing is None:
            raise OSError("connection is read-only")
        return 0

    cdef bint is_cut(self) except -1:
        """Whether no process has the other end open.  OSError if this one was closed meanwhile."""
        cdef char byte
        cdef ssize_t got
        if self.line < 0:
            raise OSError("handle is closed")
        got = peek(self.line, &byte, 1, MSG_PEEK | MSG_DONTWAIT)
        return got == 0 or (got < 0 and errno != EAGAIN and errno != EINTR)

    @property
    def _handle(self):
        return self.line if self.line >= 0 else None

    @property
    def closed(self):
        """Whether the connection is closed."""
        return self.line < 0

    @property
    def readable(self):
        """Whether messages can be received."""
        return self._incoming is not None and not self.unreadable

    @property
    def writable(self):
        """Whether messages can be sent."""
        return self._outgoing is not None

    def fileno(self):
        """A descriptor, an int, that is readable while poll() is true: for wait(), select and poll.

        It is for waiting only.  OSError if the connection is closed.
        """
        if self.line < 0:
            raise OSError("handle is closed")
        if self.poller is None:
            self.poller = new_poller(self)
        return self.poller.fileno()

    def close(self):
        """Close the connection.  May be called again.

        A thread that waits in this connection gets an OSError.  If no other process has this end open,
        waiters at the other end get an EOFError or a BrokenPipeError.
        """
        close_now(self)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()

    # ---- sending ----

    def send(self, obj):
        """Send an object; the other end gets it from recv().

        Blocks while the other end is more than about 4 MiB behind; signal handlers run meanwhile.
        BrokenPipeError if no process has the other end open; OSError if the connection is closed or
        read-only, or memory is lacking; the errors of pickling.  Thread-safe.
        """
        self.require_writable()
        self.wait_for_room()
        try:
            put_object(self._outgoing, obj, 0, True, HS_NEVER)
        except NotPicklable as carrier:
            error = (<NotPicklable>carrier).error
        else:
            return
        raise error

    def send_bytes(self, buf, offset=0, size=None):
        """Send bytes; the other end gets them from recv_bytes() as one message.

        buf: a bytes-like object.  offset, size: which bytes of it; all from the offset on if size is None.
        Blocks and raises as send() does; ValueError for an offset or size that is negative or too large.
        """
        cdef hs_piece piece
        cdef Py_buffer view
        self.require_writable()
        if type(buf) is not bytes or offset != 0 or size is not None:
            buf = part_of(buf, offset, size)
        self.wait_for_room()
        PyObject_GetBuffer(buf, &view, PyBUF_SIMPLE)
        try:
            piece.data, piece.size = view.buf, view.len
            self._outgoing.put(PICKLE, &piece, 1, piece.size, 0, True, HS_NEVER)
        finally:
            PyBuffer_Release(&view)

    cdef int wait_for_room(self) except -1:
        cdef Ring ring = self._outgoing
        cdef hs_ring *r = &ring.ring
        cdef int64_t slice_ = FIRST_SLICE
        while True:
            if self.is_cut():
                raise BrokenPipeError(EPIPE, "Broken pipe: nobody has the other end any more")
            ring.enter()
            try:
                if not hs_ring_exceeds(r, AHEAD):
                    return 0
                with nogil:
                    hs_ring_wait_space(r, hs_ring_count(r), sooner(HS_NEVER, &slice_))
            finally:
                ring.leave()
            PyErr_CheckSignals()

    # ---- receiving ----

    def recv(self):
        """Receive an object that the other end has sent by send().

        Blocks until there is one; signal handlers run meanwhile.  EOFError if no process has the other end
        open and nothing is left; OSError if the connection is closed or write-only; the errors of unpickling.
        Thread-safe.
        """
        cdef Record record
        self.take(&record)
        return object_of(&record)

    def recv_bytes(self, maxlength=None):
        """Receive a message as bytes.

        A message of more than *maxlength* bytes, if that is given, raises OSError, and the connection can't
        be read from any more.  Blocks and raises as recv() does; ValueError if maxlength is negative.
        """
        cdef Record record
        if not (maxlength is None or maxlength >= 0):
            raise ValueError("negative maxlength")
        self.take(&record)
        data = pickle_of(&record)
        if maxlength is not None and len(data) > maxlength:
            if self._outgoing is None:
                close_now(self)
            self.unreadable = True
            raise OSError(f"bad message length: {len(data)} bytes, and maxlength is {maxlength}")
        return data if type(data) is bytes else bytes(data)

    def recv_bytes_into(self, buf, offset=0):
        """Receive a message into a writable bytes-like object, and return its length.

        offset: where in *buf* to put it, in bytes.  BufferTooShort, whose first argument is the message, if
        there is not the room.  Blocks and raises as recv() does; ValueError for an offset that is negative or
        larger than the buffer; TypeError if that can't be written to or is not contiguous.
        """
        with view_to_fill(buf, offset) as view:
            data = self.recv_bytes()
            if len(data) > view.nbytes - offset:
                raise BufferTooShort(data)
            with view.cast("B") as target:
                target[offset:offset + len(data)] = data
            return len(data)

    def poll(self, timeout=0.0):
        """Whether there is something to be received; at the end of the connection, too.

        timeout: seconds to wait for it, any real number; None for as long as it takes.  Signal handlers run
        meanwhile.  OSError if the connection is closed or write-only; ValueError if the timeout is NaN.
        """
        self.require_readable()
        return self.wait_for_message(hs_deadline_of(timeout)) or self.is_cut()

    cdef int take(self, Record *record) except -1:
        self.require_readable()
        while self._incoming.get(False, 0, record) != HS_RING_DONE:
            # count() again: a message may have been put just before the other end was closed
            if not self.wait_for_message(HS_NEVER) and not self._incoming.count():
                raise EOFError
        return 0

    cdef bint wait_for_message(self, int64_t deadline) except -1:
        """Whether there is one; False if the deadline has passed or the other end is gone."""
        cdef Ring ring = self._incoming
        cdef hs_ring *r = &ring.ring
        cdef int64_t slice_ = FIRST_SLICE
        while True:
            ring.enter()
            try:
                if hs_ring_count(r):
                    return True
                if self.is_cut() or hs_expired(deadline):
                    return hs_ring_count(r) != 0
                with nogil:
                    hs_ring_wait_data(r, sooner(deadline, &slice_))
            finally:
                ring.leave()
            PyErr_CheckSignals()


cdef int close_now(RingConnection self) except -1:
    """Close the lifeline and wake all waiters; the rings are unmapped once those have left."""
    cdef int line = hs_take_fd(&self.line)
    if line < 0:
        return 0
    close_fd(line)
    if self.poller is not None:
        self.poller.close()
    for ring in (self._incoming, self._outgoing):
        if ring is not None:
            ring.wake_all()
            ring.close()
    return 0


cdef object new_poller(RingConnection self):
    """An epoll object that is readable while there is a message, or at the lifeline's end."""
    poller = select.epoll()
    try:
        poller.register(self.line, select.EPOLLIN | select.EPOLLRDHUP)
        if self._incoming is not None:
            poller.register(self._incoming.arm(), select.EPOLLIN)
    except BaseException:
        poller.close()
        raise
    return poller


publish_methods(RingConnection, "hasten.multiprocessing.connection", type(RingConnection.send))
