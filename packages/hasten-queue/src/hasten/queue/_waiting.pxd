from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waitlist

cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline) except -1
cdef void wake_one(hs_waitlist *list, hs_mutex *guard) noexcept
cdef bint wake_held(hs_waitlist *list) noexcept
cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept
cdef int64_t deadline_of(timeout) except -1
cdef bint expired(int64_t deadline) noexcept
cdef unsigned int forks() noexcept
