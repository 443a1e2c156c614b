# cython: freethreading_compatible=True
"""`_reader` and `_writer` of a queue: the two ends of a pipe for those who look for them.

They do what a Connection does: poll(), recv(), recv_bytes(), send(), send_bytes(), fileno() for select(),
poll() and connection.wait(), and close().  The descriptor of the reader is readable exactly while there is
something to get; this costs a system call whenever the queue becomes empty or is no longer so, and
therefore begins with the first call of fileno().  That of the writer is always ready.

Closing an end concerns this process only.  There is no end of file when all writers are gone; recv() raises
EOFError when the queue was shut down.
"""

from clock cimport HS_NEVER
from shm_ring cimport HS_RING_DONE
from hasten.multiprocessing._transport._records cimport (
    NotPicklable, object_of, pickle_of, put_object, put_pickle,
)
from hasten.multiprocessing._transport._ring cimport Record, Ring


cdef class End:
    """One end of a queue, in this process."""

    cdef Ring ring
    cdef readonly bint readable, writable
    cdef object __weakref__

    def __init__(self, Ring ring not None):
        self.ring = ring

    @property
    def __class__(self):
        """isinstance() takes an end for a Connection, as which it serves."""
        from hasten.multiprocessing.connection import Connection

        return Connection

    @property
    def closed(self):
        """Whether this end was closed by hand, or the queue was."""
        return not self.ring.open or (self.ring.reader_closed if self.readable else self.ring.writer_closed)

    cdef int look(self) except -1:
        if self.closed:
            raise OSError("handle is closed")
        return 0

    def close(self):
        """Close this end in this process.  The memory is unmapped when both ends are closed."""
        if self.readable:
            self.ring.reader_closed = True
        else:
            self.ring.writer_closed = True
        if self.ring.reader_closed and self.ring.writer_closed:
            self.ring.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    def __repr__(self):
        return f"<{type(self).__name__} of a queue, {'closed' if self.closed else 'open'}>"


cdef class Reader(End):
    """Where get() takes objects from.  Thread-safe."""

    def __cinit__(self):
        self.readable = True

    def fileno(self):
        """A descriptor that is readable while there is something to get.  It is not to be read from."""
        self.look()
        return self.ring.arm()

    def poll(self, timeout=0.0):
        """Whether there is something to get; waits for it up to *timeout* seconds (None: for ever)."""
        self.look()
        return self.ring.poll(timeout)

    cdef int take(self, Record *record) except -1:
        self.look()
        if self.ring.get(True, HS_NEVER, record) != HS_RING_DONE:
            raise EOFError
        return 0

    def recv(self):
        """Wait for an object and return it."""
        cdef Record record
        self.take(&record)
        return object_of(&record)

    def recv_bytes(self, maxlength=None):
        """Wait for an object and return its pickle; OSError if that is longer than *maxlength* bytes."""
        cdef Record record
        if maxlength is not None and maxlength < 0:
            raise ValueError("negative maxlength")
        self.take(&record)
        data = pickle_of(&record)
        if maxlength is not None and len(data) > maxlength:
            raise OSError("bad message length")
        return data


cdef class Writer(End):
    """Where put() leaves objects.  Thread-safe."""

    def __cinit__(self):
        self.writable = True

    def fileno(self):
        """A descriptor that is always ready to be written to.  It is not to be written to."""
        self.look()
        return self.ring.descriptors()[1]

    def send(self, obj):
        """Put an object; raises what its pickling raises."""
        self.look()
        try:
            return self.done(put_object(self.ring, obj, 0, True, HS_NEVER))
        except NotPicklable as error:
            cause = (<NotPicklable>error).error
        raise cause

    def send_bytes(self, buf, offset=0, size=None):
        """Put an object whose pickle *buf* is, or a part of it."""
        self.look()
        view = memoryview(buf).cast("B")
        if offset < 0:
            raise ValueError("offset is negative")
        if len(view) < offset:
            raise ValueError("buffer length < offset")
        if size is None:
            size = len(view) - offset
        elif size < 0:
            raise ValueError("size is negative")
        elif offset + size > len(view):
            raise ValueError("buffer length < offset + size")
        return self.done(put_pickle(self.ring, view[offset:offset + size], 0, True, HS_NEVER))

    cdef object done(self, int status):
        if status != HS_RING_DONE:
            raise BrokenPipeError("the queue was shut down")
        return None
