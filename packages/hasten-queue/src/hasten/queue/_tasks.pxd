from libc.stdint cimport int64_t

from hasten.queue._monitor cimport Monitor


cdef class Tasks(Monitor):
    cdef object task_done(self, queue)
    cdef object task_done_inside(self, queue)
    cdef object join(self, queue, timeout)
    cdef object join_inside(self, queue, int64_t deadline)
