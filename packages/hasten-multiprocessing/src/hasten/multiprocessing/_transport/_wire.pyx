# cython: freethreading_compatible=True
"""Connection: messages on a descriptor.

Invariants:

- Header, pickle and large bytes objects of a message are written by one writev(), if the kernel accepts it
  whole.
- No byte beyond the message is read: poll(), select() and other readers of the descriptor see the rest.
- A message is read directly into its bytes object.  For one longer than ROOM memory grows as bytes arrive:
  the length in the header is not trusted.
- A signal just before a read is not missed: the thread that runs signal handlers waits in poll() first.
- A signal handler may run in the middle of a message, which then continues.  If it raises, the part that
  was read is lost, as in the standard library.
- On a non-blocking descriptor BlockingIOError means that nothing was sent or received; the rest of a message
  that has begun is waited for.

If a subclass overrides a step (HOOKS), all its messages go through the steps as Python methods; otherwise
these are not called.  The check is repeated when the class or a base has changed.
"""

import io
import operator

from os import close as os_close

from multiprocessing import BufferTooShort
from multiprocessing.reduction import ForkingPickler

from libc.errno cimport EAGAIN, EINTR, ENOTSOCK, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_XDECREF

from clock cimport HS_NEVER
from compat cimport hs_type_tag
from function cimport publish_methods
from timeout cimport hs_deadline_of
from hasten.multiprocessing._transport._pickler cimport dump_pieces, loads
from hasten.multiprocessing._transport._ready cimport (READABLE, WRITABLE, failed, gets_signals,
                                                       sleep_unless_nonblocking, wait_for)

cdef extern from "_wire.h" nogil:
    enum:
        HS_SHORT_HEADER
        HS_LONG_HEADER
        HS_END_OF_FILE
    struct iovec:
        void *iov_base
        size_t iov_len
    ctypedef struct hs_outgoing:
        iovec *next
        int count
        size_t sent
    size_t hs_wire_header(unsigned char *header, uint64_t size) noexcept
    uint64_t hs_wire_number(const unsigned char *bytes, int width) noexcept
    void hs_wire_gather(hs_outgoing *out, iovec *one, char *room) noexcept
    int hs_wire_write(int fd, hs_outgoing *out, bint alert) noexcept
    int hs_wire_read(int fd, char *into, size_t size, size_t *got, bint alert) noexcept
    int hs_wire_read_now(int fd, char *into, size_t size, size_t *got) noexcept
    int hs_take_fd(int *fd) noexcept
    int close_fd "close"(int fd) noexcept

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *text, Py_ssize_t size) except NULL
    char *text_of "PyBytes_AS_STRING"(PyObject *buffer) noexcept
    int resize "_PyBytes_Resize"(PyObject **buffer, Py_ssize_t size) except -1
    Py_buffer *buffer_of "PyMemoryView_GET_BUFFER"(object view) noexcept
    PyTypeObject *type_of "Py_TYPE"(object o) noexcept
    const Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    SMALL = 512    # bytes; up to this size a message is copied into one piece
    FEW = 8        # pieces for which the stack has room
    ROOM = 1 << 24  # bytes; the most that is allocated before anything has arrived

HOOKS = ("_send", "_recv", "_send_bytes", "_recv_bytes", "_poll", "_close",
         "_check_closed", "_check_readable", "_check_writable", "_bad_message_length",
         "_handle", "_readable", "_writable")


# ---- the bytes of a message ----

cdef int send_message(Connection self, list pieces, uint64_t size) except -1:
    """Write a message whose pieces are bytes or contiguous memoryviews, *size* bytes together."""
    cdef iovec few[FEW + 1]
    cdef iovec one
    cdef char room[SMALL + HS_SHORT_HEADER]
    cdef iovec *all = few
    cdef unsigned char header[HS_LONG_HEADER]
    cdef hs_outgoing out
    cdef Py_ssize_t i, count = len(pieces)
    if count > FEW:
        all = <iovec *>malloc((count + 1) * sizeof(iovec))
        if all == NULL:
            raise MemoryError
    try:
        all[0].iov_base, all[0].iov_len = header, hs_wire_header(header, size)
        for i in range(count):
            piece = pieces[i]
            if type(piece) is bytes:
                all[i + 1].iov_base, all[i + 1].iov_len = text_of(<PyObject *>piece), len(<bytes>piece)
            else:
                all[i + 1].iov_base, all[i + 1].iov_len = buffer_of(piece).buf, buffer_of(piece).len
        out.next, out.count, out.sent = all, <int>(count + 1), 0
        if size <= SMALL:
            hs_wire_gather(&out, &one, room)
        write_all(self, &out)
    finally:
        if all != few:
            free(all)
    return 0


