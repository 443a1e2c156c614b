# cython: freethreading_compatible=True
"""The parent's end of a pipe: a bare descriptor until the file object is needed."""

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
    /* Replace a stored descriptor by -1 and return it; of several callers only one gets it. */
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
    The other arguments are those of the file that open_in() makes; encoding: None for a binary file.
    Thread-safe.
    """

    cdef int descriptor  # -1 when it is closed, or belongs to the file
    cdef object file, mode, bufsize
    cdef readonly object encoding, errors
    cdef bint line_buffering

    def __cinit__(self, *_, **__):
        self.descriptor = -1  # for __del__() if __init__() is not called

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
            self.make_file()  # dropped at once: gives the ResourceWarning that programs filter by, and closes
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
        """Close the descriptor, or the file if there is one.  OSError if flushing fails."""
        cdef int fd
        with opening:  # not while another thread makes the file
            fd, file = hs_take_fd(&self.descriptor), self.file
        if fd >= 0:
            with nogil:
                close(fd)
        elif file is not None:
            file.close()

    def open_in(self, dict place, name):
        """The file object, made by the first call and stored as place[name]; a closed one if the end is
        closed."""
        with opening:
            if self.file is None:
                self.file = self.make_file()
            place[name] = self.file
            return self.file

    cdef object make_file(self):
        """Make a file that owns the descriptor.  After an error the descriptor is still owned here, or
        closed."""
        cdef int fd = hs_look_fd(&self.descriptor)
        if fd < 0:
            file = self.text_over(_io.open(_os.devnull, self.mode, self.bufsize))
            file.close()
            return file
        try:
            file = _io.open(fd, self.mode, self.bufsize)
        except BaseException:
            if fcntl(fd, F_GETFD) < 0:  # closed with a partly made file
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
