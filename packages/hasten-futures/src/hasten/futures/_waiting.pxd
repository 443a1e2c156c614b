from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes

cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1
cdef void dequeue_all_locked(hs_waitlist *list, hs_wakes *due) noexcept
cdef void wake(hs_wakes *due) noexcept
cdef void unpark_any(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void unpark_all(hs_waitlist *list, hs_mutex *guard) noexcept
cdef unsigned int fork_count() noexcept
