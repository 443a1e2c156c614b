from libc.stdint cimport uint64_t

from park cimport hs_waitlist
from state cimport hs_state_slot
from hasten.sched._fallback cimport Fallback
from hasten.sched._pending cimport hs_record


cdef class SchedulerState(Fallback):
    cdef hs_state_slot *slot  # state.h's
    cdef hs_waitlist sleepers
    cdef uint64_t tops      # counts entries and cancellations that changed which event comes first
    cdef uint64_t sequence  # of the next event
    cdef bint shadowed      # enterabs is an attribute of the instance

    cdef void tell_sleepers(self) noexcept
    cdef object enter_at(self, time, priority, action, argument, kwargs)
    cdef object enter_in_list(self, time, priority, uint64_t sequence, action, argument, kwargs)
    cdef object keep_in_list(self, event)
    cdef bint add(self, double due, long rank, uint64_t sequence, event, bint implicit) except -1
    cdef int cancel(self, event) except -1
    cdef bint remove_from_agenda(self, event) except -1
    cdef bint remove_number(self, uint64_t sequence, event) except -1
    cdef void remove(self, hs_record *pending) noexcept
    cdef bint search_and_remove(self, event) except -1
    cdef object run(self, timefunc, delayfunc, blocking)
    cdef int take(self, now, hs_record *due) except -1
    cdef int take_from_agenda(self, double now, hs_record *due) noexcept
    cdef int compare_and_take(self, now, hs_record *due) except -1
    cdef int sleep_for(self, delay, uint64_t tops) except -1
    cdef bint nothing_pending(self) except -1
    cdef list in_order(self)


# The default of kwargs: the standard library's object, so that signatures and overridden methods agree
cdef object unset
