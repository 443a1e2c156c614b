from libc.stdint cimport int64_t

from compat cimport hs_mutex
from hasten.threading._waiting cimport sleepers


cdef class Event:
    cdef object __weakref__
    cdef hs_mutex guard
    cdef bint flag
    cdef sleepers asleep
    cdef object condition  # what `_cond` is, once somebody has asked for it

    cdef int raise_flag(self) except -1
    cdef bint wait_until(self, int64_t deadline) except -1
