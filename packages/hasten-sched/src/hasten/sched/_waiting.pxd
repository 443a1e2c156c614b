from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist


cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1
cdef void unpark_all_locked(hs_waitlist *list) noexcept
cdef unsigned int fork_count() noexcept
