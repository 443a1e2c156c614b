# cython: freethreading_compatible=True
"""What programs may replace in the public module: `heapq`, `Event`, `threading`.

Each name is looked up at the moment of use, as in the standard library.  A replaced part is used, and the
events are then in a list that heapq keeps in order (_fallback.pyx).
"""

import heapq
import threading

from function cimport publish_methods

from hasten.sched._event_class import Event

cdef dict public = {}
cdef object real_heapq = heapq, real_event_class = Event, real_threading = threading


def use(dict names):
    """Set the public module's dictionary, and have the methods say its name."""
    global public, real_threading
    public = names
    real_threading = names["threading"]
    publish_methods(names["scheduler"], names["__name__"], compiled)


cdef object compiled = type(use)


cdef object replacement(name, original):
    """The value of the name if it was replaced, else None."""
    value = public.get(name)
    return None if value is original else value


cdef object heap():
    return replacement("heapq", real_heapq) or real_heapq


cdef object replaced_event_class():
    return replacement("Event", real_event_class)


cdef object replaced_threading():
    return replacement("threading", real_threading)


cdef bint parts_replaced() except -1:
    """Whether a replaced part makes or orders the events: the agenda can't be used."""
    return replacement("heapq", real_heapq) is not None or replacement("Event", real_event_class) is not None
