# cython: freethreading_compatible=True
"""SharedMemory: a Python class with the attributes of the standard library's, including private ones."""

import os
from multiprocessing.shared_memory import SharedMemory as StdlibSharedMemory

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno, PyErr_SetFromErrnoWithFilenameObject
from cpython.number cimport PyNumber_Index
from libc.errno cimport EEXIST, EINTR, EOPNOTSUPP, errno
from libc.stdint cimport int64_t, uint64_t

from hasten.shared_memory cimport _family
from hasten.shared_memory._known cimport know
from hasten.shared_memory._mapping cimport Mapping, leave_untaken, map_block, room_abounds
from hasten.shared_memory._names cimport current, replaced, replaced_register, replaced_unregister
from hasten.shared_memory._passing import reduce_anonymous
from hasten.shared_memory._published import published

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)
    object PyUnicode_FromStringAndSize(const char *text, Py_ssize_t size)

cdef extern from "fcntl.h":
    const int O_CREAT
    const int O_EXCL
    const int O_RDWR

cdef extern from "_block.h" nogil:
    bint hs_portable_only
    const int HS_SMALL
    int hs_block_open(const char *name, int flags, unsigned int mode)
    int hs_block_unlink(const char *name)
    int hs_block_unnamed(unsigned int mode)
    int hs_block_link(int fd, const char *name)
    int hs_block_anonymous()
    int hs_block_fits(int fd, int64_t size, bint named)
    int hs_block_reserve(int fd, int64_t size, int64_t *done)
    void hs_block_random(char *digits)
    int hs_block_identity(int fd, int64_t *size, uint64_t *inode)
    int close_fd "close" (int fd)
    int ftruncate(int fd, int64_t length)

hs_portable_only = os.environ.get("HASTEN_PORTABLE", "") == "1"


cdef int failed(filename=None) except -1:
    """Raise the OSError of errno, with the filename if there is one."""
    if filename is None:
        PyErr_SetFromErrno(OSError)
    PyErr_SetFromErrnoWithFilenameObject(OSError, filename)


cdef bytes encoded(name):
    """A name in the file system's encoding; ValueError for a null character."""
    if "\0" in name:
        raise ValueError("embedded null character")
    return PyUnicode_EncodeFSDefault(name)


cdef int reserve(int fd, int64_t size, bint untaken) except -1:
    """Set the size of a new named block, and allocate its memory unless *untaken*."""
    cdef int64_t done = 0
    cdef int result
    if hs_block_fits(fd, size, True) < 0:
        return failed()
    if untaken:
        return 0 if ftruncate(fd, size) == 0 else failed()
    while True:
        if size < HS_SMALL:
            result = hs_block_reserve(fd, size, &done)
        else:
            with nogil:
                result = hs_block_reserve(fd, size, &done)
        if result == 0:
            return 0
        if errno != EINTR:
            return failed()
        PyErr_CheckSignals()


cdef class NewBlock:
    """A named block being made.  Unless keep() is called, deallocation closes it and removes its name."""

    cdef int fd
    cdef uint64_t inode, intent  # its entries in the family's table, see _table.h
    cdef bint linked
    cdef bint untaken  # whether its space was not allocated
    cdef bytes name

    def __cinit__(self):
        self.fd = -1

    cdef bint make(self, name, unsigned int mode, int64_t size, bint noted, bint chosen) except -1:
        """Make the block; False if the name is taken.  chosen: whether the program has chosen the name."""
        self.name = encoded(name)
        if chosen:
            self.fd = hs_block_unnamed(mode)
            if self.fd < 0 and errno != EOPNOTSUPP:
                failed(name)
        if self.fd < 0:
            return self.make_under_its_name(name, mode, size, noted, chosen)
        self.fill(size, noted)
        if hs_block_link(self.fd, self.name) < 0:
            if errno == EEXIST:
                return False
            failed(name)
        self.linked = True
        if noted:
            _family.note_again(self.inode)
        return True

    cdef bint make_under_its_name(
        self, name, unsigned int mode, int64_t size, bint noted, bint chosen
    ) except -1:
        cdef const char *digits = self.name
        if noted and not chosen:
            self.intent = _family.hs_table_name(digits + (digits[0] == 47))
            _family.note(self.intent)
        self.fd = hs_block_open(self.name, O_CREAT | O_EXCL | O_RDWR, mode)
        if self.fd < 0:
            if errno == EEXIST:
                return False
            failed(name)
        self.linked = True
        self.fill(size, noted)
        if self.intent:
            _family.forget(self.intent)
            self.intent = 0
        return True

    cdef int fill(self, int64_t size, bint noted) except -1:
        cdef int64_t length
        cdef uint64_t inode
        if hs_block_identity(self.fd, &length, &inode) < 0:
            failed()
        if noted:
            if self.intent:
                _family.note_new(inode)
            else:
                _family.note(inode)
        self.inode = inode
        self.untaken = room_abounds(self.fd, size)
        return reserve(self.fd, size, self.untaken)

    cdef int keep(self):
        """Give up the block; its descriptor, which the caller owns from now on."""
        cdef int fd = self.fd
        self.fd = -1
        return fd

    def __dealloc__(self):
        if self.intent:
            _family.forget(self.intent)
        if self.fd < 0:
            return
        if self.linked:
            hs_block_unlink(self.name)
        _family.forget(self.inode)
        close_fd(self.fd)


