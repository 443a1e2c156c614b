from hasten.threading._fields cimport ThreadFields


cdef class Thread(ThreadFields):
    cdef int claim_start(self) except -1
    cdef int launch(self) except -1
    cdef int begin(self) except -1
    cdef int run_in_context(self) except -1


cdef object current()
cdef int enter_limbo(thread) except -1
cdef int leave_limbo(thread) except -1
