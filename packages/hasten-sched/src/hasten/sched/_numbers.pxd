cdef bint as_double(number, double *value) noexcept
cdef bint as_long(number, long *value) noexcept
cdef bint is_real(value) except -1
