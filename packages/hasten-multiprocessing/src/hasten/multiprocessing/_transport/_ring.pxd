from libc.stdint cimport int64_t, uint32_t, uint64_t

from shm_ring cimport hs_piece, hs_ring

cdef enum:
    PICKLE = 0      # the kinds of records, described in _records.pyx
    NONE
    TRUE
    FALSE
    INTEGER
    FLOAT
    BYTES
    TEXT
    BYTEARRAY       # from here on the bytes are returned in a bytearray, which is written to
    ARRAY
    OUT_OF_BAND

cdef enum:
    LARGE = 1 << 16  # bytes; larger records are copied without the GIL

cdef enum:
    FIRST_SLICE = 5000000   # ns; doubled each time: a signal just before the first sleep is handled soon

# The deadline or the end of the next slice, whichever is sooner; doubles the slice.
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

# A record that get() has taken.  Its bytes are in `small`, or, if that is not NULL, in `large`: a new
# reference to a bytes object, or to a bytearray for the kinds from BYTEARRAY on.
ctypedef struct Record:
    int kind
    uint64_t length
    void *large
    char small[4096]
