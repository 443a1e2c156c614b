from libc.stdint cimport int64_t, uint64_t

from park cimport hs_waitlist
from hasten.queue._items cimport Items


cdef enum Part:
    MUTEX, NOT_EMPTY, NOT_FULL, ALL_TASKS_DONE


cdef class Absent:
    cdef object mutex
    cdef set threads

    cdef bint has_caller(self) except -1
    cdef object come_back(self)


cdef class Monitor(Items):
    cdef hs_waitlist getters, putters, joiners  # parked in get(), put(), join()
    cdef hs_waitlist entering                   # parked until the gate opens
    cdef uint64_t owner                         # hs_thread_number() of the thread inside the gate, or 0
    cdef unsigned int owner_forks               # the fork count when it entered
    cdef bint shares_inside                     # the owner made the mutex while inside, and holds both
    cdef int under_way                          # items that store() has not returned for yet
    cdef Py_ssize_t unfinished                  # items put and not yet reported by task_done()
    cdef object mutex_, not_empty_, not_full_, all_tasks_done_
    cdef list replaced                          # mutexes and conditions that a program replaced; or None
    cdef Absent absent                          # threads waiting in a condition written in Python; or None
    cdef object entered                         # the condition whose lock the thread inside has acquired
    cdef list late                              # put by the owner while it was inside

    cdef bint inside(self) noexcept
    cdef int enter(self, bint signals=*) except -1
    cdef void open_gate(self) noexcept
    cdef int leave(self, queue) except -1
    cdef int wait(self, queue, hs_waitlist *list, int64_t deadline) except -1
    cdef int wait_for_condition(self, hs_waitlist *list, int64_t deadline) except -1
    cdef int notify(self, hs_waitlist *list) except -1
    cdef int notify_all(self, hs_waitlist *list) except -1
    cdef int accept(self, queue, item) except -1
    cdef object accept_late(self, queue)
    cdef object condition_of(self, hs_waitlist *list)
    cdef int share(self, queue) except -1
    cdef int publish(self, bint held) except -1
    cdef int open(self, queue) except -1
    cdef int replace(self, Part part, value) except -1
