from libc.stdint cimport int64_t

cdef extern from "_wait.h" nogil:
    ctypedef struct hs_child:
        int pid
        bint ended
        bint has_thread
    ctypedef struct hs_alert:
        int held
        int64_t period
    enum:
        HS_WAIT_ENDED
        HS_WAIT_TIMEOUT
        HS_WAIT_SIGNALS
        HS_WAIT_ERROR
    void hs_alert_begin(hs_alert *alert) noexcept
    int hs_wait_any(hs_child *children, size_t count, int64_t deadline, hs_alert *alert) noexcept
    void hs_wait_init() noexcept
