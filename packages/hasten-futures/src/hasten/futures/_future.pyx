# cython: freethreading_compatible=True
"""Future: what will come of a call.

All state of a future is changed under its guard.  A future that is done never changes again, so `state` is
stored last, and who sees it done reads the rest without the guard.

Nearly no program looks at `_condition` and `_waiters`, by which the standard library's wait() and its like
hold up a future and hear of its end.  They are made when somebody asks.  From then on every change of state
takes the condition first, notifies it, and tells the waiters.

A future that was cancelled is done at once, but wait() and as_completed() hear of it only when an executor
has noticed, as it is in the standard library.  The future of a pool's task notices by itself: the pool may
be busy for long.

The cyclic garbage collector would walk over all futures that are queued, over and over, and that takes
as long as everything else a pool does.  It could never free them, as the queue holds them in a way that
it does not see.  So the future of a task is hidden from it until it has something that may be part of
a cycle: an exception, a result that is a container, or an attribute that somebody has set.  (Not without a
GIL: see compat.h.)

A pool's worker stores the outcome without a call of set_result(), unless somebody has replaced a method of
the class (its tag tells) or of this future (`touched` tells).

Those who sleep in result() are in a list of the future's own.  A pool's worker wakes them when the GIL is
free: a sleeper that is woken before would only queue up for it.
"""

from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from compat cimport (
    HS_FREE_THREADED,
    hs_hide,
    hs_is_collected,
    hs_mutex_lock,
    hs_mutex_unlock,
    hs_show,
    hs_type_tag,
)
from sleep cimport hs_wakes
from hasten.futures._waiting cimport collect, deadline_of, expired, sleep, wake

from concurrent.futures import _base as stdlib

from hasten.threading import Condition

cdef extern from *:
    """
    static inline int load_state(const int *state) { return __atomic_load_n(state, __ATOMIC_ACQUIRE); }
    static inline void store_state(int *state, int now) { __atomic_store_n(state, now, __ATOMIC_RELEASE); }

    static inline PyObject *new_instance(PyObject *type, PyObject *no_args) {
        return ((PyTypeObject *)type)->tp_new((PyTypeObject *)type, no_args, NULL);
    }
    """
    int load_state(const int *state) noexcept
    void store_state(int *state, int value) noexcept
    object new_instance(PyObject *cls, PyObject *no_args)
    int PyObject_GenericSetAttr(object instance, object name, PyObject *value) except -1

cdef tuple STATES = ("PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED")
cdef tuple WORDS = ("pending", "running", "cancelled", "cancelled", "finished")
cdef tuple NO_ARGS = ()
cdef object logger = stdlib.LOGGER
cdef object CancelledError = stdlib.CancelledError
cdef object InvalidStateError = stdlib.InvalidStateError
cdef object TimeoutError = stdlib.TimeoutError
cdef object public_class = None
cdef PyTypeObject *public_type = NULL
cdef unsigned int public_tag = 0


def _set_public_class(cls):
    """Tell which class the futures of pools are to have.  It is complete."""
    global public_class, public_type, public_tag
    public_class = cls
    public_type = <PyTypeObject *>cls
    cls.set_result  # makes sure of the tag
    public_tag = hs_type_tag(public_type)


cdef Future new_pooled():
    """The future of a task that is about to be queued."""
    cdef Future future = <Future>new_instance(<PyObject *>public_class, <PyObject *>NO_ARGS)
    hs_hide(future)
    future.pooled = True
    return future


cdef void hide_plain(tuple args) noexcept:
    """Hide *args* from the collector, as that does by itself when it has met a tuple of plain values."""
    if HS_FREE_THREADED or not args:
        return
    for value in args:
        if hs_is_collected(value):
            return
    hs_hide(args)


