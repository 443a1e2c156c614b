# cython: freethreading_compatible=True
"""Exchange: writing a child's stdin while reading its outputs; and decode() for text.

Each output is read directly into one bytes object, which is enlarged by realloc as it fills, and cut to its
length at the end: usually no list of pieces, no copy.  Reserved room that is never written to takes no
memory.

Page faults of fresh memory are the main cost of reading, three times that of a copy.  malloc reuses memory of
earlier exchanges if no block is much larger than those freed before.  So a buffer grows by half instead of
doubling, and from LARGE_ROOM on there is a list of pieces, which are joined at the end.  More than
most_in_pieces goes into one block again, which is larger than glibc ever takes from its heap: enlarging it
moves page tables instead of copying.  Its pages are fresh, so large pages are requested for it.  (The
allocator of free-threaded builds always copies, and frees the old block later.)
"""

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_FindChar, PyUnicode_GET_LENGTH

from hasten.subprocess._supervised import insist

from clock cimport HS_NEVER, hs_deadline_after
from park cimport hs_park_init
from timeout cimport hs_seconds
from hasten.subprocess._pump cimport (HS_PUMP_DONE, HS_PUMP_ENDED, HS_PUMP_ERROR, HS_PUMP_FULL,
                                      HS_PUMP_SIGNALS, HS_PUMP_TIMEOUT, hs_exchange, hs_exchange_enter,
                                      hs_exchange_leave, hs_output, hs_pump, hs_signals_seen)

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *text, Py_ssize_t size) except NULL
    char *text_of "PyBytes_AS_STRING"(PyObject *buffer) noexcept
    int resize "_PyBytes_Resize"(PyObject **buffer, Py_ssize_t size) except -1
    Py_buffer *buffer_of "PyMemoryView_GET_BUFFER"(object view) noexcept
    void drop "Py_XDECREF"(PyObject *buffer) noexcept

cdef extern from "_large_pages.h" nogil:
    bint hs_has_large_pages()
    void hs_want_large_pages(char *start, size_t size)

cdef enum:
    FIRST_ROOM = 8000  # bytes; most outputs are smaller
    SECOND_ROOM = 1 << 18
    LARGE_ROOM = 12 << 20
    PIECE = 1 << 20
    HUGE_ROOM = 48 << 20  # above 32 MiB, the highest threshold for mmap() in glibc's malloc
    STDOUT = 0
    STDERR = 1

cdef bint has_large_pages = hs_has_large_pages()
cdef size_t most_in_pieces = 12 << 20 if has_large_pages else 24 << 20


