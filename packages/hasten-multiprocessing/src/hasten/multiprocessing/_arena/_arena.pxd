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
    cdef unsigned int forks  # fork count of the process that made it; only that one allocates
    cdef bint received
    cdef uint32_t unused     # offset of the slots that were never allocated
    cdef uint32_t free       # offset of the first free slot; each holds the next offset, 0 ends the list
    cdef object __weakref__

    cdef bint is_open(self) noexcept


cdef class Slot:
    cdef void *address
    cdef Arena arena
    cdef unsigned int shared  # hs_process.shared when it was made
    cdef bint sent


cdef hs_process *this_process() noexcept
cdef Slot new_slot()
