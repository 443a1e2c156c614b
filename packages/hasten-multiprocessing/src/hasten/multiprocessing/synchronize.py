"""The standard library's `multiprocessing.synchronize`, compiled: locks and conditions between processes.

Their state is in unnamed memory that the processes of a program share (see _arena).  So nothing has to be
unlinked and nothing is left behind, and neither sem_open() nor /dev/shm is needed.  A process that is killed
blocks no other: a lock it held is taken over, and a wait it was part of continues without it.
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
