from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist

cdef extern from "sleep.h":
    ctypedef struct hs_wakes:
        int count
    int hs_sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1
    void hs_collect(hs_waitlist *list, hs_wakes *due) noexcept
    void hs_wake(hs_wakes *due) noexcept nogil
