from libc.stdint cimport int64_t, uint64_t

from hasten.multiprocessing._transport._ring cimport Record, Ring

cdef int put_object(Ring ring, object obj, uint64_t limit, bint block, int64_t deadline) except -1
cdef int put_pickle(Ring ring, object data, uint64_t limit, bint block, int64_t deadline) except -1
cdef object object_of(Record *record)
cdef object pickle_of(Record *record)

# Raised by put_object() for an object that can't be pickled; `error` is the pickler's exception.
cdef class NotPicklable(Exception):
    cdef readonly object error
