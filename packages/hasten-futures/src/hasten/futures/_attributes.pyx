# cython: freethreading_compatible=True
"""Private attributes of an executor that programs use; their values are in its queue."""

from hasten.futures._work_queue cimport WorkQueue, queue_of

from hasten.futures._work_queue import IdleWorkers
from hasten.threading import Semaphore

include "attributes.pxi"


def show(cls):
    """Show these attributes in `vars()` of the instances of *cls*."""
    show_attributes(
        cls, "_pool_state", ("_work_queue", "_idle_semaphore", "_max_workers", "_shutdown", "_broken")
    )


def get_own_queue(executor):
    """The executor's own queue, even if a program has replaced it."""
    return queue_of(executor)


def get_queue(executor):
    """The queue of the executor's tasks: its own, or a program's replacement."""
    cdef WorkQueue self = queue_of(executor)
    return self if self.replaced is None else self.replaced


def set_queue(executor, queue):
    """Replace the queue by *queue*, an object with the methods of queue.Queue."""
    cdef WorkQueue self = queue_of(executor)
    self.replaced = None if queue is self else queue
    self.idle_workers = IdleWorkers(self) if queue is self else Semaphore(0)


def get_idle_workers(executor):
    """The semaphore of idle workers."""
    return queue_of(executor).idle_workers


def set_idle_workers(executor, semaphore):
    """Replace the semaphore of idle workers."""
    queue_of(executor).idle_workers = semaphore


def get_max_workers(executor):
    """The largest number of workers."""
    return queue_of(executor).max_workers


def set_max_workers(executor, number):
    """Set the largest number of workers; existing ones stay."""
    queue_of(executor).max_workers = number


def close(executor):
    """Accept no more tasks; the workers end when the queue is empty."""
    queue_of(executor)._close()


def is_closed(executor):
    """Whether the pool was shut down."""
    return queue_of(executor).closed


def set_closed(executor, closed):
    """Accept no more tasks, or accept them again."""
    cdef WorkQueue self = queue_of(executor)
    if closed:
        self._close()
    else:
        self.closed = False


def get_breakage(executor):
    """False, or the message of a broken pool."""
    broken = queue_of(executor).get_broken()
    return False if broken is None else broken


def set_breakage(executor, broken):
    """Break the pool with this message: refuse tasks, and fail the queued ones; False accepts tasks again."""
    queue_of(executor)._break(broken if broken else None, None)