cdef object make_filename():
    cdef char digits[8]
    replacement = replaced("_make_filename")
    if replacement is not None:
        return replacement()
    hs_block_random(digits)
    return current("_SHM_NAME_PREFIX") + PyUnicode_FromStringAndSize(digits, 8)


cdef int put(shm, int fd, Mapping mapping, uint64_t inode) except -1:
    """Set the attributes of a SharedMemory."""
    shm._fd = fd
    shm._mmap = mapping
    shm._inode = inode
    shm._size = mapping.length
    shm._buf = memoryview(mapping)
    return 0


cdef int create_named(shm, name, int64_t size, bint track) except -1:
    cdef NewBlock block
    cdef Mapping mapping
    register = replaced_register() if track else None
    chosen = name
    while True:
        block = NewBlock.__new__(NewBlock)
        if name is None:
            chosen = make_filename()
        if block.make(chosen, shm._mode, size, track and register is None, name is not None):
            break
        if name is not None:
            raise FileExistsError(EEXIST, os.strerror(EEXIST), name)
    mapping = map_block(block.fd, size)
    if block.untaken:
        leave_untaken(mapping)
    shm._name = chosen
    know(chosen, block.inode, True)
    if register is not None:
        register(chosen, "shared_memory")
    return put(shm, block.keep(), mapping, block.inode)


cdef int attach(shm, name, bint track) except -1:
    cdef int64_t size
    cdef uint64_t inode
    cdef Mapping mapping
    cdef int fd = hs_block_open(encoded(name), shm._flags, shm._mode)
    if fd < 0:
        failed(name)
    try:
        if hs_block_identity(fd, &size, &inode) < 0:
            failed(name)
        mapping = map_block(fd, size)
        register = replaced_register() if track else None
        shm._name = name
        know(name, inode, False)
        if register is not None:
            register(name, "shared_memory")
        put(shm, fd, mapping, inode)
        fd = -1
    finally:
        if fd >= 0:
            close_fd(fd)
    return 0


cdef int put_anonymous(shm, int fd, Mapping mapping, uint64_t inode) except -1:
    """put() for an anonymous block.  It belongs to no family; inode: 0 if unknown, since it is not needed."""
    shm._track = False
    shm._anonymous = True
    return put(shm, fd, mapping, inode)


cdef int take(shm, int fd) except -1:
    """Set up a SharedMemory with the descriptor of an anonymous block; if it raises, the caller still owns
    that."""
    cdef int64_t size
    cdef uint64_t inode
    if hs_block_identity(fd, &size, &inode) < 0:
        failed()
    return put_anonymous(shm, fd, map_block(fd, size), inode)


cdef int create_anonymous(shm, int64_t size) except -1:
    cdef int fd = hs_block_anonymous()
    if fd < 0:
        failed()
    try:
        # pages are allocated on writing: a memfd is limited by memory only, whose lack is no SIGBUS
        if hs_block_fits(fd, size, False) < 0:
            failed()
        if ftruncate(fd, size) < 0:
            failed()
        put_anonymous(shm, fd, map_block(fd, size), 0)
        fd = -1
    finally:
        if fd >= 0:
            close_fd(fd)
    return 0


