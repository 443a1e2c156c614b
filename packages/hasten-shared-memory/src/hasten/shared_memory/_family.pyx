# cython: freethreading_compatible=True
"""The family of this process, whose watcher removes its named blocks after its last process.  See
_family.h."""

import os

cimport cython
from cpython.exc cimport PyErr_SetFromErrno
from libc.stdint cimport uint64_t

cdef extern from "_family.h":
    const bint HS_WATCHED
    ctypedef struct hs_family:
        int line
        int table
        int reader
        uint64_t *entries
    int hs_family_ensure(hs_family *f)
    int hs_family_join(hs_family *f, int line, int table)
    void hs_family_leave(hs_family *f)
    void hs_family_drop_reader(hs_family *f)
    int hs_family_watch(hs_family *f, bint forked)
    bint hs_family_note(hs_family *f, uint64_t inode)
    bint hs_family_notes(hs_family *f, uint64_t inode)
    void hs_family_forget(hs_family *f, uint64_t inode)
    void hs_family_sweep(hs_family *f)

cdef hs_family family
cdef object look_for_parents = None  # called before this process uses its family for the first time
cdef bint used = False  # whether this process has noted a block in it
cdef object guard = object()  # without a GIL, its critical section protects the family
cdef bint forked = os.environ.get("HASTEN_PORTABLE", "") == "1"


cdef int note(uint64_t inode) except -1:
    """Register a new block for removal after the family's last process; start a watcher if there is none."""
    global used
    if not used and look_for_parents is not None:
        look_for_parents()
    with cython.critical_section(guard):
        if hs_family_watch(&family, forked) < 0:
            PyErr_SetFromErrno(OSError)
        used = True
    return note_new(inode)


cdef int note_again(uint64_t inode) except -1:
    """Register a block again once it has its name: another process's sweep may have dropped it before."""
    return 0 if hs_family_notes(&family, inode) else note_new(inode)


cdef int note_new(uint64_t inode) except -1:
    """Register a number that is not in the table.  The family has a watcher already."""
    if hs_family_note(&family, inode):
        return 0
    hs_family_sweep(&family)
    if not hs_family_note(&family, inode):
        raise OSError("too many shared memory blocks are in use to see to another one's end")
    return 0


cdef int forget(uint64_t inode) except -1:
    hs_family_forget(&family, inode)
    return 0


def before_first_use(function):
    """Set a function that is called before this process registers its first block."""
    global look_for_parents
    look_for_parents = function


def is_noted(inode):
    """Whether the block of this inode number is removed after the family's last process."""
    return family.entries != NULL and hs_family_notes(&family, inode)


def note_inode(inode):
    """note(), for Python, if the block is not registered."""
    if not is_noted(inode):
        note(inode)


def forget_inode(inode):
    """forget(), for Python."""
    forget(inode)


def ensure():
    """Make a family if there is none."""
    with cython.critical_section(guard):
        hs_family_ensure(&family)


def pass_on():
    """Before a fork: make a family if there is none, so that the child's blocks outlive the child."""
    with cython.critical_section(guard):
        hs_family_ensure(&family)
        hs_family_drop_reader(&family)


def held():
    """The descriptors that this process keeps open for its family, if it has one."""
    if not HS_WATCHED or family.entries == NULL:
        return ()
    return [fd for fd in (family.line, family.table, family.reader) if fd >= 0]


def descriptors():
    """(line, table), for a process that is to join the family; None if families are not supported."""
    if not HS_WATCHED:
        return None
    with cython.critical_section(guard):
        if hs_family_ensure(&family) < 0:
            return None
        hs_family_drop_reader(&family)
        return family.line, family.table


def join(int line, int table):
    """Join the family of these descriptors, unless this process has used its own; whether it has joined."""
    cdef hs_family theirs
    with cython.critical_section(guard):
        joined = not used and hs_family_join(&theirs, line, table) == 0
        if joined:
            hs_family_leave(&family)
            (&family)[0] = theirs
    return bool(joined)


if HS_WATCHED:
    os.register_at_fork(before=pass_on)
