# cython: freethreading_compatible=True
"""The memory of a block in this process, as long as it is open or anybody has a view of it."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_SetFromErrno

cdef extern from "_block.h":
    void *hs_block_map(int fd, size_t size)
    int munmap(void *address, size_t length) nogil


@cython.final
cdef class Mapping:
    """Mapped memory: what `SharedMemory._mmap` is, with those methods of mmap.mmap that programs call on it.

    close() only marks it if views of it are alive; the last of them unmaps it.
    """

    def __getbuffer__(self, Py_buffer *view, int flags):
        with cython.critical_section(self):
            if self.closed_by_user:
                raise ValueError("the shared memory is closed")
            PyBuffer_FillInfo(view, self, self.address, self.length, False, flags)
            self.exports += 1

    def __releasebuffer__(self, Py_buffer *view):
        with cython.critical_section(self):
            self.exports -= 1
            if self.closed_by_user and self.exports == 0:
                self.unmap()

    def __dealloc__(self):
        self.unmap()

    cdef int unmap(self) except -1:
        cdef char *address = self.address
        self.address = NULL
        if address != NULL:
            munmap(address, self.length)
        return 0

    def close(self):
        """Allow no new views, and unmap the memory as soon as none is alive."""
        with cython.critical_section(self):
            self.closed_by_user = True
            if self.exports == 0:
                self.unmap()

    @property
    def closed(self):
        """Whether close() was called."""
        return self.closed_by_user

    def size(self):
        """The number of bytes."""
        return self.length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        part = memoryview(self)[index]
        return bytes(part) if isinstance(index, slice) else part

    def __setitem__(self, index, value):
        memoryview(self)[index] = value


cdef Mapping map_block(int fd, Py_ssize_t size):
    cdef Mapping mapping = Mapping.__new__(Mapping)
    if size == 0:
        raise ValueError("cannot mmap an empty file")
    mapping.address = <char *>hs_block_map(fd, size)
    if mapping.address == NULL:
        PyErr_SetFromErrno(OSError)
    mapping.length = size
    return mapping
