from libc.stdint cimport int64_t

cdef extern from "timeout.h":
    int hs_seconds(object timeout, double *seconds) except -1
    int64_t hs_deadline_of(object timeout) except -1
    int64_t hs_deadline_unless_negative(object timeout, const char *words) except -1
    bint hs_expired(int64_t deadline) noexcept nogil
    object hs_seconds_until(int64_t deadline)
