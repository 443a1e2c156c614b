from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "shm_ring.h" nogil:
    enum:
        HS_RING_DONE
        HS_RING_EMPTY
        HS_RING_FULL
        HS_RING_SHUT
        HS_RING_BUSY
        HS_RING_SMALL
        HS_RING_AHEAD
        HS_RING_ERROR
    ctypedef struct hs_units:
        int fd
    ctypedef struct hs_ring_page:
        uint32_t lock_holders[2]
    ctypedef struct hs_ring:
        hs_units units
        hs_ring_page *page
        int event
    ctypedef struct hs_piece:
        const void *data
        uint64_t size
    ctypedef struct hs_record:
        int kind
        uint64_t length
    int hs_ring_make(hs_ring *r) noexcept
    int hs_ring_attach(hs_ring *r, int fd, int event) noexcept
    void hs_ring_close(hs_ring *r) noexcept
    int hs_ring_arm(hs_ring *r) noexcept
    uint64_t hs_ring_count(const hs_ring *r) noexcept
    bint hs_ring_is_shut(const hs_ring *r) noexcept
    int hs_ring_put(
        hs_ring *r, int kind, const hs_piece *pieces, int n, uint64_t limit, bint wait, bint patient
    ) noexcept
    int hs_ring_get(hs_ring *r, hs_record *got, void *to, uint64_t size, bint wait) noexcept
    int hs_ring_shut(hs_ring *r, bint immediate) noexcept
    uint64_t hs_ring_unfinished(const hs_ring *r) noexcept
    bint hs_ring_task_done(hs_ring *r) noexcept
    bint hs_ring_wait_data(hs_ring *r, int64_t until) noexcept
    bint hs_ring_wait_space(hs_ring *r, uint64_t limit, int64_t until) noexcept
    void hs_ring_wake_all(hs_ring *r) noexcept
    bint hs_ring_exceeds(const hs_ring *r, uint64_t units) noexcept
    bint hs_ring_wait_done(hs_ring *r, int64_t until) noexcept
    void hs_ring_let_read(hs_ring *r, uint64_t size) noexcept
