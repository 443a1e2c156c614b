# cython: freethreading_compatible=True
"""The memory of a block in this process.

Memory is the object that exports the buffer.  It is unmapped with its last reference, and not sooner: numpy
keeps a reference to the exporter of a memoryview, and no view of its own (numpy#23305), so a count of views
would not suffice.

Mapping refers to a Memory until it is closed.  An open block and its lists share one Mapping, so closing it
closes it for all of them.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo, PyObject_GetBuffer
from cpython.exc cimport PyErr_SetFromErrno
from libc.stdint cimport int64_t

cdef extern from "_block.h":
    void *hs_block_map(int fd, size_t size)
    int munmap(void *address, size_t length) nogil

cdef extern from "_space.h" nogil:
    int hs_space_abounds(int fd, int64_t size, int64_t *share)
    int hs_space_look(int64_t size, int64_t share)
    void hs_space_leave(int64_t size)


@cython.final
cdef class Memory:
    """Bytes that are mapped as long as this object lives; exports the buffer of `SharedMemory.buf`."""

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.address, self.length, False, flags)

    def __dealloc__(self):
        if self.address != NULL:
            munmap(self.address, self.length)
        hs_space_leave(-self.untaken)


@cython.final
cdef class Mapping:
    """`SharedMemory._mmap`, with the methods of mmap.mmap that programs use."""

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyObject_GetBuffer(self.opened(), view, flags)

    cdef Memory opened(self):
        with cython.critical_section(self):
            memory = self.memory
        if memory is None:
            raise ValueError("the shared memory is closed")
        return memory

    def close(self):
        """Drop the memory; it is unmapped once there is no view of it."""
        with cython.critical_section(self):
            _memory, self.memory = self.memory, None  # deallocated after the critical section

    @property
    def closed(self):
        """Whether close() was called."""
        return self.memory is None

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
    """Map the block of this descriptor."""
    cdef Mapping mapping = Mapping.__new__(Mapping)
    cdef Memory memory = Memory.__new__(Memory)
    if size == 0:
        raise ValueError("cannot mmap an empty file")
    memory.address = <char *>hs_block_map(fd, size)
    if memory.address == NULL:
        PyErr_SetFromErrno(OSError)
    memory.length = mapping.length = size
    mapping.memory = memory
    return mapping


cdef bint room_abounds(int fd, Py_ssize_t size):
    """Whether the space of a new block of this size need not be allocated now; see _space.h."""
    cdef int64_t share
    cdef int answer = hs_space_abounds(fd, size, &share)
    if answer < 0:
        with nogil:
            answer = hs_space_look(size, share)
    return answer


cdef int leave_untaken(Mapping mapping) except -1:
    """Count a block without allocated space, as long as it is mapped here."""
    memory = mapping.opened()
    memory.untaken = memory.length
    hs_space_leave(memory.untaken)
    return 0
