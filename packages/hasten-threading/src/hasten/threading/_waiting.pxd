from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waiter, hs_waitlist
from timeout cimport hs_deadline_of as deadline_of, hs_seconds_until as seconds_until


cdef extern from *:
    const Py_ssize_t EVERYBODY "PY_SSIZE_T_MAX"


cdef struct sleepers:
    hs_waitlist waiting   # not unparked
    hs_waitlist released  # unparked while parked; each wakes the next one when it leaves


cdef void enqueue_locked(sleepers *all, hs_waiter *me, const void *target) noexcept
cdef bint park_enqueued(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1
cdef bint park_and_dequeue(sleepers *all, hs_mutex *guard, hs_waiter *me, int64_t deadline) except -1
cdef bint park(
    sleepers *all, hs_mutex *guard, hs_waiter *me, const void *target, int64_t deadline
) except -1
cdef void unpark(sleepers *all, hs_mutex *guard, Py_ssize_t most) noexcept
cdef void dequeue(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept
cdef void dequeue_locked(sleepers *all, hs_mutex *guard, hs_waiter *me) noexcept
cdef void forget_dead_locked(sleepers *all) noexcept
cdef void start_anew(sleepers *all, hs_mutex *guard) noexcept
cdef unsigned int fork_count() noexcept
cdef Py_ssize_t count_parked(sleepers *all, hs_mutex *guard) noexcept
