# cython: freethreading_compatible=True
"""Counting what was put and is not done yet: task_done() and join()."""

from libc.stdint cimport int64_t

from compat cimport hs_mutex_lock, hs_mutex_unlock
from hasten.queue._items cimport SHARED
from hasten.queue._monitor cimport Monitor
from hasten.queue._waiting cimport deadline_of, expired, park, unpark_all


cdef class Tasks(Monitor):
    """The part of a queue that tells producers when their items have been dealt with."""

    cdef object task_done(self, queue):
        hs_mutex_lock(&self.guard)
        if self.special & SHARED:
            hs_mutex_unlock(&self.guard)
            return self.task_done_inside(queue)
        if self.unfinished <= 0:
            hs_mutex_unlock(&self.guard)
            raise ValueError("task_done() called too many times")
        self.unfinished -= 1
        if self.unfinished == 0 and self.joiners.head != NULL:
            unpark_all(&self.joiners, &self.guard)
        else:
            hs_mutex_unlock(&self.guard)

    cdef object task_done_inside(self, queue):
        self.enter()
        try:
            if self.unfinished <= 0:
                raise ValueError("task_done() called too many times")
            if self.unfinished == 1:
                self.notify_all(&self.joiners)  # first, because it may be interrupted
            self.unfinished -= 1
        finally:
            self.leave(queue)

    cdef object join(self, queue, timeout):
        cdef int64_t deadline = deadline_of(timeout)
        cdef bint done
        while True:
            hs_mutex_lock(&self.guard)
            if self.special & SHARED:
                hs_mutex_unlock(&self.guard)
                return self.join_inside(queue, deadline)
            done = self.unfinished <= 0
            if done or expired(deadline):
                hs_mutex_unlock(&self.guard)
                return done
            park(&self.joiners, &self.guard, deadline)

    cdef object join_inside(self, queue, int64_t deadline):
        self.enter()
        try:
            while self.unfinished > 0 and not expired(deadline):
                self.wait(queue, &self.joiners, deadline)
            return self.unfinished <= 0
        finally:
            self.leave(queue)
