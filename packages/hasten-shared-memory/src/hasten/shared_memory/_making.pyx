# cython: freethreading_compatible=True
"""A named block while it is made."""

import os

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno, PyErr_SetFromErrnoWithFilenameObject
from libc.errno cimport EEXIST, EINTR, EOPNOTSUPP, errno
from libc.stdint cimport int64_t, uint64_t

from hasten.shared_memory cimport _family
from hasten.shared_memory._mapping cimport room_abounds

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object text)

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
    int hs_block_fits(int fd, int64_t size, bint named)
    int hs_block_reserve(int fd, int64_t size, int64_t *done)
    int hs_block_identity(int fd, int64_t *size, uint64_t *inode)
    int close_fd "close" (int fd)
    int ftruncate(int fd, int64_t length)

hs_portable_only = os.environ.get("HASTEN_PORTABLE", "") == "1"

cdef int failed(filename=None) except -1:
    """Raise what errno says, about the file if there is one."""
    if filename is None:
        PyErr_SetFromErrno(OSError)
    PyErr_SetFromErrnoWithFilenameObject(OSError, filename)


cdef bytes encoded(name):
    """The name for the kernel."""
    if "\0" in name:
        raise ValueError("embedded null character")
    return PyUnicode_EncodeFSDefault(name)


cdef int reserve(int fd, int64_t size, bint untaken) except -1:
    """Give the new named block its size, and take the memory for it unless it is to be left *untaken*."""
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
    """A named block that is being made: closed, and unlinked if it has its name, unless it is kept."""

    def __cinit__(self):
        self.fd = -1

    cdef bint make(self, name, unsigned int mode, int64_t size, bint noted, bint chosen) except -1:
        """Returns False if the name is taken."""
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
        """The descriptor, which is the caller's from now on, and so is the block."""
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
