cdef object private_condition(owner)