cdef int write_all(Connection self, hs_outgoing *out) except -1:
    cdef int error, fd
    while True:
        fd = self.descriptor()
        with nogil:
            error = hs_wire_write(fd, out, gets_signals())
        if error == 0:
            return 0
        if error == EINTR:
            PyErr_CheckSignals()
        elif out.sent and error == EAGAIN:
            wait_for(fd, WRITABLE, HS_NEVER)
        else:
            failed(error)


cdef int read_all(Connection self, char *into, size_t size, size_t before) except -1:
    """Read *size* bytes.  before: how many bytes of the same part of the message have been read before."""
    cdef int error, fd
    cdef size_t got = 0
    cdef bint begun, alert = gets_signals(), look = alert and not self.in_message
    while True:
        fd = self.descriptor()
        if not look:
            with nogil:
                error = hs_wire_read(fd, into, size, &got, alert)
        elif got or self.no_socket:
            look = False
            sleep_unless_nonblocking(fd)
            continue
        else:  # bytes that are there are read without a poll()
            error = hs_wire_read_now(fd, into, size, &got)
            if error == EAGAIN or error == ENOTSOCK:
                self.no_socket = error == ENOTSOCK
                look = False
                sleep_unless_nonblocking(fd)
                continue
        if error == 0:
            return 0
        begun = got or before
        if error == EINTR:
            PyErr_CheckSignals()
            look = alert
        elif error == HS_END_OF_FILE:
            if begun:
                raise OSError("got end of file during message")
            raise EOFError
        elif (begun or self.in_message) and error == EAGAIN:
            wait_for(fd, READABLE, HS_NEVER)
        else:
            failed(error)


cdef uint64_t read_size(Connection self) except? 1:
    """Read a header; the message's length, which is not checked against memory."""
    cdef char header[8]
    cdef uint64_t size
    read_all(self, header, HS_SHORT_HEADER, 0)
    size = hs_wire_number(<unsigned char *>header, HS_SHORT_HEADER)
    if size == 0xffffffff:
        self.in_message = True
        try:
            read_all(self, header, 8, 0)
        finally:
            self.in_message = False
        return hs_wire_number(<unsigned char *>header, 8)
    if size > 0x7fffffff:
        self.bad_length(f": {<int64_t>size - (1 << 32)}")
    return size


cdef object read_body(Connection self, uint64_t size):
    """Read *size* bytes into a bytes object."""
    cdef PyObject *buffer
    cdef size_t got = 0, room = min(size, <uint64_t>ROOM)
    if size > PY_SSIZE_T_MAX - 64:
        self.bad_length(f": {size}")
    buffer = new_bytes(NULL, room)
    self.in_message = True
    try:
        while True:
            read_all(self, text_of(buffer) + got, room - got, got)
            if room == size:
                return <object>buffer
            got, room = room, min(size, <uint64_t>room * 2)
            resize(&buffer, room)
    finally:
        self.in_message = False
        Py_XDECREF(buffer)


# ---- the class ----

