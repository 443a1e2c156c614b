"""The standard library's `queue`, compiled: multi-producer, multi-consumer queues.

The API of CPython 3.15's module on every supported version, and three additions:
`Queue.put_many()` and `Queue.get_many()`, `Queue.join(timeout=)`, and `SimpleQueue.shutdown()`.

The classes are subclasses of the standard library's (SimpleQueue excepted), so that isinstance() holds
in code that checks for those.  Every method is the compiled one.
"""

import queue as _stdlib
from types import GenericAlias as _GenericAlias

from hasten.queue import _ordered
from hasten.queue import _queue as _fifo
from hasten.queue._errors import Empty, Full, ShutDown
from hasten.queue._simple import SimpleQueue

__all__ = ["Empty", "Full", "ShutDown", "Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]


class Queue(_fifo.Queue, _stdlib.Queue):
    __doc__ = _fifo.Queue.__doc__
    __setattr__ = _fifo.Queue._set_attribute
    __delattr__ = _fifo.Queue._delete_attribute
    __class_getitem__ = classmethod(_GenericAlias)


class PriorityQueue(_ordered.PriorityQueue, Queue, _stdlib.PriorityQueue):
    __doc__ = _ordered.PriorityQueue.__doc__


class LifoQueue(_ordered.LifoQueue, Queue, _stdlib.LifoQueue):
    __doc__ = _ordered.LifoQueue.__doc__


_PySimpleQueue = SimpleQueue  # the standard library's tests ask for it
