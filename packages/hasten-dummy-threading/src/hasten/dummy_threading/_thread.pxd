cdef class Thread:
    cdef public object _target
    cdef public object _args
    cdef public object _kwargs
    cdef readonly object _stderr
    cdef object context
    cdef object title
    cdef object number
    cdef object system_number
    cdef bint initialized
    cdef bint begun
    cdef bint ended
    cdef bint daemonic
    cdef int check(self, object error) except -1
