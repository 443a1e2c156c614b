# cython: freethreading_compatible=True
"""The attributes of a SharedMemory, as one compiled object.

Setting eight attributes of an object of Python's, and its dictionary, take as long as two of the system calls
that a block needs.  Programs find them under the names that they have in the standard library's class.
"""

cimport cython

from hasten.shared_memory._mapping cimport Mapping

cdef extern from "unistd.h" nogil:
    int close_fd "close" (int fd)


cdef class Fields:
    """See above."""

    def __cinit__(self):
        self.fd = -1
        self.tracked = True

    cdef int set_name(self, name) except -1:
        with cython.critical_section(self):
            self.name_, name = name, self.name_  # what it was is freed when the lock is
        return 0

    cdef bint opened(self) noexcept:
        return self.fd >= 0 or self.mapping is not None or self.view is not None

    cdef int close(self) except -2:
        """Give all of it up; -1 if the descriptor could not be closed, with errno."""
        cdef int fd
        view = mapping = None
        with cython.critical_section(self):
            fd, self.fd = self.fd, -1
            self.view, view = view, self.view
            self.mapping, mapping = mapping, self.mapping
        try:
            view = None
            if type(mapping) is Mapping:
                (<Mapping>mapping).give_up()
            elif mapping is not None:
                mapping.close()
            mapping = None
        finally:
            if fd >= 0:  # not by os, which is gone at the interpreter's end
                fd = close_fd(fd)
            else:
                fd = 0
        return fd

    @property
    def _name(self):
        with cython.critical_section(self):
            return self.name_

    @_name.setter
    def _name(self, value):
        self.set_name(value)

    @property
    def _fd(self):
        return self.fd

    @_fd.setter
    def _fd(self, int value):
        self.fd = value

    @property
    def _mmap(self):
        with cython.critical_section(self):
            return self.mapping

    @_mmap.setter
    def _mmap(self, value):
        with cython.critical_section(self):
            self.mapping, value = value, self.mapping

    @property
    def _buf(self):
        with cython.critical_section(self):
            return self.view

    @_buf.setter
    def _buf(self, value):
        with cython.critical_section(self):
            self.view, value = value, self.view

    @property
    def _size(self):
        return self.size_

    @_size.setter
    def _size(self, int64_t value):
        self.size_ = value

    @property
    def _track(self):
        with cython.critical_section(self):
            return self.tracked

    @_track.setter
    def _track(self, value):
        with cython.critical_section(self):
            self.tracked, value = value, self.tracked

    @property
    def _inode(self):
        return self.inode

    @property
    def _anonymous(self):
        return self.anonymous
