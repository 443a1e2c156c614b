"""The standard library's `sched`, compiled: runs actions at given times.

The API of CPython 3.15's module on every supported version.  A run() that sleeps in the default
delayfunc wakes up when an earlier event is entered, or when the one it waits for is cancelled.

`scheduler` is a subclass of the standard library's, so that isinstance() holds in code that checks for
that.  Every method is the compiled one.
"""

import sched as _stdlib
import time as _time

from hasten.sched import _scheduler
from hasten.sched._event_class import Event
from hasten.sched._scheduler import _sentinel

__all__ = ["scheduler"]


class scheduler(_scheduler.scheduler, _stdlib.scheduler):
    __doc__ = _scheduler.scheduler.__doc__

    def __init__(self, timefunc=_time.monotonic, delayfunc=_time.sleep):
        self.timefunc = timefunc
        self.delayfunc = delayfunc
        self._reset()
