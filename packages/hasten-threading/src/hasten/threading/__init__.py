"""threading, compiled."""

import threading as _stdlib

from hasten.threading import _condition, _event, _semaphore


class Condition(_condition.Condition, _stdlib.Condition):
    __doc__ = _condition.Condition.__doc__


class Semaphore(_semaphore.Semaphore, _stdlib.Semaphore):
    __doc__ = _semaphore.Semaphore.__doc__


class BoundedSemaphore(_semaphore.BoundedSemaphore, Semaphore, _stdlib.BoundedSemaphore):
    __doc__ = _semaphore.BoundedSemaphore.__doc__


class Event(_event.Event, _stdlib.Event):
    __doc__ = _event.Event.__doc__


_condition._set_public_class(Condition)
