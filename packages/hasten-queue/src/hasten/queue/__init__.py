"""The standard library's `queue`, compiled: multi-producer, multi-consumer queues.

The API of CPython 3.15's module on every supported version, and three additions:
`Queue.put_many()` and `Queue.get_many()`, `Queue.join(timeout=)`, and `SimpleQueue.shutdown()`.

The classes are ordinary Python classes, and subclasses of the standard library's, so that isinstance() holds
for either; every method is the compiled one.  SimpleQueue is a C type, as there.

Programs may replace the exceptions, `deque`, `heappush`, `heappop`, `threading` and `time` in this module,
for instance with unittest.mock.patch(); a replaced part is used where the standard library uses it.
"""

import sys as _sys
import threading
import types
from collections import deque
from heapq import heappop, heappush
from queue import Empty, Full
from time import monotonic as time

# The standard library's own exception classes: handlers for either module catch them.
if _sys.version_info >= (3, 13):
    from queue import ShutDown
else:

    class ShutDown(Exception):
        """Raised by put() and get() of a queue that was shut down."""


try:
    from hasten.queue import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load(
        "_waiting", "_names", "_ring", "_simple", "_items", "_monitor", "_operations", "_queue",
    )  # fmt: skip

from hasten.queue import _names, _simple
from hasten.queue._queue import LifoQueue, PriorityQueue, Queue
from hasten.queue._simple import SimpleQueue

__all__ = ["Empty", "Full", "ShutDown", "Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]

_PySimpleQueue = SimpleQueue  # the standard library's tests ask for it
_static_types = {SimpleQueue: _simple.set_module}  # classes of C, whose names hasten.patch can't set
_names.use(globals())
