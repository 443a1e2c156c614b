# cython: freethreading_compatible=True
"""The ends of a pipe whose messages lie in memory that both sides have mapped: Pipe(shm=True).

What holds:

- Each direction is a ring (shm_ring.h), so a message is there whole or not at all, whoever is killed when.
- The sockets of a pair are the lifeline: nothing is ever sent, and each end keeps one of them open.  When all
  processes that had an end have closed it or are gone, the kernel tells the other end.  Who waits looks
  there whenever he finds nothing, and he looks every half second at least.
- An end that is closed wakes those who wait at the other one.
- fileno() is a descriptor of epoll on the eventfd of the ring and on the lifeline: readable while there is a
  message, or the end.  It is made when it is asked for.
- A sender that is more than AHEAD before its reader waits.  So memory does not grow without a bound, as a
  pipe's does not, and a message may be of any size.

What a record holds is told in _records.pyx.  send_bytes() sends as if the bytes were a pickle: so recv()
unpickles what send_bytes() has sent, and recv_bytes() has the pickle of what send() has, as ever.
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
    """What `hasten.multiprocessing.connection.RingConnection` is compiled from."""

    cdef readonly Ring _incoming, _outgoing  # None: not that way
    cdef int line       # the end of the lifeline, -1 when closed
    cdef object poller  # of epoll, or None
    cdef bint unreadable

    def __cinit__(self):
        self.line = -1

    def __init__(self, lifeline, incoming, outgoing):
        """*lifeline*: a descriptor, which belongs to the connection from now on; the rings may be None."""
        if incoming is None and outgoing is None:
            raise ValueError("at least one of `readable` and `writable` must be True")
        self._incoming, self._outgoing = incoming, outgoing
        self.line = lifeline

    def __del__(self):
        close_now(self)

    # ---- state ----

    cdef int to_be_read(self) except -1:
        if self.line < 0:
            raise OSError("handle is closed")
        if self._incoming is None or self.unreadable:
            raise OSError("connection is write-only")
        return 0

    cdef int to_be_written(self) except -1:
        if self.line < 0:
            raise OSError("handle is closed")
        if self._outgoing is None:
            raise OSError("connection is read-only")
        return 0

    cdef bint is_cut(self) except -1:
        """Whether nobody has the other end any more.  OSError if this one was closed meanwhile."""
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

        A thread that waits in it gets an OSError; who waits at the other end, if nobody else has this one, an
        EOFError or a BrokenPipeError.
        """
        close_now(self)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()

    # ---- sending ----

    def send(self, obj):
        """Send an object; the other end gets it from recv().

        Blocks while the other end is more than some 4 MiB behind; signal handlers run meanwhile.
        BrokenPipeError if nobody has the other end any more; OSError if the connection is closed, read-only,
        or where memory is lacking; what pickling raises.  Thread-safe.
        """
        self.to_be_written()
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
        self.to_be_written()
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

        Blocks until there is one; signal handlers run meanwhile.  EOFError if nobody has the other end any
        more and nothing is left; OSError if the connection is closed or write-only; what unpickling raises.
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
        self.to_be_read()
        return self.wait_for_message(hs_deadline_of(timeout)) or self.is_cut()

    cdef int take(self, Record *record) except -1:
        self.to_be_read()
        while self._incoming.get(False, 0, record) != HS_RING_DONE:
            # A message that was put before the other end was closed is seen by the second look.
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
    """Close the lifeline; then those who wait look, and the rings are unmapped when they have."""
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
    """What is readable when there is a message, or the lifeline is at its end."""
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
