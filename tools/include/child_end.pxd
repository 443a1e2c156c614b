from libc.stdint cimport int64_t

cdef extern from "child_end.h" nogil:
    ctypedef struct hs_child:
        int pid
        bint ended
        bint has_thread
    ctypedef struct hs_alert:
        int held
    ctypedef struct hs_wait:
        hs_child *children
        size_t count
        hs_alert alert
    enum:
        HS_WAIT_ENDED
        HS_WAIT_TIMEOUT
        HS_WAIT_SIGNALS
        HS_WAIT_ERROR
    void hs_alert_begin(hs_alert *alert) noexcept
    int hs_wait_look(hs_wait *w, int64_t deadline) noexcept
    int hs_wait_any(hs_wait *w, int64_t deadline) noexcept
    void hs_unwatch(hs_wait *w) noexcept
    void hs_wait_init() noexcept
    int hs_child_code(int pid, int *code) noexcept