cdef int64_t checked_size(size) except -1:
    # checked before there is anything to be undone; ftruncate() would raise the same error
    return PyNumber_Index(size)


@published
class SharedMemory(StdlibSharedMemory):
    """A block of memory that processes share: made with *create*, or found by its *name*.

    create: make a block of *size* bytes; without a *name* it gets a random one.  FileExistsError if the name
        is taken; OSError if memory is lacking.  The memory of a named block is allocated at once, unless the
        block is small compared with the free memory; that takes time proportional to its size (from 128 KiB
        on without the GIL).  The pages of an anonymous block are allocated when they are first written.
    name: attach to the block of this name; FileNotFoundError if there is none.
    track: whether a block made here is removed after the last process of its maker's family: the maker, and
    the
        processes related to it by fork or multiprocessing.  A process that has only attached never causes a
        removal.
    anonymous: make a block without a name.  Other processes get it by fork, or by receiving the object
    through
        multiprocessing's pipes, queues and process arguments; it is freed when no process has it any more.

    Thread-safety: open and close an object in one thread; all threads may use its memory.
    """

    _name = None
    _fd = -1
    _mmap = None
    _buf = None
    _size = 0
    _flags = O_RDWR
    _mode = 0o600
    _prepend_leading_slash = True
    _track = True
    _inode = 0
    _anonymous = False

    def __init__(self, name=None, create=False, size=0, *, track=True, anonymous=False):
        if not size >= 0:
            raise ValueError("'size' must be a positive integer")
        if anonymous and name is not None:
            raise ValueError("an anonymous block has no 'name'")
        if create or anonymous:
            if size == 0:
                raise ValueError("'size' must be a positive number different from zero")
            self._flags = O_CREAT | O_EXCL | O_RDWR
        if name is None and not self._flags & O_EXCL:
            raise ValueError("'name' can only be None if create=True")
        if anonymous:
            create_anonymous(self, checked_size(size))
            return
        self._track = track
        if name is not None and self._prepend_leading_slash:
            name = "/" + name
        if self._flags & O_EXCL:
            create_named(self, name, checked_size(size), track)
        else:
            attach(self, name, track)

    def __del__(self):
        try:
            self.close()
        except OSError:
            pass

    def __reduce__(self):
        if self._anonymous:
            return reduce_anonymous(self)
        return self.__class__, (self.name, False, self.size)

    def __repr__(self):
        which = "anonymous" if self._anonymous else repr(self.name)
        return f"{self.__class__.__name__}({which}, size={self.size})"

    @property
    def buf(self):
        """A memoryview of the block's bytes; None when it is closed."""
        return self._buf

    @property
    def name(self):
        """The name by which other processes attach; the empty string if the block is anonymous."""
        name = self._name
        if name is None:
            return "" if self._anonymous else None
        return name[1:] if self._prepend_leading_slash and name.startswith("/") else name

    @property
    def size(self):
        """The number of bytes."""
        return self._size

    def close(self):
        """Close the block in this object; the block itself continues to exist.

        Views of it stay valid: the memory is unmapped with the last one.  May be called again.
        """
        mapping = self._mmap
        fd = self._fd
        if mapping is None and fd == -1 and self._buf is None:
            return  # closed already
        self._buf = self._mmap = None
        self._fd = -1
        if mapping is not None:
            mapping.close()
        if fd >= 0 and close_fd(fd) < 0:  # not os.close(): at exit the global `os` may be gone
            failed()

    def unlink(self):
        """Remove the block's name; its memory is freed when no process has it open.  One process should do
        it.

        FileNotFoundError if the name is gone already.  Does nothing for an anonymous block.
        """
        name = self._name
        if not name:
            return
        if hs_block_unlink(encoded(name)) < 0:
            failed(name)
        _family.forget(self._inode)
        unregister = replaced_unregister() if self._track else None
        if unregister is not None:
            unregister(name, "shared_memory")


def adopt(shm, fd):
    """take(), for Python."""
    take(shm, fd)
