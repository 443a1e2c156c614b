from libc.stdint cimport int64_t, uint32_t, uint64_t

from hasten.multiprocessing._arena._arena cimport hs_head, hs_process

cdef extern from "_lock.h":
    ctypedef struct hs_lock:
        uint64_t word
        uint64_t thread
        uint32_t depth
    enum:
        HS_LATE
        HS_TAKEN
        HS_INHERITED
    uint64_t hs_holder(uint64_t word) noexcept nogil
    uint64_t hs_thread_pointer() noexcept nogil
    bint hs_lock_is_mine(hs_lock *lock, uint64_t me) noexcept nogil
    bint hs_lock_try(hs_lock *lock, uint64_t me) noexcept nogil
    bint hs_lock_inherit(hs_lock *lock, uint64_t seen, uint64_t me) noexcept nogil
    int hs_lock_wait(hs_head *head, hs_lock *lock, hs_process *process, int64_t deadline) except -1
    bint hs_lock_give(hs_head *head, hs_lock *lock) noexcept nogil
    uint64_t hs_load64 "hs_word_load"(uint64_t *word) noexcept nogil
    uint32_t hs_load32 "hs_word_load"(uint32_t *word) noexcept nogil
    int64_t HS_CHECK_HOLDER_EVERY

cdef extern from "_semaphore.h":
    const uint32_t HS_UNITS
    bint hs_semaphore_take(uint32_t *word, uint32_t mark) noexcept nogil
    int hs_semaphore_wait(hs_head *head, uint32_t *word, int64_t deadline) except -1
    bint hs_semaphore_give(hs_head *head, uint32_t *word, uint32_t most) noexcept nogil

cdef extern from "_event.h":
    bint hs_event_is_set(uint32_t *word) noexcept nogil
    void hs_event_set(hs_head *head, uint32_t *word) noexcept nogil
    void hs_event_clear(uint32_t *word) noexcept nogil
    int hs_event_wait(hs_head *head, uint32_t *word, int64_t deadline) except -1

cdef extern from "_condition.h":
    ctypedef struct hs_condition:
        uint64_t state
    uint32_t hs_condition_enter(hs_condition *c) noexcept nogil
    void hs_condition_leave(hs_condition *c) noexcept nogil
    int hs_condition_sleep(
        hs_head *head, hs_condition *c, hs_lock *lock, uint64_t me, uint32_t round, int64_t deadline
    ) except -1
    void hs_condition_wake(hs_head *head, hs_condition *c, int most) noexcept nogil
    uint32_t hs_condition_notify(hs_head *head, hs_condition *c, uint64_t most) noexcept
    uint32_t hs_sleepers(uint64_t state) noexcept nogil
    uint32_t hs_notes(uint64_t state) noexcept nogil

cdef extern from "_barrier.h":
    ctypedef struct hs_barrier:
        uint64_t word
        uint64_t actor
    enum:
        HS_FILLING
        HS_ACTING
        HS_BROKEN
        HS_PASSED
        HS_IS_BROKEN
        HS_RAISED
        HS_MOST_PARTIES
    int hs_b_status(uint64_t word) noexcept nogil
    uint32_t hs_b_arrived(uint64_t word) noexcept nogil
    uint32_t hs_b_generation(uint64_t word) noexcept nogil
    bint hs_barrier_end(hs_head *head, hs_barrier *b, uint64_t word, bint broken, int status) noexcept nogil
    void hs_barrier_disclaim(hs_barrier *b, uint64_t me) noexcept nogil
    void hs_barrier_clear(hs_head *head, hs_barrier *b, int status) noexcept nogil
    uint64_t hs_barrier_arrive(
        hs_head *head, hs_barrier *b, hs_process *process, uint32_t parties, bint acts, int *raised
    )
    int hs_barrier_sleep(
        hs_head *head, hs_barrier *b, hs_process *process, uint64_t arrived, int64_t deadline
    )
