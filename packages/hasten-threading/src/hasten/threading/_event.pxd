cdef int raise_flag(event) except -1
cdef bint is_raised(event) except -1
