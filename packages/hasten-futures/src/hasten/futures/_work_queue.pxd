cimport cython

from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes
from state cimport hs_state_slot
from hasten.futures._future cimport FutureState
from libc.stdint cimport int64_t


# A worker, on the heap: in a forked child the stacks of other threads are gone.
cdef struct worker:
    worker *previous
    worker *next
    unsigned long ident
    unsigned int forks
    void *task       # FutureState of the running call
    void *future     # its future
    bint idle        # whether it counts as idle


@cython.final
cdef class WorkQueue:
    cdef object __weakref__
    cdef hs_state_slot *slot      # state.h's: the queue is its executor's state
    cdef hs_mutex guard
    cdef void *first              # states of the futures that wait; the queue owns a reference to each
    cdef void *last
    cdef Py_ssize_t length
    cdef hs_waitlist asleep       # idle workers
    cdef worker *workers
    cdef Py_ssize_t started       # workers that were requested and have not ended
    cdef Py_ssize_t idle
    cdef dict reserved            # ids of the references of workers that were requested and have not begun
    cdef bint closed              # whether it accepts no more tasks
    cdef bint abandoned           # the executor is gone
    cdef object broken            # None, or the message of a broken pool
    cdef object cause
    cdef object broken_class
    cdef object owner             # weak reference to the executor
    cdef object resolve           # a function that makes a task from a call; None: not needed
    cdef object max_workers       # as given by the program
    cdef object replaced          # the queue that a program has put in place of this one, or None
    cdef object idle_workers      # `_idle_semaphore`
    cdef bint adjusts             # _adjust_thread_count() is overridden: call it for each task

    cdef object breakage(self)
    cdef object get_broken(self)
    cdef int set_cause(self, cause) except -1
    cdef int reserve(self, reference) except -1
    cdef int unreserve(self, reference) except -1


cdef WorkQueue queue_of(executor)
cdef bint uses_items(WorkQueue self) except -1
cdef bint push(WorkQueue self, future, FutureState state) except -1
cdef bint withdraw(WorkQueue self, FutureState state) noexcept
cdef FutureState take(WorkQueue self, worker *me, int64_t deadline, hs_wakes *due)
cdef object future_of(FutureState state)
cdef worker *enter(WorkQueue self, reference) except NULL
cdef void leave(WorkQueue self, worker *me) noexcept
cdef FutureState pop(WorkQueue self)
