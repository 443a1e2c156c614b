cdef int show_attributes(cls, hidden, names) except -1
