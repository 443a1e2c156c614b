from libc.stdint cimport int64_t

from compat cimport hs_mutex
from lock_api cimport hs_lock_functions
from park cimport hs_waiter
from hasten.threading._waiting cimport sleepers


cdef class Condition:
    cdef object __weakref__
    cdef hs_mutex guard
    cdef object lock
    cdef const hs_lock_functions *direct  # how to use the lock without Python calls; NULL: by its methods
    cdef sleepers asleep

    cdef bint is_owned(self) except -1
    cdef bint wait_until(self, int64_t deadline) except -1
    cdef bint wait_by_methods(self, hs_waiter *me, int64_t deadline) except -1
    cdef bint sleep_unlocked(self, hs_waiter *me, int64_t deadline) except -1
    cdef void step_back(self, hs_waiter *me) noexcept
    cdef void pass_on(self, hs_waiter *me) noexcept
    cdef void let_go(self, Py_ssize_t most) noexcept


cdef object private_condition(condition)