cdef class Future:
    """Future()
--

    What will come of a call that an executor makes: a result, an exception, or a cancellation.

    Executors make futures; programs ask them.  Thread-safety: all methods may be called from any thread.
    """

    def __init__(self):
        """There is nothing to set."""

    def __setattr__(self, name, value):
        self.touch()
        PyObject_GenericSetAttr(self, name, <PyObject *>value)

    def __delattr__(self, name):
        self.touch()
        PyObject_GenericSetAttr(self, name, NULL)

    cdef void touch(self) noexcept:
        self.touched = True
        self.show()

    cdef void show(self) noexcept:
        """Show the future to the collector."""
        hs_show(self)

    cdef bint is_plain(self) noexcept:
        """Whether set_result() and the like do what they do here."""
        return not self.touched and public_tag != 0 and hs_type_tag(public_type) == public_tag

    # ---- asking ------------------------------------------------------------------------------------

    def result(self, timeout=None):
        """Wait for the end of the call, and return its result or raise its exception.

        timeout: seconds to wait at most, any real number; None waits for ever, 0 or less not at all.
        CancelledError if the future was cancelled; TimeoutError if it is not done in time; ValueError for
        NaN.  A signal handler that raises ends the wait.
        """
        if load_state(&self.state) != FINISHED:
            self.wait_until_done(timeout)
        return self.outcome()

    def exception(self, timeout=None):
        """Wait for the end of the call, and return its exception; None if it returned.

        timeout and errors: as for result().
        """
        if load_state(&self.state) != FINISHED:
            self.wait_until_done(timeout)
        self.let_it_be_complete()
        if self.state != FINISHED:
            raise CancelledError()
        return self.error

    cdef int wait_until_done(self, timeout) except -1:
        cdef int64_t deadline = deadline_of(timeout)
        while True:
            hs_mutex_lock(&self.guard)
            if self.state >= CANCELLED:
                hs_mutex_unlock(&self.guard)
                return 0
            if expired(deadline):
                hs_mutex_unlock(&self.guard)
                raise TimeoutError()
            sleep(&self.asleep, &self.guard, deadline, NULL)

    cdef int let_it_be_complete(self) except -1:
        """Who sets the fields by itself, in whatever order, holds the condition until all are set."""
        if self.touched and self.condition is not None:
            with self.condition:
                return 0
        return 0

    cdef object outcome(self):
        self.let_it_be_complete()
        if self.state != FINISHED:
            raise CancelledError()
        if self.error is not None:
            raise_it(self.error)
        return self.value

    def done(self):
        """Whether the call has ended or was cancelled."""
        return self.is_done()

    cdef bint is_done(self) noexcept:
        return load_state(&self.state) >= CANCELLED

    cdef bint has_ended(self) noexcept:
        return load_state(&self.state) >= CANCELLED_AND_NOTIFIED

    def running(self):
        """Whether the call is being made now, and can't be cancelled."""
        return load_state(&self.state) == RUNNING

    def cancelled(self):
        """Whether the call was cancelled."""
        return CANCELLED <= load_state(&self.state) <= CANCELLED_AND_NOTIFIED

    def _get_snapshot(self):
        """(done, cancelled, result, exception) at one moment; asyncio asks for it."""
        cdef int state = load_state(&self.state)
        if state == FINISHED:
            return True, False, self.value, self.error
        return state >= CANCELLED, state >= CANCELLED, None, None

    def __repr__(self):
        cdef int state = load_state(&self.state)
        text = f"<{type(self).__name__} at {<size_t><void *>self:#x} state={WORDS[state]}"
        if state != FINISHED:
            return text + ">"
        if self.error is not None:
            return f"{text} raised {type(self.error).__name__}>"
        return f"{text} returned {type(self.value).__name__}>"

    def __reduce__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: its call belongs to this process")

    # ---- changing ----------------------------------------------------------------------------------

    def cancel(self):
        """Cancel the call, unless it has begun.  True if it is cancelled now, False if it is too late."""
        cdef hs_wakes due
        due.count = 0
        if self.settle(CANCELLED, PENDING, None, None, &due):
            wake(&due)
            if self.pooled:
                self.begin()
            self.invoke_callbacks()
            return True
        return self.cancelled()

    def set_running_or_notify_cancel(self):
        """For executors: the call is about to begin.  False if it was cancelled and must not be made.

        RuntimeError if the call has begun before, or is over.
        """
        cdef int before = self.begin()
        if before <= CANCELLED and before != RUNNING:
            return before == PENDING
        logger.critical("Future %s in unexpected state: %s", <size_t><void *>self, STATES[before])
        raise RuntimeError("Future in unexpected state")

    def set_result(self, result):
        """For executors: the call returned *result*.  InvalidStateError if the future is done."""
        finish(self, result, None)

    def set_exception(self, exception):
        """For executors: the call raised *exception*.  InvalidStateError if the future is done."""
        finish(self, None, exception)

    def add_done_callback(self, fn):
        """Call fn(self) when the future is done: at once if it is, else in the thread that ends it.

        fn: a callable.  Callbacks are called in the order in which they were added.  An Exception that one
        raises is logged to "concurrent.futures".
        """
        cdef list first = [fn] if self.callbacks is None else None  # made before the guard is taken
        cdef object condition = self.lock()
        cdef bint done = self.state >= CANCELLED
        if not done:
            if self.callbacks is None:
                self.callbacks = first
            else:
                self.callbacks.append(fn)
        unlock(self, condition)
        if done:
            call_back(self, fn)

    # ---- for executors and wait() ------------------------------------------------------------------

    cdef object lock(self):
        """Take the guard; before it, the condition if somebody has asked for one.  Returns that, or None."""
        cdef object condition
        hs_mutex_lock(&self.guard)
        if self.condition is None:
            return None
        condition = self.condition
        hs_mutex_unlock(&self.guard)
        condition.acquire()
        hs_mutex_lock(&self.guard)
        return condition

    cdef bint settle(self, int state, int latest, value, error, hs_wakes *due) except -1:
        """Let the future be done; False if its state is beyond *latest*.

        Those who sleep are left in *due*, and callbacks have not been called.
        """
        cdef object condition = self.lock()
        if self.state > latest:
            unlock(self, condition)
            return False
        if self.pooled and (error is not None or hs_is_collected(value)):
            self.show()
        _value, _error = self.value, self.error  # the old ones: dropped when the guard is free
        self.value, self.error = value, error
        store_state(&self.state, state)
        collect(&self.asleep, due)
        if state == FINISHED:
            self.notice_end(due)
        hs_mutex_unlock(&self.guard)
        if condition is not None or self.waiters is not None:
            self.tell_waiters(condition, due)
        return True

    cdef int tell_waiters(self, condition, hs_wakes *due) except -1:
        """Tell those who use the standard library's ways to wait."""
        wake(due)
        try:
            if self.waiters is not None and self.state > CANCELLED:
                for waiter in list(self.waiters):
                    if self.state == CANCELLED_AND_NOTIFIED:
                        waiter.add_cancelled(self)
                    elif self.error is not None:
                        waiter.add_exception(self)
                    else:
                        waiter.add_result(self)
        finally:
            if condition is not None:
                condition.notify_all()
                condition.release()
        return 0

    cdef int enter_state(self, int state) except -1:
        """What a subclass does that keeps the state by itself: it holds the condition, and notifies it."""
        cdef hs_wakes due
        due.count = 0
        hs_mutex_lock(&self.guard)
        store_state(&self.state, state)
        if state >= CANCELLED:
            collect(&self.asleep, &due)
        if state >= CANCELLED_AND_NOTIFIED:
            self.notice_end(&due)
        hs_mutex_unlock(&self.guard)
        wake(&due)
        return 0

    cdef int begin(self) except -1:
        """set_running_or_notify_cancel(); the state before: PENDING if the call is to be made."""
        cdef hs_wakes due
        cdef object condition = self.lock()
        cdef int before = self.state
        due.count = 0
        if before == PENDING:
            store_state(&self.state, RUNNING)
        elif before == CANCELLED:
            store_state(&self.state, CANCELLED_AND_NOTIFIED)
            self.notice_end(&due)
        if before == CANCELLED and (condition is not None or self.waiters is not None):
            hs_mutex_unlock(&self.guard)
            self.tell_waiters(condition, &due)
        else:
            unlock(self, condition)
            wake(&due)
        return before

    cdef int invoke_callbacks(self) except -1:
        cdef list callbacks
        if self.callbacks is None:
            return 0
        callbacks, self.callbacks = self.callbacks, None
        for fn in callbacks:
            call_back(self, fn)
        return 0

    def _invoke_callbacks(self):
        """Call the callbacks that have not been called."""
        self.invoke_callbacks()

    cdef void notice_end(self, hs_wakes *due) noexcept:
        """Call w.notice of all watches.  The guard is held."""
        cdef watch *w
        while self.watches != NULL:
            w = self.watches
            unlink(self, w)
            w.notice(w, due)

    cdef bint add_watch(self, watch *w) noexcept:
        """Let w.notice be called at the end of the future; False if that has come."""
        cdef bint coming
        hs_mutex_lock(&self.guard)
        coming = w.linked = self.state < CANCELLED_AND_NOTIFIED
        if coming:
            w.previous = NULL
            w.next = self.watches
            if w.next != NULL:
                w.next.previous = w
            self.watches = w
        hs_mutex_unlock(&self.guard)
        return coming  # w.linked may have changed by now

    cdef void remove_watch(self, watch *w) noexcept:
        """From now on nobody uses *w*."""
        hs_mutex_lock(&self.guard)
        if w.linked:
            unlink(self, w)
        hs_mutex_unlock(&self.guard)

    # ---- private names of the standard library's class that others use ---------------------------------

    @property
    def _state(self):
        """The state's name."""
        return STATES[load_state(&self.state)]

    @_state.setter
    def _state(self, name):
        if name not in STATES:
            raise ValueError(f"{name!r} is no state of a future: it is one of {', '.join(STATES)}")
        self.enter_state(STATES.index(name))

    @property
    def _result(self):
        """What the call returned, or None."""
        return self.value

    @_result.setter
    def _result(self, value):
        self.value = value

    @property
    def _exception(self):
        """What the call raised, or None."""
        return self.error

    @_exception.setter
    def _exception(self, error):
        self.error = error

    @property
    def _condition(self):
        """Held, it keeps the future as it is."""
        if self.condition is None:
            self.show()
            condition = Condition()
            hs_mutex_lock(&self.guard)
            if self.condition is None:
                self.condition = condition
            hs_mutex_unlock(&self.guard)
        return self.condition

    @_condition.setter
    def _condition(self, condition):
        self.condition = condition

    @property
    def _waiters(self):
        """Objects that are told of the end: add_result(), add_exception(), add_cancelled()."""
        if self.waiters is None:
            self.show()
            self.waiters = []
        return self.waiters

    @_waiters.setter
    def _waiters(self, waiters):
        self.waiters = waiters

    @property
    def _done_callbacks(self):
        """The callbacks that have not been called."""
        if self.callbacks is None:
            self.callbacks = []
        return self.callbacks

    @_done_callbacks.setter
    def _done_callbacks(self, callbacks):
        self.callbacks = callbacks


cdef int unlock(Future self, condition) except -1:
    """Let go of what lock() took."""
    hs_mutex_unlock(&self.guard)
    if condition is not None:
        condition.release()
    return 0


cdef int finish(Future self, result, error) except -1:
    cdef hs_wakes due
    due.count = 0
    if not self.settle(FINISHED, RUNNING, result, error, &due):
        raise InvalidStateError(f"{STATES[self.state]}: {self!r}")
    wake(&due)
    self.invoke_callbacks()
    return 0


cdef int raise_it(error) except -1:
    if not isinstance(error, (BaseException, type)):
        raise TypeError(f"exceptions must derive from BaseException, and set_exception() was given {error!r}")
    raise error


cdef int call_back(Future self, fn) except -1:
    try:
        fn(self)
    except Exception:
        logger.exception("exception calling callback for %r", self)
    return 0


cdef void unlink(Future self, watch *w) noexcept:
    """Take *w* out of the list.  The guard is held."""
    if w.previous != NULL:
        w.previous.next = w.next
    else:
        self.watches = w.next
    if w.next != NULL:
        w.next.previous = w.previous
    w.linked = False
