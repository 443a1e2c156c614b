from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waiter, hs_waitlist

# An attached thread state is needed, but for hs_wake().
cdef extern from "sleep.h":
    ctypedef struct hs_wakes:
        int count
    void hs_wake(hs_wakes *due) noexcept nogil
    Py_ssize_t hs_dequeue_some_locked(hs_waitlist *list, Py_ssize_t most, hs_wakes *due) noexcept
    void hs_dequeue_all_locked(hs_waitlist *list, hs_wakes *due) noexcept
    void hs_enqueue_locked(hs_waitlist *list, hs_waiter *me, const void *target) noexcept
    bint hs_enqueue_anew_locked(hs_waitlist *list, hs_waiter *me) noexcept
    bint hs_park_enqueued(
        hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline, hs_wakes *due
    ) except -1
    bint hs_dequeue(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) noexcept
    bint hs_unpark_one(hs_waitlist *list, hs_mutex *guard) noexcept
    bint hs_unpark_next(hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_unpark_any(hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_unpark_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_unpark_all_locked(hs_waitlist *list) noexcept
    void hs_unpark_all(hs_waitlist *list, hs_mutex *guard) noexcept
    int hs_park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1
    void hs_park_uninterruptible(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept
