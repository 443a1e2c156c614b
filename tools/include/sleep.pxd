from libc.stdint cimport int64_t

from compat cimport hs_mutex
from park cimport hs_waiter, hs_waitlist

# An attached thread state is needed, but for hs_wake().
cdef extern from "sleep.h":
    ctypedef struct hs_wakes:
        int count
    void hs_wake(hs_wakes *due) noexcept nogil
    Py_ssize_t hs_collect_some(hs_waitlist *list, Py_ssize_t most, hs_wakes *due) noexcept
    void hs_collect(hs_waitlist *list, hs_wakes *due) noexcept
    void hs_enlist(hs_waitlist *list, hs_waiter *me, const void *target) noexcept
    bint hs_enlist_anew(hs_waitlist *list, hs_waiter *me) noexcept
    bint hs_nap(hs_waitlist *list, hs_mutex *guard, hs_waiter *me, int64_t deadline, hs_wakes *due) except -1
    bint hs_leave(hs_waitlist *list, hs_mutex *guard, hs_waiter *me) noexcept
    bint hs_wake_one(hs_waitlist *list, hs_mutex *guard) noexcept
    bint hs_wake_next(hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_wake_any(hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_wake_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept
    void hs_wake_all(hs_waitlist *list, hs_mutex *guard) noexcept
    int hs_sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_wakes *due) except -1
    void hs_sleep_deaf(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept
