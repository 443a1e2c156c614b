"""The standard library's `multiprocessing.synchronize`, compiled: locks and the like that processes share.

Their state lies in memory without a name that the processes of a program have in common (see _arena).  So
there is nothing to be unlinked, and nothing left behind; it works where there is no sem_open() or no
/dev/shm. A process that is killed hangs nobody: a lock it held is taken over, and what it waited for goes on
without it.
"""

import multiprocessing.synchronize as _stdlib
from multiprocessing.synchronize import RECURSIVE_MUTEX, SEM_VALUE_MAX, SEMAPHORE  # noqa: F401

from hasten.multiprocessing import _arena, _registries, _sync  # noqa: F401 (the compiled modules)
from hasten.multiprocessing._sync._barrier import Barrier  # noqa: F401
from hasten.multiprocessing._sync._condition import Condition
from hasten.multiprocessing._sync._event import Event
from hasten.multiprocessing._sync._locks import (  # noqa: F401
    BoundedSemaphore,
    Lock,
    RLock,
    Semaphore,
    SemLock,
)

__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event"]
__getattr__ = _registries.rest_of(__name__, _stdlib)
