"""Pickling of anonymous blocks, by descriptor.

A child being started inherits the descriptor; a receiver at the end of a pipe or queue fetches it over a
socket (multiprocessing.resource_sharer).  Each pickle can be unpickled once.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing has it, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any


def reduce_anonymous(shm: Any) -> tuple[Any, ...]:
    from multiprocessing import reduction

    if shm._fd < 0:
        raise ValueError("the shared memory is closed")
    return rebuild, (type(shm), reduction.DupFd(shm._fd))


def rebuild(cls: Any, duplicate: Any) -> Any:
    from hasten.shared_memory._segment import adopt

    fd = duplicate.detach()
    shm = cls.__new__(cls)
    try:
        adopt(shm, fd)
    except BaseException:
        os.close(fd)
        raise
    return shm
