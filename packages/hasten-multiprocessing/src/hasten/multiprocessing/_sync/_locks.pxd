cdef bint is_fork(ctx) except -1
