# cython: freethreading_compatible=True
"""The names of blocks that this process has made or attached to, for calls of the standard library's resource
tracker: see _owners.py.
"""

from cpython.dict cimport PyDict_Contains
from libc.stdint cimport int64_t, uint64_t

cdef dict names = {}  # name with its slash -> inode number, negative if the block was not made here
cdef int KEPT = 4096  # the largest number of names; programs unregister soon after attaching


cdef int know(name, uint64_t inode, bint made) except -1:
    """Store the name as the newest.

    When full, drops the older half at once: removing single entries from the front of a dict is slow, since
    iteration has to skip the deleted ones.
    """
    if PyDict_Contains(names, name):
        names.pop(name, None)
    elif len(names) >= KEPT:
        for old in list(names)[: KEPT // 2]:
            names.pop(old, None)  # another thread may have removed it
    names[name] = <int64_t>inode if made else -<int64_t>inode
    return 0


def known(name):
    """(inode number, whether this process made it) of a block by its name; None if the name is unknown."""
    inode = names.get(name)
    return None if inode is None else (abs(inode), inode > 0)
