from libc.stdint cimport int64_t, uint32_t, uint64_t

from shm_ring cimport hs_piece, hs_ring

cdef enum:
    PICKLE = 0      # the kinds of records; what they hold is in _records.pyx
    NONE
    TRUE
    FALSE
    INTEGER
    FLOAT
    BYTES
    TEXT
    BYTEARRAY       # from here on what is taken out is written to
    ARRAY
    OUT_OF_BAND

cdef enum:
    LARGE = 1 << 16  # bytes from which on the GIL is given up for the copying

cdef enum:
    FIRST_SLICE = 5000000   # ns; doubled each time, so that a signal that came before the sleep is soon seen

# The deadline, or the end of a slice, which is longer each time.
cdef int64_t sooner(int64_t deadline, int64_t *slice_) noexcept nogil

cdef class Ring:
    cdef hs_ring ring
    cdef uint32_t users
    cdef readonly bint open
    cdef public bint reader_closed, writer_closed  # by hand, in this process

    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef int put(
        self, int kind, hs_piece *pieces, int n, uint64_t length, uint64_t limit, bint block, int64_t deadline
    ) except -1
    cdef int put_inside(
        self, int kind, hs_piece *pieces, int n, uint64_t length, uint64_t limit, bint block, int64_t deadline
    ) except -1
    cdef int get(self, bint block, int64_t deadline, Record *record) except -1
    cdef int get_inside(self, bint block, int64_t deadline, Record *record) except -1
    cdef int get_large(self, Record *record, uint64_t length, int kind) except -1

cdef enum:
    SMALL = 4096

# What get() has taken: its bytes are in `small`, or in `large` if that is not NULL (bytes, or a bytearray
# for the kinds whose buffers are to be written to; a new reference).
ctypedef struct Record:
    int kind
    uint64_t length
    void *large
    char small[4096]
