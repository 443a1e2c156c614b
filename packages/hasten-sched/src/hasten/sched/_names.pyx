# cython: freethreading_compatible=True
"""What programs may replace in the public module and the standard library looks up at use: `heapq`,
`Event`, `threading`.

A replaced part is used, and the scheduler then goes the general way, with a list that heapq keeps in order.
"""

import heapq
import threading
from types import FunctionType

from cpython.object cimport PyTypeObject

from function cimport hs_function_adopt

from hasten.sched._event_class import Event

cdef dict public = {}
cdef object real_heapq = heapq, real_event_class = Event, real_threading = threading


def use(dict names):
    """Take *names* for the public module's dictionary, and its name for that of the methods."""
    global public, real_threading
    public = names
    real_threading = names["threading"]
    for value in vars(names["scheduler"]).values():
        for function in (value.fget, value.fset) if isinstance(value, property) else (value,):
            if isinstance(function, compiled_function):
                function.__module__ = names["__name__"]
                if has_type_params:
                    function.__type_params__ = ()
                hs_function_adopt(&function_type, compiled_function, function)


cdef object compiled_function = type(use)
cdef PyTypeObject *function_type = NULL  # theirs, which isinstance() takes for that of Python's functions
cdef bint has_type_params = hasattr(FunctionType, "__type_params__")  # 3.12+


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
