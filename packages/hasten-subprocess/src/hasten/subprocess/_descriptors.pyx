# cython: freethreading_compatible=True
"""Descriptors that are ours to close, held so that an interrupt at any moment loses none of them."""

import os as _os

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef enum:
    MOST = 8  # three pipes, and /dev/null


cdef class Descriptors:
    """Descriptors()
--

    A few open descriptors.  Those that are still here when the last reference goes are closed.

    Opening and taking over is one step for the interpreter: nothing that a signal handler or a tracing
    function raises comes between them.  For one thread at a time.
    """

    cdef int fds[MOST]
    cdef int count

    def __dealloc__(self):
        self.close_rest()

    def pipe(self):
        """Open a pipe; returns its two ends."""
        self.need_room(2)
        cdef int reader, writer
        ends = _os.pipe()
        reader, writer = ends
        self.keep(reader)
        self.keep(writer)
        return ends

    def open(self, path, flags):
        """os.open()."""
        self.need_room(1)
        fd = _os.open(path, flags)
        self.keep(fd)
        return fd

    def duplicate(self, fd):
        """os.dup()."""
        self.need_room(1)
        copy = _os.dup(fd)
        self.keep(copy)
        return copy

    def close(self, int fd):
        """Close one of them; any other one is left alone."""
        if self.take(fd):
            with nogil:
                close(fd)

    def close_all(self):
        """Close those that are left."""
        self.close_rest()

    def give_up(self, int fd):
        """It belongs to somebody else from now on."""
        self.take(fd)

    def give_up_all(self):
        """They belong to somebody else from now on."""
        self.count = 0

    def __contains__(self, int fd):
        return self.place_of(fd) >= 0

    cdef int need_room(self, int count) except -1:
        if self.count + count > MOST:
            raise RuntimeError(f"more than {MOST} descriptors")
        return 0

    cdef int keep(self, int fd) except -1:
        self.fds[self.count] = fd
        self.count += 1
        return 0

    cdef int place_of(self, int fd) noexcept:
        cdef int i
        for i in range(self.count):
            if self.fds[i] == fd:
                return i
        return -1

    cdef bint take(self, int fd) noexcept:
        cdef int place = self.place_of(fd)
        if place < 0:
            return False
        self.count -= 1
        self.fds[place] = self.fds[self.count]
        return True

    cdef int close_rest(self) noexcept:
        cdef int fd
        while self.count > 0:
            self.count -= 1
            fd = self.fds[self.count]
            with nogil:
                close(fd)
        return 0


cdef class Pidfd:
    """Pidfd(pid)
--

    A descriptor of a process, which is closed with close() or when the last reference goes.

    OSError if there is no such process, or no descriptor left.
    """

    cdef int descriptor

    def __cinit__(self, pid):
        self.descriptor = -1
        self.descriptor = _os.pidfd_open(pid)

    def __dealloc__(self):
        self.close()

    def fileno(self):
        """The descriptor; -1 when it is closed."""
        return self.descriptor

    cpdef close(self):
        """Close the descriptor."""
        cdef int fd = self.descriptor
        self.descriptor = -1
        if fd >= 0:
            with nogil:
                close(fd)
