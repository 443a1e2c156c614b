# cython: freethreading_compatible=True
"""The names of blocks that this process has made or attached to, for those who talk to the tracker of the
standard library: see _owners.py.
"""

from cpython.dict cimport PyDict_Contains
from libc.stdint cimport int64_t, uint64_t

cdef dict names = {}  # name with its slash -> inode number, negative if the block was not made here
cdef int KEPT = 4096  # names at most; a program unregisters soon after it has attached


cdef int know(name, uint64_t inode, bint made) except -1:
    """Remember the name, as the latest.

    The older half goes at once: a dictionary looks for its first entry past all that were deleted before it.
    """
    if PyDict_Contains(names, name):
        names.pop(name, None)
    elif len(names) >= KEPT:
        for old in list(names)[: KEPT // 2]:
            names.pop(old, None)  # another thread may have been faster
    names[name] = <int64_t>inode if made else -<int64_t>inode
    return 0


def known(name):
    """(inode number, whether it was made here) of the block of this name; None if it is none of ours."""
    inode = names.get(name)
    return None if inode is None else (abs(inode), inode > 0)