cdef class Connection:
    """The base of `hasten.multiprocessing.connection.Connection`."""

    cdef int fd            # -1 when closed
    cdef bint can_read, can_write
    cdef bint no_socket    # not a socket: recv(2) fails
    cdef bint in_message   # a header, or a part of one, has been read
    cdef unsigned int plain_tag, own_tag  # version tags of the class: overrides no step; overrides one

    def __cinit__(self):
        self.fd = -1

    def __init__(self, handle, readable=True, writable=True):
        """handle: a descriptor, int, owned by the connection from now on.

        readable, writable: the directions it may be used in.  ValueError if handle is negative, or both are
        false.
        """
        cdef int fd = operator.index(handle)
        if fd < 0:
            raise ValueError("invalid handle")
        if not readable and not writable:
            raise ValueError("at least one of `readable` and `writable` must be True")
        self.fd, self.can_read, self.can_write = fd, readable, writable

    def __del__(self):
        if self.fd >= 0:
            self._close() if not is_plain(self) else close_now(self)

    # ---- state ----

    cdef int descriptor(self) except -1:
        """The descriptor; OSError if closed.  To be called again after Python code, which may close it."""
        if self.fd < 0:
            raise OSError("handle is closed")
        return self.fd

    cdef int require_readable(self) except -1:
        require(self.fd >= 0, "handle is closed")
        return require(self.can_read, "connection is write-only")

    cdef int require_writable(self) except -1:
        require(self.fd >= 0, "handle is closed")
        return require(self.can_write, "connection is read-only")

    cdef int bad_length(self, str what) except -1:
        """Raise OSError for an invalid header, and allow no more reads: message boundaries are lost."""
        if is_plain(self):
            if self.can_write:
                self.can_read = False
            else:
                close_now(self)
            raise OSError("bad message length" + what)
        self._bad_message_length()
        raise OSError("bad message length" + what)

    @property
    def _handle(self):
        return self.fd if self.fd >= 0 else None

    @_handle.setter
    def _handle(self, handle):
        self.fd = -1 if handle is None else operator.index(handle)

    @property
    def _readable(self):
        return self.can_read

    @_readable.setter
    def _readable(self, value):
        self.can_read = value

    @property
    def _writable(self):
        return self.can_write

    @_writable.setter
    def _writable(self, value):
        self.can_write = value

    @property
    def closed(self):
        """Whether the connection is closed."""
        return self._handle is None

    @property
    def readable(self):
        """Whether messages can be received."""
        return self._readable

    @property
    def writable(self):
        """Whether messages can be sent."""
        return self._writable

    def fileno(self):
        """The descriptor, an int.  OSError if the connection is closed."""
        self._check_closed()
        return self._handle

    def close(self):
        """Close the connection.  May be called again.

        A thread that is sending or receiving meanwhile is not woken.
        """
        if is_plain(self):
            close_now(self)
        elif self._handle is not None:
            try:
                self._close()
            finally:
                self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()

    # ---- messages ----

    def send(self, obj):
        """Send an object, pickled; the other end gets it from recv().

        Blocks while the descriptor's buffer is full; signal handlers run meanwhile.  OSError if the
        connection is closed, read-only, or broken (BrokenPipeError: the other end is closed).  Errors of
        pickling are raised before anything is sent.  Not thread-safe: large messages of two threads may be
        mixed up.
        """
        cdef list pieces
        if not is_plain(self):
            self._check_closed()
            self._check_writable()
            pieces = pickled(obj)
            self._send_bytes(memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces)))
            return
        self.require_writable()
        pieces = pickled(obj)
        send_message(self, pieces, size_of(pieces))

    def send_bytes(self, buf, offset=0, size=None):
        """Send bytes; the other end gets them from recv_bytes() as one message.

        buf: a bytes-like object.  offset, size: which bytes of it; all from the offset on if size is None.
        Blocks and raises as send() does; ValueError for an offset or size that is negative or too large.
        """
        cdef bint plain = is_plain(self)
        if plain:
            self.require_writable()
        else:
            self._check_closed()
            self._check_writable()
        if type(buf) is not bytes or offset != 0 or size is not None or not plain:
            buf = part_of(buf, offset, size)
            if not plain:
                self._send_bytes(buf)
                return
        send_message(self, [buf], len(buf))

    def recv(self):
        """Receive an object that the other end has sent by send().

        Blocks until there is one; signal handlers run meanwhile.  EOFError if the other end was closed and
        nothing is left; OSError if the connection is closed, write-only, or broken.  Unpickling may run code
        that the sender chooses: receive from trusted senders only.
        """
        if not is_plain(self):
            self._check_closed()
            self._check_readable()
            return loads(self._recv_bytes().getbuffer())
        self.require_readable()
        return unpickled(read_body(self, read_size(self)))

    def recv_bytes(self, maxlength=None):
        """Receive a message as bytes.

        A message of more than *maxlength* bytes, if that is given, raises OSError, and the connection can't
        be read from any more.  Blocks and raises as recv() does; ValueError if maxlength is negative.
        """
        cdef uint64_t size
        cdef bint plain = is_plain(self)
        if plain:
            self.require_readable()
        else:
            self._check_closed()
            self._check_readable()
        if not (maxlength is None or maxlength >= 0):
            raise ValueError("negative maxlength")
        if not plain:
            received = self._recv_bytes(maxlength)
            if received is not None:
                return received.getvalue()
            self._bad_message_length()
        size = read_size(self)
        if maxlength is not None and size > maxlength:
            self.bad_length(f": {size} bytes, and maxlength is {maxlength}")
        return read_body(self, size)

    def recv_bytes_into(self, buf, offset=0):
        """Receive a message into a writable bytes-like object, and return its length.

        offset: where in *buf* to put it, in bytes.  BufferTooShort, whose first argument is the message, if
        there is not the room.  Blocks and raises as recv() does; ValueError for an offset that is negative or
        larger than the buffer; TypeError if that can't be written to or is not contiguous.
        """
        cdef uint64_t size
        cdef size_t room
        cdef bint plain = is_plain(self)
        if plain:
            self.require_readable()
        else:
            self._check_closed()
            self._check_readable()
        with view_to_fill(buf, offset) as view:
            room = view.nbytes - offset
            if not plain:
                return copied(self._recv_bytes(), view, offset, room)
            size = read_size(self)
            if size > room:
                raise BufferTooShort(read_body(self, size))
            self.in_message = True
            try:
                read_all(self, <char *>buffer_of(view).buf + <size_t>offset, size, 0)
            finally:
                self.in_message = False
            return size

    def poll(self, timeout=0.0):
        """Whether there is something to be received; at the end of the connection, too.

        timeout: seconds to wait for it, any real number; None for as long as it takes.  Signal handlers run
        meanwhile.  OSError if the connection is closed or write-only; ValueError if the timeout is NaN.
        """
        if not is_plain(self):
            self._check_closed()
            self._check_readable()
            return self._poll(timeout)
        self.require_readable()
        return wait_for(self.fd, READABLE, hs_deadline_of(timeout))

    # ---- the steps, for classes that override one ----

    def _check_closed(self):
        require(self._handle is not None, "handle is closed")

    def _check_readable(self):
        require(self._readable, "connection is write-only")

    def _check_writable(self):
        require(self._writable, "connection is read-only")

    def _bad_message_length(self):
        if not self._writable:
            self.close()
        self._readable = False
        require(False, "bad message length")

    def _detach(self):
        """Give up the descriptor without closing it."""
        self._handle = None

    def _close(self, _close=os_close):
        _close(self._handle)

    def _poll(self, timeout):
        return wait_for(operator.index(self._handle), READABLE, hs_deadline_of(timeout))

    def _send(self, buf, write=None):
        """Write all of a bytes-like object, by *write* (as os.write()) if that is given."""
        with memoryview(buf) as view, view.cast("B") as rest:
            if write is None:
                write_view(self, rest)
                return
            while len(rest):
                rest = rest[write(self._handle, rest):]

    def _recv(self, size, read=None):
        """Read *size* bytes into an io.BytesIO, by *read* (as os.read()) if that is given."""
        received = io.BytesIO()
        if read is None:
            received.write(read_body(self, size))
        while received.tell() < size:
            chunk = read(self._handle, min(1 << 16, size - received.tell()))
            if not chunk:
                if received.tell():
                    raise OSError("got end of file during message")
                raise EOFError
            received.write(chunk)
        return received

    def _send_bytes(self, buf):
        """Write a message; *buf* is a bytes-like object."""
        cdef unsigned char header[HS_LONG_HEADER]
        cdef size_t width = hs_wire_header(header, len(buf))
        if len(buf) > 16384:
            self._send(header[:width])
            self._send(buf)
        else:
            self._send(header[:width] + bytes(buf))

    def _recv_bytes(self, maxsize=None):
        """Read a message into an io.BytesIO; None if it is longer than *maxsize*."""
        size = int.from_bytes(self._recv(HS_SHORT_HEADER).getvalue(), "big", signed=True)
        if size == -1:
            size = int.from_bytes(self._recv(8).getvalue(), "big")
        if size < 0 or (maxsize is not None and size > maxsize):
            return None
        return self._recv(size)


