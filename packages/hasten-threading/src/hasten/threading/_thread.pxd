cdef int claim(thread) except -1
cdef int leave_limbo(thread) except -1
