"""The standard library's `multiprocessing.shared_memory`, compiled: memory that processes share.

The API of CPython 3.15's module on every supported version, and some additions:
`SharedMemory(anonymous=True)`, a block without a name that cannot be left behind; views of a block that stay
valid when it is closed; and `shared_array()`, a numpy array in a block.

A process that has only attached to a block never removes it.  Blocks that a program leaves behind are removed
when the last process of the maker's family has ended, silently, and by a process without Python; see
_family.h.

Names that programs may replace, for instance with unittest.mock.patch(): `SharedMemory`, `_make_filename`,
and `register` and `unregister` of `resource_tracker`.
"""

import _posixshmem
import errno
import mmap
import os
import secrets
import struct
import types
from functools import partial
from multiprocessing import resource_tracker

try:
    from hasten.shared_memory import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load("_names", "_published", "_mapping", "_family", "_segment", "_filename", "_list")

from hasten.shared_memory import _names, _owners, _published  # noqa: F401 (_owners connects us)
from hasten.shared_memory._array import ArrayHandle, shared_array
from hasten.shared_memory._filename import _make_filename
from hasten.shared_memory._list import ShareableList
from hasten.shared_memory._segment import SharedMemory

__all__ = ["SharedMemory", "ShareableList"]

_USE_POSIX = True
_O_CREX = os.O_CREAT | os.O_EXCL
_SHM_SAFE_NAME_LENGTH = 14
_SHM_NAME_PREFIX = "/psm_"
_encoding = "utf8"
_published.publish_functions(_make_filename)
_names.use(globals())
