from libc.stdint cimport int64_t

from compat cimport HS_FREE_THREADED, hs_mutex, hs_mutex_unlock
from park cimport hs_waitlist
from timeout cimport hs_deadline_unless_negative, hs_expired as expired, hs_seconds_until as seconds_until

cdef int park(hs_waitlist *list, hs_mutex *guard, int64_t deadline, hs_waitlist *first=*) except -1
cdef void park_uninterruptible(hs_waitlist *list, hs_mutex *guard, int64_t deadline) noexcept
cdef void unpark_next(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void unpark_one(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void unpark_all(hs_waitlist *list, hs_mutex *guard) noexcept
cdef void unpark_all_locked(hs_waitlist *list) noexcept
cdef void unpark_as_many(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept

cdef const unsigned int *forks


cdef inline unsigned int fork_count() noexcept:
    """The number of forks this process descends from."""
    return forks[0]


cdef inline int64_t deadline_of(timeout) except -1:
    """The deadline for a `timeout` argument: None, or any real number of seconds that is not negative."""
    return hs_deadline_unless_negative(timeout, "'timeout' must be a non-negative number")


cdef inline void unpark_any(hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark a thread, unless nobody waits or an unparked one has yet to re-check (with a GIL)."""
    if list.head != NULL and (HS_FREE_THREADED or not list.pending or list.forks != fork_count()):
        unpark_next(list, guard)
    else:
        hs_mutex_unlock(guard)


cdef inline void unpark_first(hs_waitlist *list, hs_mutex *guard) noexcept:
    """unpark_one(), without a call if nobody waits."""
    if list.head != NULL:
        unpark_one(list, guard)
    else:
        hs_mutex_unlock(guard)


cdef inline void unpark_up_to(Py_ssize_t count, hs_waitlist *list, hs_mutex *guard) noexcept:
    """Unpark *count* threads; with a GIL only the first, which unparks the next."""
    if list.head != NULL:
        unpark_as_many(count, list, guard)
    else:
        hs_mutex_unlock(guard)
