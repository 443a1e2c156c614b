from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waiter, hs_waitlist
from timeout cimport hs_deadline_of as deadline_of, hs_seconds_until as seconds_until


cdef extern from *:
    const Py_ssize_t EVERYBODY "PY_SSIZE_T_MAX"


cdef struct sleepers:
    hs_waitlist waiting   # asleep until somebody lets them go
    hs_waitlist released  # let go; each wakes the next one when it leaves


cdef void enlist(sleepers *all, hs_waiter *me, const void *target) noexcept
cdef bint nap(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1
cdef bint doze(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1
cdef bint sleep(
    sleepers *all, hs_mutex *guard, hs_waiter *me, const void *target, int64_t deadline
) except -1
cdef void release(sleepers *all, hs_mutex *guard, Py_ssize_t most) noexcept
cdef void leave(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept
cdef void step_out(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept
cdef void forget_the_dead(sleepers *all) noexcept
cdef void start_anew(sleepers *all, hs_mutex *guard) noexcept
cdef unsigned int forks() noexcept
cdef Py_ssize_t count_asleep(sleepers *all, hs_mutex *guard) noexcept