cdef inline int require(bint condition, str otherwise) except -1:
    if not condition:
        raise OSError(otherwise)
    return 0


cdef int close_now(Connection self) except -1:
    cdef int fd = hs_take_fd(&self.fd)
    if fd >= 0 and close_fd(fd) < 0 and errno != EINTR:
        failed(errno)
    return 0


cdef int write_view(Connection self, view) except -1:
    cdef iovec one
    cdef hs_outgoing out
    one.iov_base, one.iov_len = buffer_of(view).buf, buffer_of(view).len
    out.next, out.count, out.sent = &one, 1 if one.iov_len else 0, 0
    return write_all(self, &out)


cdef object copied(received, view, Py_ssize_t offset, Py_ssize_t room):
    """Copy an io.BytesIO that an overridden step has returned into *view*; its length."""
    data = received.getvalue()
    if len(data) > room:
        raise BufferTooShort(data)
    with view.cast("B") as target:
        target[offset:offset + len(data)] = data
    return len(data)


cpdef object view_to_fill(buf, offset):
    """The buffer of recv_bytes_into() as a memoryview; ValueError or TypeError if it can't be used."""
    view = memoryview(buf)
    if not 0 <= offset <= view.nbytes:
        raise ValueError("negative offset" if offset < 0 else "offset too large")
    if view.readonly or not view.c_contiguous:
        raise TypeError("recv_bytes_into() needs a read-write bytes-like object in one block, "
                        f"not {type(buf).__name__!r}")
    return view


