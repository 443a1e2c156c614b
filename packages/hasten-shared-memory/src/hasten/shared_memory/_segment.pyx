# cython: freethreading_compatible=True
"""SharedMemory: an ordinary Python class; its parts are the attributes that the standard library's has."""

import os
from multiprocessing.shared_memory import SharedMemory as StdlibSharedMemory

cimport cython
from cpython.number cimport PyNumber_Index
from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.errno cimport EEXIST
from libc.stdint cimport int64_t, uint64_t

from compat cimport hs_type_tag
from construct cimport PyVectorcall_NARGS, hs_construct_bare, hs_construct_slowly, hs_set_constructor
from hasten.shared_memory cimport _family
from hasten.shared_memory._fields cimport Fields
from hasten.shared_memory._known cimport know
from hasten.shared_memory._making cimport NewBlock, encoded, failed
from hasten.shared_memory._mapping cimport Mapping, leave_untaken, map_block
from hasten.shared_memory._names cimport current, replaced, replaced_register, replaced_unregister
from hasten.shared_memory._passing import reduce_anonymous
from hasten.shared_memory._published import published

include "attributes.pxi"

cdef extern from "Python.h":
    object PyMemoryView_FromObject(object exporter)
    object PyUnicode_FromStringAndSize(const char *text, Py_ssize_t size)

cdef extern from "fcntl.h":
    const int O_CREAT
    const int O_EXCL
    const int O_RDWR

cdef extern from "_block.h" nogil:
    int hs_block_open(const char *name, int flags, unsigned int mode)
    int hs_block_unlink(const char *name)
    int hs_block_anonymous()
    int hs_block_fits(int fd, int64_t size, bint named)
    void hs_block_random(char *digits)
    int hs_block_identity(int fd, int64_t *size, uint64_t *inode)
    int close_fd "close" (int fd)
    int ftruncate(int fd, int64_t length)


cdef object make_filename():
    cdef char digits[8]
    replacement = replaced("_make_filename")
    if replacement is not None:
        return replacement()
    hs_block_random(digits)
    return current("_SHM_NAME_PREFIX") + PyUnicode_FromStringAndSize(digits, 8)


cdef int put(Fields shm, int fd, Mapping mapping, uint64_t inode) except -1:
    """Set what every block has."""
    view = PyMemoryView_FromObject(mapping.memory)
    with cython.critical_section(shm):
        shm.fd = fd
        shm.inode = inode
        shm.size_ = mapping.length
        shm.mapping, mapping = mapping, shm.mapping  # what they were is freed when the lock is
        shm.view, view = view, shm.view
    return 0


cdef int create_named(Fields shm, name, int64_t size, bint track) except -1:
    cdef NewBlock block
    cdef Mapping mapping
    register = replaced_register() if track else None
    chosen = name
    while True:
        block = NewBlock.__new__(NewBlock)
        if name is None:
            chosen = make_filename()
        if block.make(chosen, (<object>shm)._mode, size, track and register is None, name is not None):
            break
        if name is not None:
            raise FileExistsError(EEXIST, os.strerror(EEXIST), name)
    mapping = map_block(block.fd, size)
    if block.untaken:
        leave_untaken(mapping)
    shm.set_name(chosen)
    know(chosen, block.inode, True)
    if register is not None:
        register(chosen, "shared_memory")
    return put(shm, block.keep(), mapping, block.inode)


cdef int attach(Fields shm, name, bint track) except -1:
    cdef int64_t size
    cdef uint64_t inode
    cdef Mapping mapping
    cdef int fd = hs_block_open(encoded(name), (<object>shm)._flags, (<object>shm)._mode)
    if fd < 0:
        failed(name)
    try:
        if hs_block_identity(fd, &size, &inode) < 0:
            failed(name)
        mapping = map_block(fd, size)
        register = replaced_register() if track else None
        shm.set_name(name)
        know(name, inode, False)
        if register is not None:
            register(name, "shared_memory")
        put(shm, fd, mapping, inode)
        fd = -1
    finally:
        if fd >= 0:
            close_fd(fd)
    return 0


cdef int put_anonymous(Fields shm, int fd, Mapping mapping, uint64_t inode) except -1:
    """The same for an anonymous one.  No family knows it: its inode is not needed, 0 if nobody has asked."""
    shm.tracked = False
    shm.anonymous = True
    return put(shm, fd, mapping, inode)


cdef int take(Fields shm, int fd) except -1:
    """Make the object one for the anonymous block of this descriptor; on failure it stays the caller's."""
    cdef int64_t size
    cdef uint64_t inode
    if hs_block_identity(fd, &size, &inode) < 0:
        failed()
    return put_anonymous(shm, fd, map_block(fd, size), inode)


cdef int create_anonymous(Fields shm, int64_t size) except -1:
    cdef int fd = hs_block_anonymous()
    if fd < 0:
        failed()
    try:
        # pages come as they are written to: a memfd is bound by memory alone, whose lack is no SIGBUS
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
    # as ftruncate() would say it, but before there is anything to be undone
    return PyNumber_Index(size)


cdef int open_block(shm, name, create, size, track, anonymous) except -1:
    """SharedMemory.__init__()"""
    cdef Fields fields = shm
    if not size >= 0:
        raise ValueError("'size' must be a positive integer")
    if anonymous and name is not None:
        raise ValueError("an anonymous block has no 'name'")
    if (create or anonymous) and size == 0:
        raise ValueError("'size' must be a positive number different from zero")
    if anonymous:
        create_anonymous(fields, checked_size(size))
        return 0
    if create:
        shm._flags = O_CREAT | O_EXCL | O_RDWR
    exclusive = shm._flags & O_EXCL
    if name is None and not exclusive:
        raise ValueError("'name' can only be None if create=True")
    fields.tracked = track
    if name is not None and shm._prepend_leading_slash:
        name = "/" + name
    if exclusive:
        create_named(fields, name, checked_size(size), track)
    else:
        attach(fields, name, track)
    return 0


