from libc.stdint cimport int64_t

from hasten.queue._monitor cimport Monitor


cdef class Tasks(Monitor):
    cdef object task_done_inside(self)
    cdef object join_inside(self, int64_t deadline)
