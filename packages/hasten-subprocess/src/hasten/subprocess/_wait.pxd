from libc.stdint cimport int64_t

cdef extern from "_wait.h" nogil:
    ctypedef struct hs_child:
        int pid
        bint ended
        bint has_thread
    enum:
        HS_WAIT_ENDED
        HS_WAIT_TIMEOUT
        HS_WAIT_SIGNALS
        HS_WAIT_ERROR
    int hs_wait_any(hs_child *children, size_t count, int64_t deadline) noexcept
    void hs_wait_init() noexcept
