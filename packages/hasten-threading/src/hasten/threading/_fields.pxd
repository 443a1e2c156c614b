from compat cimport hs_mutex
from hasten.threading._waiting cimport sleepers


cdef class ThreadFields:
    cdef object __weakref__
    cdef hs_mutex guard
    cdef bint initialized
    cdef bint launched              # start() was called
    cdef bint begun                 # the thread has run
    cdef bint daemonic
    cdef unsigned long identifier   # 0 before the thread runs
    cdef unsigned long native       # its number in the kernel; 0 before the thread runs
    cdef object given_name          # None: made from `number` and the target when it is asked for
    cdef object number
    cdef object target, arguments, keywords, context, stderr
    cdef object handle              # hasten._thread's, made when it is needed
    cdef sleepers beginning         # who wait for the thread to run
    cdef object started             # what `_started` is, once somebody has asked for it

    cdef int check_initialized(self) except -1
    cdef object the_name(self)
    cdef object handle_if_any(self)
    cdef object the_handle(self)
    cdef int wait_until_begun(self) except -1
    cdef int end_handle(self) except -1
    cdef int mark_begun(self) except -1
    cdef object new_started(self)


cdef int check_daemon(daemonic, str where) except -1
