# cython: freethreading_compatible=True
"""What programs may replace in the public module: exceptions, `deque`, `heappush`, `heappop`, `threading`
and `time`.

Each name is looked up at the moment of use, as in the standard library, and a replaced part is used.  A
replaced `deque`, `heappush`, `heappop` or `threading` closes the direct way.

A replaced `time` shortens a wait and never prolongs it: the wait ends at the deadline of the replaced clock
or of the real one, whichever comes first.  Programs replace it to make time pass faster, or stop all clocks
(freezegun); in the standard library a get(timeout=) then never ends.

The originals are C variables: freezegun replaces clocks in every module's dictionary.
"""

from collections import deque
from heapq import heappop, heappush
from time import monotonic

from libc.stdint cimport int64_t

from function cimport publish_methods

from hasten.queue import Empty, Full, ShutDown
from hasten.queue._waiting cimport deadline_of

cdef dict public = {}
cdef object real_empty = Empty, real_full = Full, real_shut_down = ShutDown
cdef object real_deque = deque, real_heappush = heappush, real_heappop = heappop, real_clock = monotonic
cdef object real_threading = None

del deque, heappop, heappush, monotonic


def use(dict names):
    """Set the public module's dictionary, and have the methods say its name."""
    global public, real_threading
    public = names
    real_threading = names["threading"]
    for name in names["__all__"]:
        if names[name].__module__ == names["__name__"]:
            publish_methods(names[name], names["__name__"], compiled)


cdef object compiled = type(use)


cdef object current(name, original):
    """The value of the name; the original if it is gone, as during finalisation of the interpreter."""
    value = public.get(name)
    return original if value is None else value


cdef object replacement(name, original):
    """The value of the name if it was replaced, else None."""
    value = public.get(name)
    return None if value is original else value


cdef object empty():
    return current("Empty", real_empty)


cdef object full():
    return current("Full", real_full)


cdef object shut_down():
    return current("ShutDown", real_shut_down)


cdef object deque_class():
    return current("deque", real_deque)


cdef object replaced_threading():
    return replacement("threading", real_threading)


cdef object replaced_heappush():
    return replacement("heappush", real_heappush)


cdef object replaced_heappop():
    return replacement("heappop", real_heappop)


cdef object end_by_replaced_clock(timeout):
    """The end of a wait by a replaced `time`; None if it is not replaced or *timeout* is None."""
    if timeout is None:
        return None
    clock = replacement("time", real_clock)
    return None if clock is None else clock() + timeout


cdef int64_t sooner(end, int64_t deadline) except -1:
    """The earlier of *deadline* and *end*, which is by the replaced clock; Python code unless it is None."""
    if end is None:
        return deadline
    left = end - current("time", real_clock)()
    return 0 if left <= 0 else min(deadline, deadline_of(left))