@published
class SharedMemory(Fields, StdlibSharedMemory):
    """A block of memory that processes share: made with *create*, or found by its *name*.

    create: make a block of *size* bytes; without a *name* it gets a random one.  FileExistsError if the name
        is taken, OSError if there is not as much memory: the space of a named block is taken at once unless
        the block is small against what is free, which takes time in proportion to its size (without the GIL
        from 128 KiB on); the pages of an anonymous one come as they are used.
    name: attach to the block of this name; FileNotFoundError if there is none.
    track: whether a block that is made here is removed, without a word, when the last process is gone of the
        family that made it: its maker, the processes that started it or were started by it through fork or
        multiprocessing.  Nothing is ever removed because a process that has only attached ends.
    anonymous: make a block without a name.  Other processes get it by being forked or by being sent the
        object, through multiprocessing's pipes, queues and arguments of processes; it is gone when nobody has
        it any more.

    Thread-safety: an object is opened and closed by one thread; its memory may be used by all.
    """

    _flags = O_RDWR
    _mode = 0o600
    _prepend_leading_slash = True

    def __init__(self, name=None, create=False, size=0, *, track=True, anonymous=False):
        open_block(self, name, create, size, track, anonymous)

    def __del__(self):
        cdef Fields fields = self
        if type(self) is ours and not fields.opened():
            return  # nobody's close() is left out
        try:
            self.close()
        except OSError:
            pass

    def __reduce__(self):
        if (<Fields?>self).anonymous:
            return reduce_anonymous(self)
        return self.__class__, (self.name, False, self.size)

    def __repr__(self):
        which = "anonymous" if (<Fields?>self).anonymous else repr(self.name)
        return f"{self.__class__.__name__}({which}, size={self.size})"

    @property
    def buf(self):
        """A memoryview of the block's bytes; None when it is closed."""
        cdef Fields fields = self
        with cython.critical_section(fields):
            return fields.view

    @property
    def name(self):
        """The name by which other processes attach; the empty string if the block is anonymous."""
        name = self._name
        if name is None:
            return "" if (<Fields?>self).anonymous else None
        return name[1:] if self._prepend_leading_slash and name.startswith("/") else name

    @property
    def size(self):
        """The number of bytes."""
        cdef Fields fields = self
        return fields.size_

    def close(self):
        """Give up this object's access to the block, which lives on.

        Views of it stay valid: the memory is unmapped when the last one is gone.  Closing again does nothing.
        """
        cdef Fields fields = self
        if fields.opened() and fields.close() < 0:
            failed()

    def unlink(self):
        """Remove the block's name; its memory goes when nobody has it open.  Any process may, and one should.

        FileNotFoundError if the name is gone already.  An anonymous block has none: nothing is done.
        """
        cdef Fields fields = self
        name = None if fields.anonymous else self._name
        if not name:
            return
        if hs_block_unlink(encoded(name)) < 0:
            failed(name)
        _family.forget(fields.inode)
        unregister = replaced_unregister() if self._track else None
        if unregister is not None:
            unregister(name, "shared_memory")


cdef tuple shown = ("_name", "_fd", "_mmap", "_buf", "_size")
if hasattr(StdlibSharedMemory, "_track"):  # since 3.13
    shown += ("_track",)
show_attributes(SharedMemory, "", shown)

cdef object ours = SharedMemory
cdef object own_init = SharedMemory.__init__, own_new = SharedMemory.__new__
cdef unsigned int plain_tag = 0  # the tag of the class with these
cdef tuple words = ("name", "create", "size", "track", "anonymous")
cdef tuple defaults = (None, False, 0, True, False)
cdef tuple no_args = ()
cdef Py_ssize_t POSITIONAL = 3


cdef bint class_is_plain() noexcept:
    """Whether nobody has replaced what makes a block."""
    global plain_tag
    cdef unsigned int tag = hs_type_tag(<PyTypeObject *>ours)
    if tag != 0 and tag == plain_tag:
        return True
    try:
        if ours.__init__ is own_init and ours.__new__ is own_new:  # looked up: now the class has a tag
            plain_tag = hs_type_tag(<PyTypeObject *>ours)
            return True
    except BaseException:
        pass
    return False


cdef object construct(PyObject *cls, PyObject **args, size_t flags, PyObject *names):
    """Calling SharedMemory, the short way if the arguments are right at first sight."""
    cdef PyObject *values[5]
    cdef Py_ssize_t count = PyVectorcall_NARGS(flags), i, j
    if count > POSITIONAL or cls != <PyObject *>ours or not class_is_plain():
        return hs_construct_slowly(cls, args, flags, names)
    for i in range(5):
        values[i] = args[i] if i < count else <PyObject *>PyTuple_GET_ITEM(defaults, i)
    if names != NULL:
        for i in range(PyTuple_GET_SIZE(<tuple>names)):
            for j in range(count, 5):
                if PyTuple_GET_ITEM(<tuple>names, i) is PyTuple_GET_ITEM(words, j):
                    values[j] = args[count + i]
                    break
            else:
                return hs_construct_slowly(cls, args, flags, names)
    shm = hs_construct_bare(cls, no_args)
    open_block(
        shm, <object>values[0], <object>values[1], <object>values[2], <object>values[3], <object>values[4]
    )
    return shm


class_is_plain()  # now, and not at the first block
hs_set_constructor(<PyTypeObject *>ours, construct)


def adopt(shm, fd):
    """See take()."""
    take(shm, fd)
