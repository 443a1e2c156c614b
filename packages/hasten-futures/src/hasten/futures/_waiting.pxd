from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes

cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1
cdef void collect(hs_waitlist *list, hs_wakes *due) noexcept
cdef void wake(hs_wakes *due) noexcept
cdef void wake_any(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept
cdef unsigned int forks() noexcept
