# cython: freethreading_compatible=True
"""What programs read and set of an executor: its private attributes, whose values are in its queue."""

from hasten.futures._work_queue cimport WorkQueue, queue_of

from hasten.futures._work_queue import IdleWorkers
from hasten.threading import Semaphore

include "attributes.pxi"


def show(cls):
    """Let `vars()` of the executors of class *cls* have the attributes whose values are in their queue."""
    show_attributes(
        cls, "_pool_state", ("_work_queue", "_idle_semaphore", "_max_workers", "_shutdown", "_broken")
    )


def get_own_queue(executor):
    """The queue that the executor began with."""
    return queue_of(executor)


def get_queue(executor):
    """What takes the executor's tasks: the queue, or what a program has put in its place."""
    cdef WorkQueue self = queue_of(executor)
    return self if self.replaced is None else self.replaced


def set_queue(executor, queue):
    """Let tasks go through *queue*, which has the methods of a queue.Queue."""
    cdef WorkQueue self = queue_of(executor)
    self.replaced = None if queue is self else queue
    self.idle_workers = IdleWorkers(self) if queue is self else Semaphore(0)


def get_idle_workers(executor):
    """What counts the idle workers."""
    return queue_of(executor).idle_workers


def set_idle_workers(executor, semaphore):
    """Let *semaphore* count the idle workers."""
    queue_of(executor).idle_workers = semaphore


def get_max_workers(executor):
    """How many workers there are at most."""
    return queue_of(executor).max_workers


def set_max_workers(executor, number):
    """Let there be at most *number* workers; those that there are stay."""
    queue_of(executor).max_workers = number


def close(executor):
    """Take no more tasks; the workers end when the queue is empty."""
    queue_of(executor)._close()


def is_closed(executor):
    """Whether the pool was shut down."""
    return queue_of(executor).closed


def set_closed(executor, closed):
    """Take no more tasks, or take them again."""
    cdef WorkQueue self = queue_of(executor)
    if closed:
        self._close()
    else:
        self.closed = False


def get_breakage(executor):
    """False, or why the pool is of no use any more."""
    broken = queue_of(executor).get_broken()
    return False if broken is None else broken


def set_breakage(executor, broken):
    """Refuse tasks with these words, and fail those that are queued; False takes tasks again."""
    queue_of(executor)._break(broken if broken else None, None)
