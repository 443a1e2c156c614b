from libc.stdint cimport int64_t, uint64_t

from state cimport hs_state_slot
from hasten.multiprocessing._arena._arena cimport Slot, hs_head, hs_process


cdef class SemLock:
    cdef hs_state_slot *place
    cdef void *address
    cdef hs_head *head
    cdef hs_process *process
    cdef Slot slot
    cdef Slot due            # a notified condition whose waiters release() has to wake
    cdef int due_count
    cdef readonly int kind
    cdef int mode
    cdef readonly unsigned int maxvalue
    cdef int held            # semaphores: units that this process holds,
    cdef unsigned int forks  # ... counted since the fork of this number,
    cdef uint64_t thread     # ... last taken by this thread
    cdef bint inherited
    cdef uint64_t seen       # the holder that acquire(False) has checked last, and when
    cdef int64_t seen_at

    cdef bint take_now(self) noexcept
    cdef bint take(self, int64_t deadline) except -1
    cdef int give(self) except -1
    cdef bint inherit_now(self) noexcept
    cdef bint note(self, int change) noexcept
    cdef void give_and_wake(self) noexcept
    cdef void wake_later(self, Slot slot, int count) noexcept
    cdef bint is_mine(self) noexcept
    cdef int depth(self) noexcept
    cdef int give_all(self) noexcept
    cdef int take_back(self, int depth, bint raised) except -1


cdef enum:
    RECURSIVE = 0
    EXCLUSIVE = 1
    COUNTED = 2

cdef SemLock new_semlock(int mode, unsigned int value, unsigned int maxvalue)
