cimport cython

from compat cimport hs_mutex
from park cimport hs_waitlist
from sleep cimport hs_wakes
from hasten.futures._future cimport Future


# A worker, in memory that outlives its thread: after fork() the stacks of other threads are gone.
cdef struct worker:
    worker *previous
    worker *next
    unsigned long ident
    unsigned int forks
    void *task       # the future of the call that it makes now
    bint idle        # it counts as idle


@cython.final
cdef class WorkQueue:
    cdef object __weakref__
    cdef hs_mutex guard
    cdef void *first              # of the futures that wait; the queue owns a reference to each
    cdef void *last
    cdef Py_ssize_t length
    cdef hs_waitlist asleep       # idle workers
    cdef worker *workers
    cdef Py_ssize_t started       # workers that have been asked for and have not ended
    cdef Py_ssize_t idle
    cdef readonly bint closed     # takes no more tasks
    cdef bint abandoned           # the executor is gone
    cdef readonly object broken   # None, or what to tell whoever submits
    cdef object cause
    cdef object broken_class
    cdef object owner             # weak reference to the executor
    cdef object resolve           # what makes a task of a call, or None: the worker makes the call itself

    cdef object breakage(self)


cdef bint push(WorkQueue self, Future future) except -1
cdef bint withdraw(WorkQueue self, Future future) noexcept
cdef Future take(WorkQueue self, worker *me, hs_wakes *due)
cdef worker *enter(WorkQueue self) except NULL
cdef void leave(WorkQueue self, worker *me) noexcept
