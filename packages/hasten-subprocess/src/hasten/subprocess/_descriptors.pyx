# cython: freethreading_compatible=True
"""Owners of descriptors: an interrupt at any point leaks none of them."""

import os as _os

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef enum:
    MOST = 8  # three pipes, and /dev/null


cdef class Descriptors:
    """Descriptors()
--

    A few open descriptors.  Those that are left are closed with the last reference.

    No Python code runs between opening a descriptor and storing it, so a signal handler or a tracing function
    cannot raise in between.  Not thread-safe.
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
        """Close a descriptor if it is one of them."""
        if self.take(fd):
            with nogil:
                close(fd)

    def close_all(self):
        """Close those that are left."""
        self.close_rest()

    def give_up(self, int fd):
        """Stop owning a descriptor, without closing it."""
        self.take(fd)

    def give_up_all(self):
        """Stop owning all of them, without closing them."""
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

    A descriptor of a process; closed by close() or with the last reference.

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
