# cython: freethreading_compatible=True
"""What programs may replace in the public module: exceptions, `deque`, `heappush`, `heappop`, `threading`
and `time`.

They are looked up where the standard library would, at the moment of use.  A part that has been replaced is
used, and the queue then goes the general way.

`time` is the one exception.  Programs replace it to let time go by faster, or they stop all clocks
(freezegun), and in the standard library a get(timeout=) then never ends.  So a wait ends as soon as either
the replaced clock or the real one says that it is time.

The originals are C variables, because programs that stop the clocks replace them in every module's
dictionary.
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
    """Take *names* for the public module's dictionary, and its name for that of the methods."""
    global public, real_threading
    public = names
    real_threading = names["threading"]
    for name in names["__all__"]:
        if names[name].__module__ == names["__name__"]:
            publish_methods(names[name], names["__name__"], compiled)


cdef object compiled = type(use)


cdef object current(name, original):
    """What the name stands for; the original if it is gone, as it is at the interpreter's end."""
    value = public.get(name)
    return original if value is None else value


cdef object replacement(name, original):
    """What the name stands for if that is not the original, else None."""
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
    """When a wait is to end by the clock that is in place of `time`; None if none is, or for ever."""
    if timeout is None:
        return None
    clock = replacement("time", real_clock)
    return None if clock is None else clock() + timeout


cdef int64_t sooner(end, int64_t deadline) except -1:
    """The deadline, or an earlier one if the replaced clock says so.  Python code, unless *end* is None."""
    if end is None:
        return deadline
    left = end - current("time", real_clock)()
    return 0 if left <= 0 else min(deadline, deadline_of(left))
