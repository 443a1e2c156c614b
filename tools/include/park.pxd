from libc.stdint cimport int64_t, uint64_t

cdef extern from "park.h" nogil:
    enum:
        HS_WOKEN
        HS_TIMEOUT
        HS_INTERRUPTED
    ctypedef struct hs_waiter:
        hs_waiter *next
        hs_waiter *prev
        int word
        bint linked
        bint parked
        const void *target
    ctypedef struct hs_waitlist:
        hs_waiter *head
        hs_waiter *tail
        unsigned int forks
        bint pending
    int hs_park_init() noexcept
    int hs_word_wait(int *word, int64_t deadline) noexcept
    int hs_word_wait_alert(int *word, int64_t deadline, int64_t *period) noexcept
    void hs_word_wake(int *word) noexcept
    void hs_waitlist_sync(hs_waitlist *list) noexcept
    void hs_waitlist_append(hs_waitlist *list, hs_waiter *w) noexcept
    void hs_waitlist_remove(hs_waitlist *list, hs_waiter *w) noexcept
    int *hs_waitlist_pop(hs_waitlist *list) noexcept
    const unsigned int *hs_fork_count() noexcept
    uint64_t hs_thread_number() noexcept
