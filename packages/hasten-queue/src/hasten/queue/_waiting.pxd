from libc.stdint cimport int64_t

from compat cimport HS_FREE_THREADED, hs_mutex, hs_mutex_unlock
from park cimport hs_waitlist
from timeout cimport hs_deadline_unless_negative, hs_expired as expired, hs_seconds_until as seconds_until

cdef int sleep(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_waitlist *first=*) except -1
cdef void sleep_deaf(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept
cdef void wake_next(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void wake_one(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void wake_all(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void wake_held(hs_waitlist *list) noexcept
cdef void wake_as_many(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept

cdef const unsigned int *fork_count


cdef inline int64_t deadline_of(timeout) except -1:
    """The deadline for a `timeout` argument: None, or any real number of seconds that is not negative."""
    return hs_deadline_unless_negative(timeout, "'timeout' must be a non-negative number")


cdef inline void wake_any(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake a thread, unless nobody sleeps or one that was woken has yet to look."""
    if list.head != NULL and (HS_FREE_THREADED or not list.pending or list.forks != fork_count[0]):
        wake_next(list, guard)
    else:
        hs_mutex_unlock(guard)


cdef inline void wake_first(hs_waitlist *list, hs_mutex *guard) noexcept:
    """wake_one(), without the call where nobody sleeps."""
    if list.head != NULL:
        wake_one(list, guard)
    else:
        hs_mutex_unlock(guard)


cdef inline void wake_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept:
    """Wake as many threads as there is something for; with a GIL the first, who wakes the next."""
    if list.head != NULL:
        wake_as_many(count, list, guard)
    else:
        hs_mutex_unlock(guard)