cpdef object part_of(buf, offset, size):
    """*size* bytes of *buf* from *offset* on, contiguous: a memoryview, or bytes."""
    view = memoryview(buf)
    if view.itemsize > 1 or view.ndim != 1:
        view = view.cast("B")
    length = view.nbytes
    if offset < 0:
        raise ValueError("offset is negative")
    if length < offset:
        raise ValueError("buffer length < offset")
    if size is None:
        size = length - offset
    elif size < 0:
        raise ValueError("size is negative")
    elif offset + size > length:
        raise ValueError("buffer length < offset + size")
    view = view[offset:offset + size]
    return view if view.c_contiguous else view.tobytes()


# ---- objects ----

cdef dict public = {}  # the namespace of `hasten.multiprocessing.connection`
cdef object usual_pickler = ForkingPickler


def look_in(namespace):
    """Look for a replaced `_ForkingPickler` in *namespace*."""
    global public
    public = namespace


cdef list pickled(obj):
    """The pickle of an object, in bytes and contiguous memoryviews."""
    cls = public.get("_ForkingPickler", usual_pickler)
    cdef list pieces = dump_pieces(obj) if cls is usual_pickler else [cls.dumps(obj)]
    if type(pieces[0]) is not bytes:
        pieces = [memoryview(pieces[0]).cast("B")]
    return pieces


cdef object unpickled(data):
    cls = public.get("_ForkingPickler", usual_pickler)
    return loads(data) if cls is usual_pickler else cls.loads(data)


cdef Py_ssize_t size_of(list pieces) except -1:
    cdef Py_ssize_t size = 0
    for piece in pieces:
        size += len(piece)
    return size


# ---- whether a class overrides steps ----

cdef dict steps = {name: Connection.__dict__[name] for name in HOOKS}


cdef inline bint is_plain(Connection self) except -1:
    """Whether no step is overridden.  A version tag identifies a class in its current state, bases
    included."""
    cdef unsigned int tag = hs_type_tag(type_of(self))
    if tag == 0 or tag != self.plain_tag:
        return tag != 0 and tag != self.own_tag and look_at_class(self, tag)
    return True


cdef bint look_at_class(Connection self, unsigned int tag) except -1:
    # Uses no module globals: at the interpreter's end, when connections are deallocated, they are gone
    cdef type cls = type(self)
    for name, step in steps.items():
        if found_in(cls, name) is not step:
            self.own_tag = tag
            return False
    self.plain_tag = tag
    return True


cdef object found_in(type cls, str name):
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


publish_methods(Connection, "hasten.multiprocessing.connection", type(Connection.send))
