# cython: freethreading_compatible=True
"""Queue, LifoQueue and PriorityQueue: ordinary Python classes whose C state is a QueueState (see state.h).

They are subclasses of the standard library's, so that isinstance() holds for either; every method is ours.
The three differ in the order in which the state returns items.
"""

import queue as stdlib
import sys
from types import GenericAlias

from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from libc.stdint cimport int64_t

from clock cimport HS_NEVER
from compat cimport hs_load, hs_mutex_lock, hs_store
from state cimport hs_state_class, hs_state_class_init, hs_state_exists, hs_state_of, hs_state_set
from hasten.queue._items cimport OPENED, PRIORITY, SHARED, WATCHED, note_attribute
from hasten.queue._items import register_base
from hasten.queue._names cimport replaced_threading
from hasten.queue._monitor cimport ALL_TASKS_DONE, MUTEX, NOT_EMPTY, NOT_FULL
from hasten.queue._operations cimport QueueState, get_direct, is_direct, put_direct
from hasten.queue._ring cimport take_over
from hasten.queue._waiting cimport deadline_of, unpark_all

cdef extern from "Python.h":
    bint PyType_IsSubtype(PyTypeObject *type, PyTypeObject *base)

include "attributes.pxi"

cdef hs_state_class states
cdef bint instances_hooked = False  # whether any instance ever had a hook as an attribute

cdef QueueState any_state = QueueState.__new__(QueueState)
hs_state_class_init(&states, "_queue_state", any_state, &any_state.slot)


cdef inline QueueState state_of(queue):
    return <QueueState>hs_state_of(&states, queue)


cdef QueueState begin(queue, maxsize):
    """Give the queue a new state.  Threads that use the old one keep it."""
    cdef QueueState state = QueueState.__new__(QueueState)
    if PyType_IsSubtype(Py_TYPE(queue), <PyTypeObject *>priority_queue):
        state.special |= PRIORITY
        state.lifo = state.ordered = True  # the ring is a stack, with the root of the heap at the left
    elif PyType_IsSubtype(Py_TYPE(queue), <PyTypeObject *>lifo_queue):
        state.lifo = True
    state.set_limit(maxsize)
    if instances_hooked and hs_state_exists(&states, queue):
        state.hooked_instance = state_of(queue).hooked_instance
    hs_state_set(&states, queue, state)
    state.find_hooks(queue)
    if replaced_threading() is not None:
        state.share(queue)
    return state


cdef QueueState state_for_setting(queue):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    return state_of(queue) if hs_state_exists(&states, queue) else begin(queue, 0)


# the standard library's instance attributes, in its order
ATTRIBUTES = (
    "maxsize", "queue", "mutex", "not_empty", "not_full", "all_tasks_done", "unfinished_tasks", "is_shutdown",
)  # fmt: skip


