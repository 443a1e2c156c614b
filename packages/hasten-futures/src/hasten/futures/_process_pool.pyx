# cython: freethreading_compatible=True
"""The calls of a ProcessPoolExecutor on the parent's side: from submit() into the ring, and back to a future.

What holds:

- A call is in `pending`, under its number, from submit() until its outcome is known or it is cancelled.  Who
  removes it there settles its future.
- Calls go into the ring in the order of their numbers, by one thread at a time: whoever submits, or has just
  taken results and so made room.  Who comes while another is at it leaves it to that one.
- A call that waits in `backlog` has not been pickled.  Cancelling it costs nothing.
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
@cython.no_gc  # it is only in `pending`, which is emptied
@cython.freelist(256)
cdef class WorkItem:
    """A call that has no outcome yet: its future, the function and its arguments.

    options: what executor.options() was given, or None.  tries: how often its worker was lost.
    """

    cdef public object future, fn, args, kwargs, options
    cdef public int tries
    cdef list pieces  # of its pickle, when there was no room for it


cdef class Calls:
    """The calls of one executor.

    pending: number -> WorkItem.  tasks: the owner's side of the ring.  encode(fn, args, kwargs) makes the
    pieces of a task, loads(data) a result of kind *ok*.
    """

    cdef readonly dict pending
    cdef readonly object backlog       # numbers
    cdef readonly uint64_t last        # the number of the newest call
    cdef public object tasks
    cdef public object on_forgotten    # called when a call was cancelled
    cdef public object on_kill         # called with the number of a call whose worker is to be killed
    cdef public object on_failure      # called with (item, error): a call could not be sent
    cdef public Py_ssize_t most_tasks, most_bytes, workers
    cdef public Py_ssize_t idle        # workers that have finished a call, and none was given to them since
    cdef public object take_for, recall, notify, arrived  # see hasten.multiprocessing._pool._pump
    cdef public bint waited_for        # somebody slept in result() for the outcome that was told last
    cdef public bint over              # nothing is sent any more
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
        """A new call; its future.  send() sends it."""
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
        """Forget a call that nobody will make, and whose future nobody has."""
        cdef FutureState state = state_of(future)
        self.pending.pop(state.number, None)
        state.remote = None

    def send(self):
        """Put calls that wait into the ring, as long as there is room.  Does not block."""
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
            except BaseException as error:  # its call has failed; those that were left to us go all the same
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
        """Put one call; whether another one may be tried."""
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
        # what may change until there is room is copied
        item.pieces = [piece if type(piece) is bytes else bytes(piece) for piece in pieces]
        return False

    # ---- what a future asks (see _future.pyx) ----

    def has_begun(self, number):
        """Whether a worker has that call."""
        return self.tasks.has_begun(number)

    def call_off(self, number):
        """Let no worker have that call; False if one has it."""
        return os.getpid() != self.pid or self.tasks.call_off(number)

    def kill(self, number):
        """Kill the worker that has that call; False if none has it."""
        return os.getpid() == self.pid and self.on_kill(number)

    def number_of(self, future):
        """The number of the call of a future."""
        return state_of(future).number

    def wait_for(self, FutureState state, int64_t deadline):
        """Wait for the outcome of a call where results arrive, and settle its future, as long as one may.

        What is not a plain result is left to the result thread.  Signal handlers run, and what they raise
        ends the wait.
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
        """Settle the future of who waits.

        What unpickling raises may be of a signal handler that ran in it: the result thread, where none runs,
        tries again and decides.
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
        """The future of that call was cancelled."""
        self.pending.pop(number, None)
        self.recall()
        self.on_forgotten()

    # ---- outcomes ----

    def deliver(self, failure):
        """Settle the futures of what has arrived: (item, kind, data).

        failure(kind, data) makes an exception of what is no result.
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
        """The outcome of a call that is in `pending` no more."""
        try:
            self.waited_for = settle_future(item.future, value, error)
        except BaseException:  # of a callback, or of a method that a program has replaced
            logger.exception("exception telling the outcome of %r", item.future)

    def repeat(self, WorkItem item):
        """Send a call again that was lost.  It counts as a new one, whose number is returned."""
        cdef FutureState state = state_of(item.future)
        item.tries += 1
        item.pieces = None
        hs_mutex_lock(&self.guard)
        self.last += 1
        number = self.last
        hs_mutex_unlock(&self.guard)
        self.pending[number] = item
        resend(state, number)
        self.backlog.appendleft(number)  # it has waited already
        return number


cdef void resend(FutureState state, uint64_t number) noexcept:
    """The call waits again, under another number."""
    hs_mutex_lock(&state.guard)
    state.number, state.sent = number, False
    hs_mutex_unlock(&state.guard)


cdef int settle_future(future, value, error) except -1:
    """Let the future have its outcome, if it was not given one by somebody else.

    Whether one thread slept in its result(), or the like.
    """
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
