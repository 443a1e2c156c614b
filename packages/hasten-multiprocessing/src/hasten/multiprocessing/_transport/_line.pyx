# cython: freethreading_compatible=True
"""A connection for requests and answers that reads a small message by one system call, reading ahead.

Invariants:

- No other code reads from the socket while a message is under way, since the line may have read its bytes.
  Once all messages that were sent have been received, the read-ahead buffer is empty.
- In the thread that runs signal handlers a sleep is limited to 5 ms, doubled each time.
- A line is used by one thread at a time.

For a message longer than ROOM memory grows as its bytes arrive: the length in the header is not trusted.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memmove

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF

from hasten.multiprocessing._transport._pickler cimport dumps, loads
from hasten.multiprocessing._transport._ready cimport failed, gets_signals

cdef extern from "_wire.h" nogil:
    enum:
        HS_SHORT_HEADER
    uint64_t hs_wire_number(const unsigned char *bytes, int width) noexcept
    ssize_t hs_wire_read_some(int fd, char *into, size_t size, int64_t most) noexcept

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *text, Py_ssize_t size) except NULL
    char *text_of "PyBytes_AS_STRING"(PyObject *buffer) noexcept
    int resize "_PyBytes_Resize"(PyObject **buffer, Py_ssize_t size) except -1
    const Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    ROOM = 1 << 24  # bytes; the most that is allocated before anything has arrived


cdef class Line:
    """Replaces a Connection over a socket, and owns it from now on."""

    def __cinit__(self, connection, *args):
        self.fd = -1
        self.connection, self.fd = connection, connection.fileno()

    # ---- state ----

    cdef int descriptor(self) except -1:
        """The descriptor; OSError if closed.  To be called again after Python code, which may close it."""
        if self.fd < 0:
            raise OSError("handle is closed")
        return self.fd

    @property
    def closed(self):
        """Whether it is closed."""
        return self.fd < 0

    def fileno(self):
        """The descriptor of the socket, an int.  OSError if closed."""
        return self.descriptor()

    def close(self):
        """Close it and its socket.  May be called again."""
        self.fd = -1
        if self.successor is not None:
            self.successor.close()
        else:
            self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, exc_tb):
        self.close()

    def go_on_in(self, successor):
        """Forward all later messages to *successor*, also for callers that still refer to this line."""
        self.successor = successor

    # ---- messages ----

    def send(self, obj):
        """Pickle and send an object.  Blocks and raises as send_bytes(); pickling errors before that."""
        self.send_bytes(dumps(obj))

    def recv(self):
        """Receive and unpickle an object.  Blocks and raises as recv_bytes(); unpickling errors after
        that."""
        return loads(self.recv_bytes())

    def send_bytes(self, data):
        """Send a bytes-like object; the other end gets it from recv_bytes().

        Blocks while there is no room; signal handlers run meanwhile.  OSError if this end is closed or the
        other one is gone.
        """
        if self.successor is not None:
            self.successor.send_bytes(data)
        else:
            self.connection.send_bytes(data)

    def recv_bytes(self):
        """Receive a message as bytes.

        Blocks until there is one; signal handlers run meanwhile.  EOFError or OSError if the other end is
        gone, or this one is closed.
        """
        cdef uint64_t size
        cdef object data
        if self.successor is not None:
            return self.successor.recv_bytes()
        self.fill(HS_SHORT_HEADER, False)
        size = hs_wire_number(<unsigned char *>self.ahead + self.begin, HS_SHORT_HEADER)
        self.begin += HS_SHORT_HEADER
        if size == 0xffffffff:
            self.fill(8, True)
            size = hs_wire_number(<unsigned char *>self.ahead + self.begin, 8)
            self.begin += 8
            if size > PY_SSIZE_T_MAX - 64:
                raise OSError("bad message length")
        elif size > 0x7fffffff:
            raise OSError("bad message length")
        if size > self.end - self.begin:
            return self.body(size)
        data = PyBytes_FromStringAndSize(self.ahead + self.begin, size)
        self.begin += size
        return data

    def poll(self, timeout=0.0):
        """Whether there is something to be received, or the other end is gone.

        timeout: seconds to wait for it, any real number; None for as long as it takes.
        """
        if self.successor is not None:
            return self.successor.poll(timeout)
        self.descriptor()
        return self.begin < self.end or self.connection.poll(timeout)

    cdef size_t read(self, char *into, size_t size, bint within) except 0:
        """Read at least one byte; EOFError at the end, or OSError if *within* a message."""
        cdef int64_t look = FIRST_LOOK if gets_signals() else -1
        cdef ssize_t got
        cdef int fd, error
        while True:
            fd = self.descriptor()
            with nogil:
                got = hs_wire_read_some(fd, into, size, look)
                error = errno
            if got > 0:
                return got
            if got == 0:
                if within:
                    raise OSError("got end of file during message")
                raise EOFError
            if error != EINTR and error != EAGAIN:
                failed(error)
            PyErr_CheckSignals()
            if look >= 0 and look < LAST_LOOK:
                look *= 2

    cdef int fill(self, size_t least, bint within) except -1:
        """Read until there are *least* bytes in `ahead`."""
        if self.begin == self.end:
            self.begin = self.end = 0
        elif self.end - self.begin < least and self.begin:
            memmove(self.ahead, self.ahead + self.begin, self.end - self.begin)
            self.begin, self.end = 0, self.end - self.begin
        while self.end - self.begin < least:
            self.end += self.read(self.ahead + self.end, AHEAD - self.end, within or self.end > self.begin)
        return 0

    cdef object body(self, uint64_t size):
        """A message of *size* bytes, of which a part is in `ahead`, as a bytes object."""
        cdef size_t got = self.end - self.begin, room = min(size, <uint64_t>ROOM)
        cdef PyObject *buffer = new_bytes(NULL, room)
        memcpy(text_of(buffer), self.ahead + self.begin, got)
        self.begin = self.end = 0
        try:
            while True:
                while got < room:
                    got += self.read(text_of(buffer) + got, room - got, True)
                if room == size:
                    return <object>buffer
                room = min(size, <uint64_t>room * 2)
                resize(&buffer, room)
        finally:
            Py_XDECREF(buffer)
