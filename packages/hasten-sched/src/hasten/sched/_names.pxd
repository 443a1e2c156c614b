cdef object heap()
cdef object replaced_event_class()
cdef object replaced_threading()
cdef bint parts_replaced() except -1
