"""The standard library's `sched`, compiled: runs actions at given times.

The API of CPython 3.15's module on every supported version.  A run() that waits in the default delayfunc
wakes up when an earlier event is entered, or when the event it waits for is cancelled.

`scheduler` is an ordinary Python class, and a subclass of the standard library's, so that isinstance() holds
for either; every method is the compiled one.

The names that the standard library's module has by import are here too.  A replaced `heapq`, `threading` or
`Event` is used where the standard library uses it.
"""

import heapq
import sched as _stdlib
import threading
import time
from collections import namedtuple
from itertools import count  # the standard library's has it from 3.10 on
from time import monotonic as _time

try:
    from hasten.sched import _bundle  # the compiled modules, in one file
except ImportError:
    pass  # they are files of their own
else:
    _bundle.load("_names", "_event", "_pending", "_waiting", "_fallback", "_operations", "_scheduler")

from hasten.sched import _names
from hasten.sched._event_class import Event
from hasten.sched._scheduler import scheduler

__all__ = ["scheduler"]

_sentinel = _stdlib._sentinel  # the default of kwargs
_names.use(globals())
