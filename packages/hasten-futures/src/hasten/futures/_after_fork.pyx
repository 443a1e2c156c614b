# cython: freethreading_compatible=True
"""Pools in a forked child, in which no worker exists except the one that may have forked.

The child's copies of running and queued futures fail, so that waiting for them does not hang.  Their
callbacks are not called: they belong to the parent.
"""

from libc.stdlib cimport free
from libc.string cimport memset

from hasten.futures._future cimport FutureState
from hasten.futures._work_queue cimport WorkQueue, future_of, pop, worker

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()


def forget_workers(WorkQueue self):
    """Forget the workers that do not exist any more, and fail their calls and the queued ones."""
    cdef worker *w = self.workers
    cdef worker *mine = NULL
    cdef worker *following
    cdef FutureState state
    memset(&self.guard, 0, sizeof(self.guard))
    while w != NULL:
        following = w.next
        if w.ident == PyThread_get_thread_ident():
            mine = w
        else:
            if w.task != NULL:
                fail_in_child(self, <FutureState>w.task, <object>w.future if w.future != NULL else None)
            free(w)
        w = following
    self.workers = mine
    self.started = self.idle = 0
    if mine != NULL:
        mine.previous = mine.next = NULL
        self.started, self.idle = 1, mine.idle
    self.reserved = {}
    state = pop(self)
    while state is not None:
        fail_in_child(self, state, future_of(state))
        state = pop(self)


cdef int fail_in_child(WorkQueue self, FutureState state, future) except -1:
    if future is None:  # a work item, which has its own future
        future = getattr(state.function, "future", None)
        state.function = None
        if future is not None and not future.done():
            future.set_exception(lost_in_fork(self))
        return 0
    memset(&state.guard, 0, sizeof(state.guard))
    state.condition = state.waiters = state.callbacks = None
    state.watches = NULL
    state.forget_call()
    if not state.is_done():
        future.set_exception(lost_in_fork(self))
    return 0


cdef object lost_in_fork(WorkQueue self):
    return self.broken_class("the worker of this call is a thread of the parent: fork() does not copy it")
