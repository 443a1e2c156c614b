from libc.stdint cimport int64_t

cdef extern from "_pump.h" nogil:
    enum:
        HS_PUMP_DONE
        HS_PUMP_TIMEOUT
        HS_PUMP_SIGNALS
        HS_PUMP_FULL
        HS_PUMP_ENDED
        HS_PUMP_ERROR
    ctypedef struct hs_input:
        int fd
        int blocking
        const char *data
        size_t size
        size_t sent
    ctypedef struct hs_output:
        int fd
        char *data
        size_t used
        size_t room
    ctypedef struct hs_exchange:
        hs_input input
        hs_output outputs[2]
        bint closes
        int ended
        int full
    bint hs_exchange_enter(hs_exchange *x) noexcept
    void hs_exchange_leave(hs_exchange *x) noexcept
    void hs_signals_seen(hs_exchange *x) noexcept
    int hs_pump(hs_exchange *x, int64_t deadline) noexcept
