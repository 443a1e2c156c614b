from libc.stdint cimport int64_t

from park cimport hs_waitlist
from hasten.queue._items cimport Items


cdef class Monitor(Items):
    cdef hs_waitlist getters, putters, joiners  # asleep in get(), put(), join()
    cdef hs_waitlist entering                   # asleep until the gate is free
    cdef unsigned long owner                    # thread inside the gate, or 0
    cdef unsigned int owner_forks               # forks() when it went in
    cdef bint shares_inside                     # the owner made the mutex while inside, and holds both
    cdef Py_ssize_t unfinished                  # items put and not yet reported by task_done()
    cdef object mutex_, not_empty_, not_full_, all_tasks_done_
    cdef list replaced                          # mutexes that were in use before
    cdef object entered                         # the mutex that its holder came in by
    cdef list late                              # put by the owner of the gate while it was inside

    cdef bint inside(self) noexcept
    cdef int enter(self, bint interruptible=*) except -1
    cdef int leave(self) except -1
    cdef int leave_gate(self) noexcept
    cdef int wait(self, hs_waitlist *list, int64_t deadline) except -1
    cdef int notify(self, hs_waitlist *list) except -1
    cdef int notify_all(self, hs_waitlist *list) except -1
    cdef int accept(self, item) except -1
    cdef int accept_late(self) except -1
    cdef object condition_of(self, hs_waitlist *list)
    cdef int share(self) except -1
    cdef int publish(self, mutex) except -1
