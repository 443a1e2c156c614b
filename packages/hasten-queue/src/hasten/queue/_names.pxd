from libc.stdint cimport int64_t

cdef object empty()
cdef object full()
cdef object shut_down()
cdef object deque_class()
cdef object replaced_threading()
cdef object replaced_heappush()
cdef object replaced_heappop()
cdef object end_by_replaced_clock(timeout)
cdef int64_t sooner(end, int64_t deadline) except -1
