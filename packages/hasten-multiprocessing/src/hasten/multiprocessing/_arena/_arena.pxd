from libc.stdint cimport uint32_t, uint64_t

cdef extern from "../_arena/_memory.h":
    ctypedef struct hs_process:
        uint64_t id
        unsigned int forks
        unsigned int shared
    ctypedef struct hs_head:
        uint32_t portable
    uint64_t hs_process_id(hs_process *p) noexcept nogil


cdef class Arena:
    cdef hs_head *head
    cdef size_t bytes
    cdef int fd
    cdef uint64_t device
    cdef uint64_t inode
    cdef unsigned int forks  # of the process that made it; only there it has free slots
    cdef bint received
    cdef uint32_t unused     # where those slots begin that nobody ever had
    cdef uint32_t free       # the first free one; each names the next, 0 is none
    cdef object __weakref__

    cdef bint is_open(self) noexcept


cdef class Slot:
    cdef void *address
    cdef Arena arena
    cdef unsigned int shared  # how many forks there were when it was made
    cdef bint sent


cdef hs_process *this_process() noexcept
cdef Slot new_slot()
