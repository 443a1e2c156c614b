from libc.stdint cimport int64_t

cdef extern from "clock.h" nogil:
    const int64_t HS_NEVER
    int64_t hs_now() noexcept
    int64_t hs_deadline_after(double seconds) noexcept
