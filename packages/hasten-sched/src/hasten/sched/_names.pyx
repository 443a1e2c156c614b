# cython: freethreading_compatible=True
"""What programs may replace in the public module and the standard library looks up at use: `heapq`,
`Event`, `threading`.

A replaced part is used, and the scheduler then goes the general way, with a list that heapq keeps in order.
"""

import heapq
import threading

from function cimport publish_methods

from hasten.sched._event_class import Event

cdef dict public = {}
cdef object real_heapq = heapq, real_event_class = Event, real_threading = threading


def use(dict names):
    """Take *names* for the public module's dictionary, and its name for that of the methods."""
    global public, real_threading
    public = names
    real_threading = names["threading"]
    publish_methods(names["scheduler"], names["__name__"], compiled)


cdef object compiled = type(use)


cdef object replacement(name, original):
    """What the name stands for if that is not the original, else None."""
    value = public.get(name)
    return None if value is original else value


cdef object heap():
    return replacement("heapq", real_heapq) or real_heapq


cdef object replaced_event_class():
    return replacement("Event", real_event_class)


cdef object replaced_threading():
    return replacement("threading", real_threading)


cdef bint parts_replaced() except -1:
    """Whether events are to be made or ordered by something else than the agenda."""
    return replacement("heapq", real_heapq) is not None or replacement("Event", real_event_class) is not None
