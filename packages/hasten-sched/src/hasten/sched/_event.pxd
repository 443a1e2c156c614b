from libc.stdint cimport uint64_t

from hasten.sched._pending cimport hs_record


cdef object new_event(time, priority, uint64_t sequence, action, argument, kwargs)
cdef object event_of(hs_record *record)
cdef void point_into(event, hs_record *record) noexcept
cdef bint same_objects(hs_record *record, event) noexcept
cdef bint sequence_of(event, uint64_t *sequence) except -1
cdef int perform(hs_record *due) except -1
cdef bint as_double(number, double *value) noexcept
cdef bint as_long(number, long *value) noexcept