cdef class Exchange:
    """Exchange(stdin_fd=-1, stdout_fd=-1, stderr_fd=-1, input=None, on_end=None)
--

    Writes *input* to a child's stdin while it collects what the child writes to stdout and stderr.

    stdin_fd, stdout_fd, stderr_fd: the parent's ends of the pipes; -1 for a missing one.  An end that is done
        (all input written, or its reader gone; end of file) is closed at once, without the GIL.  Ends that
        are not done have to be closed by the caller: see the properties of the same names.  While pump()
        runs, stdin_fd may be non-blocking; its flags are restored afterwards.
    input: a contiguous bytes-like object, which is not copied and must not change meanwhile; None for
    nothing.
    on_end: a function that is called with the descriptor of an end that is done, instead of closing it; for
        descriptors that belong to file objects.  It is called again if it was interrupted, since the child
        may wait for the end to be closed.

    Not thread-safe: while a thread uses an exchange, another one gets a RuntimeError.
    """

    cdef hs_exchange x
    cdef object view             # a memoryview of the input until that is done
    cdef PyObject *buffers[2]    # the bytes objects that the outputs are read into
    cdef dict pieces             # by output: bytes objects that are full, and come before the buffer
    cdef object on_end

    def __cinit__(self, int stdin_fd=-1, int stdout_fd=-1, int stderr_fd=-1, input=None, on_end=None):
        self.x.input.fd, self.x.input.blocking = stdin_fd, -1
        self.x.outputs[STDOUT].fd, self.x.outputs[STDERR].fd = stdout_fd, stderr_fd
        self.on_end, self.x.closes, self.pieces = on_end, on_end is None, {}
        if input is not None:
            self.take_input(input)
        cdef int i
        for i in range(2):
            if self.x.outputs[i].fd >= 0:
                self.set_room(i, FIRST_ROOM)

    def __dealloc__(self):
        drop(self.buffers[STDOUT])
        drop(self.buffers[STDERR])

    cdef int take_input(self, input) except -1:
        cdef object view = memoryview(input)
        if not view.c_contiguous:
            raise TypeError("memoryview: casts are restricted to C-contiguous views; "
                            "pass bytes(input) to have it copied into one")
        self.view = view
        self.x.input.data, self.x.input.size = <const char *>buffer_of(view).buf, buffer_of(view).len
        return 0

    cdef int set_room(self, int which, Py_ssize_t room) except -1:
        """Set the size of an output's buffer in bytes.  After a MemoryError its content is lost."""
        cdef hs_output *output = &self.x.outputs[which]
        cdef size_t used = output.used
        output.data, output.used, output.room = NULL, 0, 0
        if self.buffers[which] == NULL:
            self.buffers[which] = new_bytes(NULL, room)
        else:
            resize(&self.buffers[which], room)
            output.used = used
        output.data, output.room = text_of(self.buffers[which]), room
        return 0

    cdef int grow(self, int which) except -1:
        """Make room for more of an output whose buffer is full."""
        cdef hs_output *output = &self.x.outputs[which]
        cdef size_t room = max(output.room + output.room // 2, <size_t>SECOND_ROOM)
        pieces = self.pieces.get(which)
        if pieces is None and (room <= LARGE_ROOM or output.room >= HUGE_ROOM):
            self.set_room(which, room)
            if room > HUGE_ROOM and has_large_pages:
                hs_want_large_pages(output.data, output.room)
        elif output.used + sum(map(len, pieces or ())) < most_in_pieces:
            self.add_piece(which)
        else:
            self.unite(which)
        return 0

    cdef int add_piece(self, int which) except -1:
        """Add the full buffer to the pieces, and start another one."""
        fresh = PyBytes_FromStringAndSize(NULL, PIECE)
        self.pieces.setdefault(which, []).append(<object>self.buffers[which])
        self.exchange_buffer(which, fresh, 0, PIECE)
        return 0

    cdef int unite(self, int which) except -1:
        """Join the pieces in one large buffer, and continue in that."""
        cdef size_t used = 0
        fresh = PyBytes_FromStringAndSize(NULL, HUGE_ROOM)
        cdef char *start = text_of(<PyObject *>fresh)
        if has_large_pages:
            hs_want_large_pages(start, HUGE_ROOM)
        for piece in [*self.pieces.pop(which, ()), <object>self.buffers[which]]:
            memcpy(start + used, text_of(<PyObject *>piece), len(piece))
            used += len(piece)
        self.exchange_buffer(which, fresh, used, HUGE_ROOM)
        return 0

    cdef int exchange_buffer(self, int which, bytes fresh, size_t used, size_t room) except -1:
        cdef hs_output *output = &self.x.outputs[which]
        drop(self.buffers[which])
        Py_INCREF(fresh)
        self.buffers[which] = <PyObject *>fresh
        output.data, output.used, output.room = text_of(<PyObject *>fresh), used, room
        return 0

    def pump(self, timeout=None):
        """Block until every end is done (True), or for *timeout* seconds (False).

        timeout: seconds, any real number; None: no limit; 0 or less: does what is possible without blocking.
        After a timeout or an exception it may be called again and continues: nothing is lost or sent twice.

        Releases the GIL; uses no CPU while nothing happens.  Signal handlers run; if one raises, so does this
        call.  OSError if a descriptor fails; ValueError for NaN.
        """
        cdef double seconds
        cdef int64_t deadline = HS_NEVER
        if timeout is not None:
            hs_seconds(timeout, &seconds)
            deadline = hs_deadline_after(seconds)
        self.enter()
        try:
            PyErr_CheckSignals()  # signals that came before the first sleep
            hs_signals_seen(&self.x)
            return self.pump_until(deadline)
        finally:
            hs_exchange_leave(&self.x)

    cdef bint pump_until(self, int64_t deadline) except -1:
        cdef int status
        while True:
            with nogil:
                status = hs_pump(&self.x, deadline)
            if status == HS_PUMP_ERROR:
                PyErr_SetFromErrno(OSError)
            if self.x.input.fd < 0:
                self.view = None
            if status == HS_PUMP_DONE:
                return True
            elif status == HS_PUMP_TIMEOUT:
                return False
            elif status == HS_PUMP_SIGNALS:
                PyErr_CheckSignals()
                hs_signals_seen(&self.x)
            elif status == HS_PUMP_FULL:
                self.grow(self.x.full)
            elif status == HS_PUMP_ENDED:
                insist(self.on_end, self.x.ended)

    cdef int enter(self) except -1:
        if not hs_exchange_enter(&self.x):
            raise RuntimeError("the exchange is in use: another thread, or the code that a signal handler "
                               "has interrupted, is in pump()")
        return 0

    @property
    def stdin_fd(self):
        """The descriptor, or -1 once the end is done."""
        return self.x.input.fd

    @property
    def stdout_fd(self):
        """The descriptor, or -1 once the end is done."""
        return self.x.outputs[STDOUT].fd

    @property
    def stderr_fd(self):
        """The descriptor, or -1 once the end is done."""
        return self.x.outputs[STDERR].fd

    @property
    def input_sent(self):
        """The number of bytes of the input that have been written."""
        return self.x.input.sent

    @property
    def stdout(self):
        """What has come so far, bytes; a copy until the end of the output.  None without this end."""
        return self.collected(STDOUT)

    @property
    def stderr(self):
        """What has come so far, bytes; a copy until the end of the output.  None without this end."""
        return self.collected(STDERR)

    cdef object collected(self, int which):
        cdef hs_output *output = &self.x.outputs[which]
        self.enter()
        try:
            if self.buffers[which] == NULL:
                return None
            if which in self.pieces:
                rest = PyBytes_FromStringAndSize(output.data, output.used)
                joined = b"".join([*self.pieces[which], rest])
                if output.fd >= 0:
                    return joined
                del self.pieces[which]
                self.exchange_buffer(which, joined, len(joined), len(joined))
            if output.fd >= 0:
                return PyBytes_FromStringAndSize(output.data, output.used)
            if output.room != output.used:
                self.set_room(which, output.used)
            return <object>self.buffers[which]
        finally:
            hs_exchange_leave(&self.x)


def decode(data, encoding, errors):
    """Decode bytes with universal newlines, as io.TextIOWrapper does.

    data: bytes.  encoding: the name of a text encoding.  errors: the name of an error handler, or None for
    "strict".  LookupError for an unknown name; UnicodeDecodeError.
    """
    return with_plain_newlines(data.decode(encoding, errors or "strict"))


cdef object with_plain_newlines(str text):
    """The text itself if there is no carriage return in it, which costs one scan."""
    if PyUnicode_FindChar(text, c"\r", 0, PyUnicode_GET_LENGTH(text), 1) < 0:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that tells threads of a fork()")
