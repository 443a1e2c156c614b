# cython: freethreading_compatible=True
"""`_reader` and `_writer` of a queue: the two ends of a pipe, for programs that use them.

They have the methods of a Connection: poll(), recv(), recv_bytes(), send(), send_bytes(), close(), and
fileno() for select(), poll() and connection.wait().  The reader's descriptor is readable exactly while there
is something to get.  Keeping it so takes a system call whenever the queue becomes empty or non-empty, so it
starts with the first call of fileno().  The writer's descriptor is always ready.

close() affects this process only.  There is no end of file when all writers are gone; recv() raises EOFError
once the queue is shut down.
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
        """Connection, so that isinstance() accepts an end as one."""
        from hasten.multiprocessing.connection import Connection

        return Connection

    @property
    def closed(self):
        """Whether this end, or the queue, was closed."""
        return not self.ring.open or (self.ring.reader_closed if self.readable else self.ring.writer_closed)

    cdef int check_open(self) except -1:
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
    """The receiving end.  Thread-safe."""

    def __cinit__(self):
        self.readable = True

    def fileno(self):
        """A descriptor that is readable while there is something to get.  For waiting only, never to be
        read."""
        self.check_open()
        return self.ring.arm()

    def poll(self, timeout=0.0):
        """Whether there is something to get; waits for it up to *timeout* seconds (None: no limit)."""
        self.check_open()
        return self.ring.poll(timeout)

    cdef int take(self, Record *record) except -1:
        self.check_open()
        if self.ring.get(True, HS_NEVER, record) != HS_RING_DONE:
            raise EOFError
        return 0

    def recv(self):
        """Get an object; blocks while there is none.  EOFError once the queue is shut down."""
        cdef Record record
        self.take(&record)
        return object_of(&record)

    def recv_bytes(self, maxlength=None):
        """Get an object as its pickle; blocks while there is none.  EOFError once the queue is shut down;
        OSError if the pickle is longer than *maxlength* bytes."""
        cdef Record record
        if maxlength is not None and maxlength < 0:
            raise ValueError("negative maxlength")
        self.take(&record)
        data = pickle_of(&record)
        if maxlength is not None and len(data) > maxlength:
            raise OSError("bad message length")
        return data


cdef class Writer(End):
    """The sending end.  Thread-safe."""

    def __cinit__(self):
        self.writable = True

    def fileno(self):
        """A descriptor that is always writable.  For waiting only, never to be written to."""
        self.check_open()
        return self.ring.descriptors()[1]

    def send(self, obj):
        """Put an object; raises the errors of pickling, and BrokenPipeError once the queue is shut down."""
        self.check_open()
        try:
            return self.done(put_object(self.ring, obj, 0, True, HS_NEVER))
        except NotPicklable as error:
            cause = (<NotPicklable>error).error
        raise cause

    def send_bytes(self, buf, offset=0, size=None):
        """Put an object whose pickle is *size* bytes of *buf* from *offset* on."""
        self.check_open()
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
