# cython: freethreading_compatible=True
"""The parent's end of a pipe, as a bare descriptor until somebody asks for a file object."""

import io as _io
import os as _os
from threading import RLock as _RLock

cdef extern from "Python.h":
    void report_unraisable "PyErr_WriteUnraisable"(object where) noexcept

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef extern from "fcntl.h" nogil:
    int F_GETFD
    int fcntl(int fd, int command, ...)

cdef extern from *:
    """
    /* The descriptor, which the caller alone has from now on; or -1. */
    static int hs_take_fd(int *fd) { return __atomic_exchange_n(fd, -1, __ATOMIC_ACQ_REL); }
    static int hs_look_fd(int *fd) { return __atomic_load_n(fd, __ATOMIC_ACQUIRE); }
    """
    int hs_take_fd(int *fd) nogil
    int hs_look_fd(int *fd) nogil

cdef object opening = _RLock()


cdef class PipeEnd:
    """PipeEnd(fd, mode, bufsize=-1, encoding=None, errors=None, line_buffering=False, owner=None)
--

    Owns the descriptor *fd* until close() or open_in(); owner: the Descriptors that has owned it so far.
    The other arguments say what file open_in() makes of it; encoding: None for a binary file.  Threads may
    share it.
    """

    cdef int descriptor  # -1 when it is closed, or belongs to the file
    cdef object file, mode, bufsize
    cdef readonly object encoding, errors
    cdef bint line_buffering

    def __cinit__(self, *_, **__):
        self.descriptor = -1  # as long as nothing else is known, not even for __del__

    def __init__(
        self, int fd, mode, bufsize=-1, encoding=None, errors=None, line_buffering=False, owner=None
    ):
        if self.mode is not None:
            raise RuntimeError("a PipeEnd is for one descriptor")
        self.mode, self.bufsize, self.line_buffering = mode, bufsize, line_buffering
        self.encoding, self.errors = encoding, errors
        if owner is not None:
            owner.give_up(fd)
        self.descriptor = fd

    def __del__(self):
        cdef int fd
        if hs_look_fd(&self.descriptor) < 0:
            return
        try:
            self.make_file()  # which nobody keeps: it warns in the words that programs filter by, and closes
        except BaseException:
            report_unraisable(self)
        fd = hs_take_fd(&self.descriptor)
        if fd >= 0:
            with nogil:
                close(fd)

    @property
    def fd(self):
        """The descriptor; -1 when it is closed, or belongs to the file."""
        return hs_look_fd(&self.descriptor)

    def close(self):
        """Close the descriptor, or the file, if one has been made.  OSError if that fails to write."""
        cdef int fd
        with opening:  # no file is being made of the descriptor
            fd, file = hs_take_fd(&self.descriptor), self.file
        if fd >= 0:
            with nogil:
                close(fd)
        elif file is not None:
            file.close()

    def open_in(self, dict place, name):
        """The file object, made at the first call and kept as place[name]; closed if the end is closed."""
        with opening:
            if self.file is None:
                self.file = self.make_file()
            place[name] = self.file
            return self.file

    cdef object make_file(self):
        """A file that owns the descriptor.  An error leaves the descriptor here, or closes it."""
        cdef int fd = hs_look_fd(&self.descriptor)
        if fd < 0:
            file = self.text_over(_io.open(_os.devnull, self.mode, self.bufsize))
            file.close()
            return file
        try:
            file = _io.open(fd, self.mode, self.bufsize)
        except BaseException:
            if fcntl(fd, F_GETFD) < 0:  # closed with what had been made by then
                hs_take_fd(&self.descriptor)
            raise
        hs_take_fd(&self.descriptor)
        return self.text_over(file)

    cdef object text_over(self, file):
        if self.encoding is None:
            return file
        try:
            return _io.TextIOWrapper(file, encoding=self.encoding, errors=self.errors,
                                     line_buffering=self.line_buffering, write_through=self.mode == "wb")
        except BaseException:
            file.close()
            raise
