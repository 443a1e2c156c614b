# cython: freethreading_compatible=True
"""Counting what was put and is not done yet: task_done() and join()."""

from libc.stdint cimport int64_t

from compat cimport hs_mutex_lock, hs_mutex_unlock
from hasten.queue._items cimport SHARED
from hasten.queue._monitor cimport Monitor
from hasten.queue._waiting cimport deadline_of, expired, sleep, wake_all


cdef class Tasks(Monitor):
    """The part of a queue that tells producers when their items have been dealt with."""

    def task_done(self):
        """Say that an item taken by get() has been dealt with.

        When all items that were ever put have been, join() returns.  ValueError if called more often
        than there were items.
        """
        hs_mutex_lock(&self.guard)
        if self.special & SHARED:
            hs_mutex_unlock(&self.guard)
            return self.task_done_inside()
        if self.unfinished <= 0:
            hs_mutex_unlock(&self.guard)
            raise ValueError("task_done() called too many times")
        self.unfinished -= 1
        if self.unfinished == 0 and self.joiners.head != NULL:
            wake_all(&self.joiners, &self.guard)
        else:
            hs_mutex_unlock(&self.guard)

    cdef object task_done_inside(self):
        self.enter()
        try:
            if self.unfinished <= 0:
                raise ValueError("task_done() called too many times")
            self.unfinished -= 1
            if self.unfinished == 0:
                self.notify_all(&self.joiners)
        finally:
            self.leave()

    def join(self, timeout=None):
        """Wait until every item that was put has been reported by task_done().

        Returns True; or False if that did not happen within *timeout* seconds.
        """
        cdef int64_t deadline = deadline_of(timeout)
        cdef bint done
        while True:
            hs_mutex_lock(&self.guard)
            if self.special & SHARED:
                hs_mutex_unlock(&self.guard)
                return self.join_inside(deadline)
            done = self.unfinished <= 0
            if done or expired(deadline):
                hs_mutex_unlock(&self.guard)
                return done
            sleep(&self.joiners, &self.guard, deadline)

    cdef object join_inside(self, int64_t deadline):
        self.enter()
        try:
            while self.unfinished > 0 and not expired(deadline):
                self.wait(&self.joiners, deadline)
            return self.unfinished <= 0
        finally:
            self.leave()

    @property
    def unfinished_tasks(self):
        """The number of items put and not yet reported by task_done()."""
        return self.unfinished

    @unfinished_tasks.setter
    def unfinished_tasks(self, value):
        self.unfinished = value
