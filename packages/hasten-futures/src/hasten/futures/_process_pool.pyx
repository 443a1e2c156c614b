# cython: freethreading_compatible=True
"""The calls of a ProcessPoolExecutor in the parent: from submit() into the ring, and from a result to its
future.

Invariants:

- A call is in `pending`, under its number, from submit() until its outcome is known or it is cancelled.  The
  thread that removes it settles its future.
- Calls are put into the ring in the order of their numbers, by one thread at a time: one that submits, or one
  that has taken results and thereby made room.  A second thread leaves its calls to the first.
- A call in `backlog` has not been pickled (unless there was no room for it), so cancelling it is cheap.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from sleep cimport hs_wakes
from timeout cimport hs_expired
from hasten.futures._future cimport (
    CANCELLED,
    FINISHED,
    RUNNING,
    FutureState,
    invoke_callbacks,
    is_ours,
    is_plain,
    may_send,
    new_pooled,
    new_pooled_state,
    settle,
    state_of,
)
from hasten.futures._waiting cimport wake

import os
from collections import deque
from concurrent.futures._base import LOGGER as logger


@cython.final
@cython.no_gc  # referenced by `pending` only, which is always emptied
@cython.freelist(256)
cdef class WorkItem:
    """A call that has no outcome yet: its future, the function and its arguments.

    options: the WithOptions of executor.options(), or None.  tries: how often its worker was lost.
    """

    cdef public object future, fn, args, kwargs, options
    cdef public int tries
    cdef list pieces  # of its pickle, when there was no room for it


cdef class Calls:
    """The calls of one executor.

    pending: number -> WorkItem.  tasks: the parent's side of the ring.  encode(fn, args, kwargs) makes the
    pieces of a task; loads(data) unpickles a result of kind *ok*.
    """

    cdef readonly dict pending
    cdef readonly object backlog       # numbers
    cdef readonly uint64_t last        # the number of the newest call
    cdef public object tasks
    cdef public object on_forgotten    # called when a call was cancelled
    cdef public object on_kill         # called with the number of a call whose worker is to be killed
    cdef public object on_failure      # called with (item, error): a call could not be sent
    cdef public Py_ssize_t most_tasks, most_bytes, workers
    cdef public Py_ssize_t idle        # workers that have finished a call and were given none since
    cdef public object take_for, recall, notify, arrived  # see hasten.multiprocessing._pool._pump
    cdef public bint waited_for        # whether a thread slept in result() for the last outcome
    cdef public bint over              # whether no more calls are sent
    cdef object encode, loads
    cdef int ok                        # the kind of a result
    cdef object pid
    cdef hs_mutex guard
    cdef bint sending, again

    def __init__(self, tasks, encode, loads, int ok, Py_ssize_t most_tasks, Py_ssize_t most_bytes):
        self.tasks, self.encode, self.loads, self.ok = tasks, encode, loads, ok
        self.most_tasks, self.most_bytes = most_tasks, most_bytes
        self.pending, self.backlog = {}, deque()
        self.pid = os.getpid()

    # ---- from submit() to the ring ----

    def add(self, fn, tuple args, dict kwargs, options):
        """Register a new call; its future.  send() puts it into the ring."""
        cdef FutureState state = new_pooled_state()
        cdef WorkItem item = WorkItem.__new__(WorkItem)
        hs_mutex_lock(&self.guard)
        self.last += 1
        state.number = self.last
        hs_mutex_unlock(&self.guard)
        state.remote = self
        item.future = future = new_pooled(state)
        item.fn, item.args, item.kwargs, item.options = fn, args, kwargs, options
        self.pending[state.number] = item
        self.backlog.append(state.number)
        return future

    def withdraw(self, future):
        """Forget a call whose submit() has failed."""
        cdef FutureState state = state_of(future)
        self.pending.pop(state.number, None)
        state.remote = None

    def send(self):
        """Move calls from the backlog into the ring while there is room.  Does not block."""
        cdef bint sending
        cdef object raised = None
        while self.backlog:
            hs_mutex_lock(&self.guard)
            sending, self.sending = self.sending, True
            self.again = sending
            hs_mutex_unlock(&self.guard)
            if sending:
                break
            try:
                while self.send_next():
                    pass
            except BaseException as error:  # its future has failed; go on with the other calls
                raised = error
                self.again = True
            finally:
                hs_mutex_lock(&self.guard)
                self.sending = False
                hs_mutex_unlock(&self.guard)
            if not self.again:
                break
        if raised is not None:
            raise raised

    cdef bint send_next(self) except -1:
        """Put the next call into the ring; whether to try another one."""
        cdef uint64_t number
        cdef WorkItem item
        try:
            number = self.backlog.popleft()
        except IndexError:
            return False
        item = self.pending.get(number)
        if item is None:
            return True
        try:
            if self.put(number, item):
                return True
        except BaseException as error:
            if self.pending.pop(number, None) is not None:
                self.on_failure(item, error)
            if isinstance(error, Exception):
                return True
            raise
        self.backlog.appendleft(number)
        return False

    cdef bint put(self, uint64_t number, WorkItem item) except -1:
        """False if there is no room."""
        cdef list pieces = item.pieces
        cdef Py_ssize_t size = 0, limit = self.most_tasks
        if pieces is None:
            pieces = self.encode(item.fn, item.args, item.kwargs)
            if self.over:
                return False
            if is_ours(item.future) and not may_send(state_of(item.future)):
                return True
            self.tasks.open(number)
        for piece in pieces:
            size += len(piece)
        if size >= 1024:
            limit = max(self.workers + 1, self.most_bytes // size)
        if self.tasks.put(number, pieces, limit, False):
            item.pieces = None
            return True
        # copy pieces that may change until there is room
        item.pieces = [piece if type(piece) is bytes else bytes(piece) for piece in pieces]
        return False

    # ---- what a future asks (see _future.pyx) ----

    def has_begun(self, number):
        """Whether a worker has that call."""
        return self.tasks.has_begun(number)

    def call_off(self, number):
        """Cancel a call before a worker takes it; False if one has."""
        return os.getpid() != self.pid or self.tasks.call_off(number)

    def kill(self, number):
        """Kill the worker that runs that call; False if none does."""
        return os.getpid() == self.pid and self.on_kill(number)

    def number_of(self, future):
        """The number of the call of a future."""
        return state_of(future).number

    def wait_for(self, FutureState state, int64_t deadline):
        """Wait at the ring for the outcome of a call, and settle its future, while this thread may wait
        there.

        Anything but a plain result is left to the result thread.  Signal handlers run; if one raises, so does
        this.  Returns also if the future is not done: the caller then waits for the future.
        """
        cdef WorkItem item
        while state.state < CANCELLED and not hs_expired(deadline):
            item = self.pending.get(state.number)
            if item is None:
                return
            arrival = self.take_for(item, state.number, deadline)
            if arrival is False:
                break
            if arrival is not None:
                self.settle_own(item, state, arrival, deadline)
            elif self.arrived:  # not for us
                self.notify()
            if self.backlog:  # a call is made again
                self.send()
            PyErr_CheckSignals()
        if state.state < CANCELLED:
            self.recall()

    cdef int settle_own(self, WorkItem item, FutureState state, tuple arrival, int64_t deadline) except -1:
        """Settle the future for which this thread waits.

        An exception during unpickling may come from a signal handler, so the result thread, where none runs,
        unpickles again and decides.
        """
        cdef object reason = None
        if arrival[1] == self.ok and is_plain(item.future, state) and state.callbacks is None:
            try:
                value = self.loads(arrival[2])
            except BaseException as error:
                reason = error
            else:
                self.idle += 1
                self.settle(item, value, None)
                try:
                    self.on_forgotten()
                except BaseException:  # Ctrl-C
                    self.on_forgotten()
                    raise
                return 0
        self.arrived.appendleft(arrival)
        self.notify()
        if reason is not None:
            if isinstance(reason, KeyboardInterrupt):
                raise reason
            state.park_until_done(deadline)
            if state.error is None:
                raise reason
        return 0

    def forget(self, number):
        """Called after the future of that call was cancelled."""
        self.pending.pop(number, None)
        self.recall()
        self.on_forgotten()

    # ---- outcomes ----

    def deliver(self, failure):
        """Settle the futures of the arrived outcomes, (item, kind, data).

        failure(kind, data) makes an exception from a record that is not a result.
        """
        cdef WorkItem item
        while self.arrived:
            item, kind, data = self.arrived.popleft()
            value = error = None
            try:
                if kind is not None and <int>kind == self.ok:
                    self.idle += 1
                    try:
                        value = self.loads(data)
                    except BaseException as reason:  # unpickling runs the program's code
                        error = failure(self.ok, reason)
                else:
                    self.idle += kind is not None
                    error = failure(kind, data)
            except BaseException as reason:
                error = reason
            data = None
            self.settle(item, value, error)

    def settle(self, WorkItem item, value, error):
        """Set the outcome of a call that was removed from `pending`."""
        try:
            self.waited_for = settle_future(item.future, value, error)
        except BaseException:  # of a callback, or of a method that a program has replaced
            logger.exception("exception telling the outcome of %r", item.future)

    def repeat(self, WorkItem item):
        """Queue a lost call again, first in the backlog; its new number."""
        cdef FutureState state = state_of(item.future)
        item.tries += 1
        item.pieces = None
        hs_mutex_lock(&self.guard)
        self.last += 1
        number = self.last
        hs_mutex_unlock(&self.guard)
        self.pending[number] = item
        resend(state, number)
        self.backlog.appendleft(number)  # before the calls submitted later
        return number


cdef void resend(FutureState state, uint64_t number) noexcept:
    """Mark the call as not sent, under a new number."""
    hs_mutex_lock(&state.guard)
    state.number, state.sent = number, False
    hs_mutex_unlock(&state.guard)


cdef int settle_future(future, value, error) except -1:
    """Set a future's outcome, unless it has one.  Whether exactly one thread slept in its result()."""
    cdef hs_wakes due
    cdef bint waited_for = False
    cdef FutureState state = state_of(future)
    due.count = 0
    state.remote = None
    if not is_plain(future, state):
        if state.has_ended():
            return 0
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
        return 0
    if settle(future, state, FINISHED, RUNNING, value, error, &due):
        waited_for = due.count == 1
        wake(&due)
        invoke_callbacks(future, state)
    return waited_for
