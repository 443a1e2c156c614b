from hasten.sched._pending cimport Pending, hs_record

cdef enum:
    AGAIN = 0  # the events have moved between agenda and list: look in the other one
    NOTHING = 1
    DUE = 2
    LATER = 3


cdef class Fallback(Pending):
    cdef object lock          # of the list, while there is one
    cdef bint given           # the lock was set by a program
    cdef bint shown           # a program has seen the list or the lock: the list stays for good
    cdef unsigned int forks   # the fork count that the lock belongs to

    cdef object locked(self)
    cdef object show_list(self)
    cdef object show_lock(self)
    cdef int set_list(self, events) except -1
    cdef int set_lock(self, lock) except -1
    cdef int use_list(self) except -1
    cdef int use_agenda(self) except -1
    cdef bint push_on_list(self, event) except -1
    cdef int take_from_list(self, now, hs_record *due) except -1
    cdef bint remove_from_list(self, event) except -1
    cdef int look_at_list(self) except -1
    cdef list copy_of_list(self)
    cdef int empty_list(self) except -1


cdef Py_ssize_t position(list events, event) except -1
cdef object not_queued(event)
