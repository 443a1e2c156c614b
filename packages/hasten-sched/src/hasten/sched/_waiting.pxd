from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist


cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1
cdef void wake_all(hs_waitlist *list) noexcept
cdef unsigned int forks_so_far() noexcept
