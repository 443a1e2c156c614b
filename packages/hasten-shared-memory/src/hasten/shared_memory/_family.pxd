from libc.stdint cimport uint64_t

cdef extern from "_table.h":
    uint64_t hs_table_name(const char *name) noexcept

cdef int note(uint64_t inode) except -1
cdef int note_again(uint64_t inode) except -1
cdef int note_new(uint64_t inode) except -1
cdef int forget(uint64_t inode) except -1