class Queue(stdlib.Queue):
    """A first-in, first-out queue for any number of threads.

    A put() into a queue that holds *maxsize* items blocks until there is room; with a *maxsize* of
    zero or less it never blocks.  Every method may be called from any thread, from signal handlers
    and from finalizers.
    """

    __module__ = "hasten.queue"
    __class_getitem__ = classmethod(GenericAlias)
    if sys.version_info >= (3, 11):
        __getstate__ = attributes_as_state  # before 3.11, a copy shares the state

    def __init__(self, maxsize=0):
        if begin(self, maxsize).own_maxsize:
            self.maxsize = maxsize
        self._init(maxsize)

    def __setattr__(self, name, value, /):
        """Set an attribute, and notice a hook."""
        super(Queue, self).__setattr__(name, value)
        notice(self, name)

    def __delattr__(self, name, /):
        """Delete an attribute, and notice a hook."""
        super(Queue, self).__delattr__(name)
        notice(self, name)

    # ---- the hooks that subclasses may override; called with the queue's lock held ----

    def _init(self, maxsize):
        """Start empty.  A subclass may set `self.queue` to a container of its own here."""
        state_for_setting(self).start(self, maxsize)

    def _qsize(self):
        """Return the number of items."""
        return state_of(self).count()

    def _put(self, item):
        """Store *item*."""
        state_of(self).base_put(item)

    def _get(self):
        """Remove and return the next item.  IndexError if there is none."""
        return state_of(self).base_take()

    # ---- put and get ----

    def put(self, item, block=True, timeout=None):
        """Put *item* into the queue.

        If the queue is full, wait until there is room: without limit, or at most *timeout* seconds
        (any real number), then raise Full.  With a false *block* raise Full at once.

        Raises ShutDown after shutdown(), also when that happens during the wait.
        """
        cdef QueueState state = state_of(self)
        # as in the standard library, an invalid timeout is an error even if there is room
        if (timeout is not None and block and state.limit > 0) or not put_direct(state, self, item):
            state.put_waiting(self, item, block, timeout)

    def put_nowait(self, item):
        """Put *item* into the queue if there is room, else raise Full."""
        cdef QueueState state = state_of(self)
        is_direct(state, self)  # updates put_overridden
        if state.put_overridden or not put_direct(state, self, item):
            return self.put(item, block=False)

    def get(self, block=True, timeout=None):
        """Remove and return the next item.

        If the queue is empty, wait until there is one: without limit, or at most *timeout* seconds
        (any real number), then raise Empty.  With a false *block* raise Empty at once.

        Raises ShutDown if the queue is empty and shutdown() was called, also during the wait.
        """
        cdef QueueState state = state_of(self)
        cdef PyObject *item
        if timeout is None or not block:
            item = get_direct(state, self)
            if item != NULL:
                return take_over(item)
        return state.get_waiting(self, block, timeout)

    def get_nowait(self):
        """Remove and return the next item if there is one, else raise Empty."""
        cdef QueueState state = state_of(self)
        cdef PyObject *item
        is_direct(state, self)  # updates get_overridden
        if not state.get_overridden:
            item = get_direct(state, self)
            if item != NULL:
                return take_over(item)
        return self.get(block=False)

    def put_many(self, items, block=True, timeout=None):
        """Put all *items*, an iterable, in order, and return how many they were.

        Like a put() for each, at less cost; items of other threads may come in between.  *timeout* is for the
        whole call.  The iterable is exhausted before the first item is put.

        If this raises (Full, ShutDown, or what a signal handler raised), the exception's attribute
        `remaining` is the list of the items that were not put.
        """
        cdef QueueState state = state_of(self)
        cdef list todo = list(items)
        cdef Py_ssize_t done = 0
        cdef int64_t deadline = HS_NEVER
        if block and timeout is not None:
            deadline = deadline_of(timeout)
        try:
            while done < len(todo):
                done += state.put_slice(self, todo, done)
                if done < len(todo):
                    state.put_before(self, todo[done], block, deadline)
                    done += 1
        except BaseException as error:
            error.remaining = todo[done:]
            raise
        return done

    def get_many(self, max, block=True, timeout=None):
        """Remove and return up to *max* items as a list, in order.

        Waits for the first one as get() does, with the same errors, and never for the others.  If a hook of a
        subclass raises after that, the exception's attribute `taken` is the list of the items taken so far.
        """
        cdef QueueState state = state_of(self)
        cdef list taken
        cdef Py_ssize_t most = max
        if most < 1:
            raise ValueError(f"max must be at least 1, not {max!r}")
        taken = state.take_slice(self, most)
        if not taken:
            taken.append(self.get(block, timeout))
            taken += state.take_slice(self, most - 1)
        if not is_direct(state, self) or state.get_overridden:
            state.take_more(self, taken, most)
        return taken

    # ---- tasks, and the end ----

    def task_done(self):
        """Report that an item taken by get() has been processed.

        join() returns when that is so for all items that were put.  ValueError if called more often than
        there were items.
        """
        state_of(self).task_done(self)

    def join(self, timeout=None):
        """Wait until every item that was put has been reported by task_done().

        Returns True; or False if that did not happen within *timeout* seconds.
        """
        return state_of(self).join(self, timeout)

    def shutdown(self, immediate=False):
        """Make put() raise ShutDown from now on, and get() as soon as the queue is empty.

        With *immediate* the queue is emptied first, and its items count as done.  Threads that are
        blocked in put(), get() or join() are woken.
        """
        state_of(self).shutdown(self, immediate)

    # ---- size ----

    def qsize(self):
        """Return the number of items; another thread may change it at any time."""
        return state_of(self).size_now(self)

    def empty(self):
        """Whether there is no item; another thread may change that at any time."""
        return not state_of(self).size_now(self)

    def full(self):
        """Whether there is no room; another thread may change that at any time."""
        cdef QueueState state = state_of(self)
        return 0 < state.maxsize_of(self) <= state.size_now(self)

    # ---- attributes ----

    @property
    def maxsize(self):
        """The number of items at which put() blocks; zero or less: never.  Can be set."""
        return state_of(self).the_maxsize()

    @maxsize.setter
    def maxsize(self, value):
        cdef QueueState state = state_for_setting(self)
        state.set_limit(value)
        if state.special & SHARED:
            return
        hs_mutex_lock(&state.guard)
        unpark_all(&state.putters, &state.guard)

    @property
    def unfinished_tasks(self):
        """The number of items put and not yet reported by task_done()."""
        return state_of(self).unfinished

    @unfinished_tasks.setter
    def unfinished_tasks(self, value):
        state_for_setting(self).unfinished = value

    @property
    def is_shutdown(self):
        """Whether shutdown() was called."""
        return bool(hs_load(&state_of(self).shut))

    @is_shutdown.setter
    def is_shutdown(self, value):
        hs_store(&state_for_setting(self).shut, value)

    @property
    def queue(self):
        """The container that holds the items: a deque, or a list in a LIFO or priority queue.

        Reading it makes this queue slower for good: from then on the items are in that container.
        """
        cdef QueueState state = state_of(self)
        state.open(self)
        return state.the_container()

    @queue.setter
    def queue(self, container):
        cdef QueueState state = state_for_setting(self)
        state.set_container(container)
        state.set_special(OPENED, OPENED)
        state.clear_ring()

    @property
    def mutex(self):
        """The lock that guards the queue, as in the standard library.

        Reading it makes this queue slower for good: from then on every operation acquires it.
        """
        return shared(state_of(self), self).mutex_

    @mutex.setter
    def mutex(self, value):
        shared(state_for_setting(self), self).replace(MUTEX, value)

    @property
    def not_empty(self):
        """The condition over `mutex` that is notified when an item has been put."""
        return shared(state_of(self), self).not_empty_

    @not_empty.setter
    def not_empty(self, value):
        shared(state_for_setting(self), self).replace(NOT_EMPTY, value)

    @property
    def not_full(self):
        """The condition over `mutex` that is notified when an item has been removed."""
        return shared(state_of(self), self).not_full_

    @not_full.setter
    def not_full(self, value):
        shared(state_for_setting(self), self).replace(NOT_FULL, value)

    @property
    def all_tasks_done(self):
        """The condition over `mutex` that is notified when no task is unfinished."""
        return shared(state_of(self), self).all_tasks_done_

    @all_tasks_done.setter
    def all_tasks_done(self, value):
        shared(state_for_setting(self), self).replace(ALL_TASKS_DONE, value)


show_attributes(Queue, "_queue_state", ATTRIBUTES)


class PriorityQueue(Queue, stdlib.PriorityQueue):
    """The smallest item leaves first.

    Items need `<`; usually they are tuples (priority, data).
    """

    __module__ = "hasten.queue"


class LifoQueue(Queue, stdlib.LifoQueue):
    """The item put last leaves first."""

    __module__ = "hasten.queue"


cdef object priority_queue = PriorityQueue, lifo_queue = LifoQueue


cdef int notice(queue, name) except -1:
    global instances_hooked
    if name in WATCHED:
        instances_hooked = True
        note_attribute(state_for_setting(queue), queue, name)
    return 0


cdef QueueState shared(QueueState state, queue):
    """The state, with a mutex and conditions."""
    state.share(queue)
    return state


register_base(Queue)
