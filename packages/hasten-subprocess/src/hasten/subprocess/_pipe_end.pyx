# cython: freethreading_compatible=True
"""The parent's end of a pipe, as a bare descriptor until somebody asks for a file object."""

import io as _io
import os as _os
from threading import RLock as _RLock

cdef extern from "Python.h":
    int warn_of_resource "PyErr_ResourceWarning"(object source, Py_ssize_t level, const char *text,
                                                 ...) noexcept
    void report_unraisable "PyErr_WriteUnraisable"(object where) noexcept

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef object opening = _RLock()


cdef class PipeEnd:
    """PipeEnd(fd, mode, bufsize=-1, encoding=None, errors=None, line_buffering=False)
--

    Owns the descriptor *fd* until close() or open_in().  The other arguments say what file the latter makes
    of it; encoding: None for a binary file.  Threads may share it.
    """

    cdef readonly int fd  # -1 when it is closed, or belongs to the file
    cdef object file, mode, bufsize
    cdef readonly object encoding, errors
    cdef bint line_buffering

    def __cinit__(self, int fd, mode, bufsize=-1, encoding=None, errors=None, line_buffering=False):
        self.fd = fd
        self.mode, self.bufsize, self.line_buffering = mode, bufsize, line_buffering
        self.encoding, self.errors = encoding, errors

    def __del__(self):
        cdef int fd = self.release()
        if fd >= 0:
            with nogil:
                close(fd)
            if warn_of_resource(self, 1, "unclosed end of a pipe to a child: %d", fd) < 0:
                report_unraisable(self)

    cdef int release(self) noexcept:
        cdef int fd = self.fd
        self.fd = -1
        return fd

    def close(self):
        """Close the descriptor, or the file, if one has been made.  OSError if that fails to write."""
        cdef int fd = self.release()
        if fd >= 0:
            with nogil:
                close(fd)
        elif self.file is not None:
            self.file.close()

    def open_in(self, dict place, name):
        """The file object, made at the first call and kept as place[name]; closed if the end is closed."""
        with opening:
            if self.file is None:
                closed = self.fd < 0
                self.file = self.make_file(_os.open(_os.devnull, _os.O_RDWR) if closed else self.fd)
                self.fd = -1
                if closed:
                    self.file.close()
            place[name] = self.file
            return self.file

    cdef object make_file(self, fd):
        file = _io.open(fd, self.mode, self.bufsize)
        if self.encoding is None:
            return file
        try:
            return _io.TextIOWrapper(file, encoding=self.encoding, errors=self.errors,
                                     line_buffering=self.line_buffering, write_through=self.mode == "wb")
        except BaseException:
            self.fd = -1
            file.close()
            raise
