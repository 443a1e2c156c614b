# cython: freethreading_compatible=True
"""Future: the outcome of a call, now or later.

A Future is an ordinary Python object; its data is in its FutureState (see state.h).  Queues and watches link
states.  A state does not refer to its future, so functions that call methods of the future take both.

Invariant: a state is changed only with its guard held, and `state` is stored last; a future that is done does
not change again.  So a thread that sees it done reads the rest without the guard.  (Exception: without a GIL
the value and the error are read with the guard, since a program may set `_result` or `_exception` at any
time.)

Few programs use `_condition` and `_waiters`, with which the standard library's wait() locks and watches a
future. They are made at first access.  From then on every change of state takes the condition first,
notifies it, and calls the waiters.

A cancelled future is done at once, but wait() and as_completed() return it only once an executor has noticed
the cancellation, as in the standard library.  The future of a pool's task notices at once, since the pool
may be busy for long.

The cyclic garbage collector would traverse all queued futures again and again, which takes as long as all
other work of a pool.  It could never free them, since the queue's references are not visible to it.  So the
future of a task, and its state, are untracked until they have something that may refer back to them: a
callback, an exception, a container as result, a condition, or an attribute set by a program.  (Not without a
GIL: see compat.h.)

A pool's worker stores the outcome without calling set_result(), unless a method of the class, or an
attribute of the future (`touched`), was replaced.  The class's version tag is compared with that of the last
check of the methods: setting `Future.__module__`, as the launcher does, changes the tag but no method.

The call of a process pool's future runs in another process.  Until its outcome arrives the future uses
`remote`: has_begun(number); call_off(number), which has to return True before the future is cancelled;
forget(number) after that.  A waiter first calls wait_for(state, deadline); a query that does not wait calls
recall().

Threads in result() sleep in the state's own list.  A pool's worker wakes them after it has released the GIL:
a thread woken earlier would only wait for the GIL.
"""

cimport cython
from cpython.object cimport PyTypeObject
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from compat cimport (
    HS_FREE_THREADED,
    hs_hide,
    hs_hide_instance,
    hs_is_collected,
    hs_mutex_lock,
    hs_mutex_unlock,
    hs_show,
    hs_show_instance,
    hs_type_tag,
)
from sleep cimport hs_wakes
from state cimport (
    hs_state_class,
    hs_state_class_init,
    hs_state_exists,
    hs_state_forget,
    hs_state_of,
    hs_state_set,
)
from timeout cimport hs_deadline_of, hs_expired
from hasten.futures._waiting cimport dequeue_all_locked, park, wake

import sys
from concurrent.futures import _base as stdlib
from types import GenericAlias

from hasten.threading import Condition

include "attributes.pxi"

cdef extern from *:
    """
    static inline int load_state(const int *state) { return __atomic_load_n(state, __ATOMIC_ACQUIRE); }
    static inline void store_state(int *state, int now) { __atomic_store_n(state, now, __ATOMIC_RELEASE); }

    /* Up to 3.12 it is object.__new__() that gives an instance the quick kind of dictionary. */
    static inline PyObject *new_instance(PyTypeObject *type, PyObject *no_args) {
        if (PY_VERSION_HEX >= 0x030D0000 && type->tp_new == PyBaseObject_Type.tp_new)
            return type->tp_alloc(type, 0);
        return type->tp_new(type, no_args, NULL);
    }

    typedef PyObject *(*constructor)(PyObject *type, PyObject **args, size_t flags, PyObject *names);

    static inline void set_constructor(PyTypeObject *type, constructor call) {
        type->tp_vectorcall = (vectorcallfunc)call;
    }

    /* type(...)'s own way, which does not come back to a class's constructor. */
    static PyObject *call_slowly(PyObject *type, PyObject **args, size_t flags, PyObject *names) {
        Py_ssize_t count = PyVectorcall_NARGS(flags), named = names == NULL ? 0 : PyTuple_GET_SIZE(names), i;
        PyObject *made = NULL, *keywords = NULL, *positional = PyTuple_New(count);
        if (positional == NULL) return NULL;
        for (i = 0; i < count; i++) {
            Py_INCREF(args[i]);
            PyTuple_SET_ITEM(positional, i, args[i]);
        }
        if (named > 0 && (keywords = PyDict_New()) == NULL) goto end;
        for (i = 0; i < named; i++)
            if (PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), args[count + i]) < 0) goto end;
        made = PyType_Type.tp_call(type, positional, keywords);
    end:
        Py_DECREF(positional);
        Py_XDECREF(keywords);
        return made;
    }
    """
    int load_state(const int *state) noexcept
    void store_state(int *state, int value) noexcept
    ctypedef object (*constructor)(PyObject *cls, PyObject **args, size_t flags, PyObject *names)
    object new_instance(PyTypeObject *cls, PyObject *no_args)
    void set_constructor(PyTypeObject *cls, constructor call)
    object call_slowly(PyObject *cls, PyObject **args, size_t flags, PyObject *names)
    Py_ssize_t PyVectorcall_NARGS(size_t flags) noexcept
    int PyObject_GenericSetAttr(object instance, object name, PyObject *value) except -1
    bint PyType_IsSubtype(PyTypeObject *cls, PyTypeObject *base) noexcept
    PyTypeObject *Py_TYPE(object instance) noexcept

cdef tuple STATES = ("PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED")
cdef tuple WORDS = ("pending", "running", "cancelled", "cancelled", "finished")
cdef tuple NO_ARGS = ()
cdef object logger = stdlib.LOGGER
cdef object CancelledError = stdlib.CancelledError
cdef object InvalidStateError = stdlib.InvalidStateError
cdef object TimeoutError = stdlib.TimeoutError
cdef object public_class = None
cdef PyTypeObject *public_type = NULL  # the class of the futures of pools
cdef unsigned int plain_tag = 0     # version tag of that class with the original methods
cdef unsigned int replaced_tag = 0  # version tag of that class with a replaced method
cdef dict methods = {}              # the original methods by name; while in place, they are not called
cdef hs_state_class states


@cython.final
@cython.freelist(256)
cdef class FutureState:
    """The data of a Future."""

    def __dealloc__(self):
        hs_state_forget(self.slot, <PyObject *>self)

    def __reduce__(self):
        raise TypeError("cannot pickle '_thread.RLock' object")

    # ---- asking ------------------------------------------------------------------------------------

    cdef bint is_done(self) noexcept:
        return load_state(&self.state) >= CANCELLED

    cdef bint has_ended(self) noexcept:
        return load_state(&self.state) >= CANCELLED_AND_NOTIFIED

    cdef object get_value(self):
        cdef object value
        hs_mutex_lock(&self.guard)
        value = self.value
        hs_mutex_unlock(&self.guard)
        return value

    cdef object get_error(self):
        cdef object error
        hs_mutex_lock(&self.guard)
        error = self.error
        hs_mutex_unlock(&self.guard)
        return error

    cdef int wait_until_done(self, timeout) except -1:
        cdef int64_t deadline = hs_deadline_of(timeout)
        cdef object remote = self.remote
        if remote is not None:
            remote.wait_for(self, deadline)
        return self.park_until_done(deadline)

    cdef int park_until_done(self, int64_t deadline) except -1:
        while True:
            hs_mutex_lock(&self.guard)
            if self.state >= CANCELLED:
                hs_mutex_unlock(&self.guard)
                return 0
            if hs_expired(deadline):
                hs_mutex_unlock(&self.guard)
                raise TimeoutError()
            park(&self.asleep, &self.guard, deadline, NULL)

    cdef void ask_for_end(self) noexcept:
        """Make sure that the outcome is delivered even if no thread waits for it."""
        cdef object remote = self.remote
        if remote is not None:
            remote.recall()

    cdef int sync_with_external_setter(self) except -1:
        """Wait for a program that sets the fields itself: it holds the condition until all are set."""
        if self.touched and self.condition is not None:
            with self.condition:
                return 0
        return 0

    cdef object outcome(self):
        cdef object error
        self.sync_with_external_setter()
        if self.state != FINISHED:
            raise CancelledError()
        error = self.get_error()
        if error is not None:
            raise_it(error)
        return self.get_value()

    # ---- changing ----------------------------------------------------------------------------------

    cdef object lock(self):
        """Take the guard, and before it the condition, if there is one.  Returns the condition, or None."""
        cdef object condition
        hs_mutex_lock(&self.guard)
        if self.condition is None:
            return None
        condition = self.condition
        hs_mutex_unlock(&self.guard)
        condition.acquire()
        hs_mutex_lock(&self.guard)
        return condition

    cdef int unlock(self, condition) except -1:
        """Release what lock() has taken."""
        hs_mutex_unlock(&self.guard)
        if condition is not None:
            condition.release()
        return 0

    cdef int enter_state(self, int state) except -1:
        """Set the state for a subclass that changes `_state` itself, holding and notifying the condition."""
        cdef hs_wakes due
        due.count = 0
        hs_mutex_lock(&self.guard)
        store_state(&self.state, state)
        if state >= CANCELLED:
            dequeue_all_locked(&self.asleep, &due)
        if state >= CANCELLED_AND_NOTIFIED:
            self.notice_end(&due)
        hs_mutex_unlock(&self.guard)
        wake(&due)
        return 0

    cdef void notice_end(self, hs_wakes *due) noexcept:
        """Remove all watches and call their `notice`.  With the guard held."""
        cdef watch *w
        cdef bint failed = self.state == FINISHED and self.error is not None
        while self.watches != NULL:
            w = self.watches
            unlink(self, w)
            w.notice(w, failed, due)

    cdef bint add_watch(self, watch *w) noexcept:
        """Call w.notice when the future ends; False, without an effect, if it has ended already."""
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
        self.ask_for_end()
        return coming  # w.linked may have changed by now

    cdef void remove_watch(self, watch *w) noexcept:
        """Remove a watch; it is not used any more when this returns."""
        hs_mutex_lock(&self.guard)
        if w.linked:
            unlink(self, w)
        hs_mutex_unlock(&self.guard)

    cdef void forget_call(self) noexcept:
        """Drop the function and its arguments: the call will not be made."""
        self.function = self.args = self.kwargs = None

    cdef int seen_state(self) except -1:
        """The state to be shown: RUNNING for a call that another process has begun."""
        cdef int now = load_state(&self.state)
        cdef object remote = self.remote
        if now == PENDING and self.sent and remote is not None and remote.has_begun(self.number):
            return RUNNING
        return now

    cdef bint withdraw(self) except -1:
        """Prevent the call of a process pool; False if it has begun."""
        cdef object remote = self.remote
        cdef bint sent
        if remote is None:
            return True
        hs_mutex_lock(&self.guard)
        sent = self.sent
        if not sent:
            self.withdrawn = True
        hs_mutex_unlock(&self.guard)
        return not sent or self.state != PENDING or remote.call_off(self.number)

    cdef list take_callbacks(self):
        """Remove and return the callbacks that have not been called."""
        cdef list callbacks
        hs_mutex_lock(&self.guard)
        callbacks, self.callbacks = self.callbacks, None
        hs_mutex_unlock(&self.guard)
        return callbacks


cdef FutureState probe = FutureState.__new__(FutureState)
hs_state_class_init(&states, "_future_state", probe, &probe.slot)


cdef FutureState state_of(future):
    """The state of a future; AttributeError if its __init__() was not called."""
    return <FutureState>hs_state_of(&states, future)


cdef bint is_ours(future) noexcept:
    """Whether the future is of our class, or a subclass of it."""
    return Py_TYPE(future) == public_type or PyType_IsSubtype(Py_TYPE(future), public_type)


cdef FutureState new_pooled_state():
    """The state for the future of a task that is about to be queued."""
    cdef FutureState state = FutureState.__new__(FutureState)
    hs_hide(state)
    state.pooled = True
    return state


cdef object new_pooled(FutureState state):
    """The future of a task, with its state."""
    cdef object future = new_instance(public_type, <PyObject *>NO_ARGS)
    hs_state_set(&states, future, state)
    hs_hide_instance(future)
    return future


cdef bint may_send(FutureState self) noexcept:
    """Mark the call as sent, unless it was withdrawn; from then on cancel() has to ask `remote`."""
    hs_mutex_lock(&self.guard)
    if not self.withdrawn:
        self.sent = True
    hs_mutex_unlock(&self.guard)
    return not self.withdrawn


cdef void hide_plain(tuple args) noexcept:
    """Untrack a tuple of values that are not tracked, as the collector does when it traverses it."""
    if HS_FREE_THREADED or not args:
        return
    for value in args:
        if hs_is_collected(value):
            return
    hs_hide(args)


cdef void show(future, FutureState self) noexcept:
    """Let the garbage collector track the future."""
    if self.pooled:
        hs_show_instance(future)
        hs_show(self)


cdef bint is_plain(future, FutureState self) noexcept:
    """Whether set_result() and the other methods are the original ones."""
    return Py_TYPE(future) == public_type and not self.touched and class_is_plain()


cdef inline bint class_is_plain() noexcept:
    cdef unsigned int tag = hs_type_tag(public_type)
    return tag == plain_tag if tag != 0 and (tag == plain_tag or tag == replaced_tag) else look_at_methods()


cdef bint look_at_methods() noexcept:
    global plain_tag, replaced_tag
    cdef bint plain = True
    cdef unsigned int tag
    try:
        plain = public_class.__new__ is object.__new__  # the lookup gives the class a version tag
        tag = hs_type_tag(public_type)
        for name, method in methods.items():
            if vars(public_class).get(name) is not method:
                plain = False
    except BaseException:
        return False
    if plain:
        plain_tag = tag
    else:
        replaced_tag = tag
    return plain


cdef object construct(PyObject *cls, PyObject **args, size_t flags, PyObject *names):
    """tp_vectorcall of the class: makes a Future without calling __init__(), unless that is replaced."""
    cdef bint bare = PyVectorcall_NARGS(flags) == 0 and names == NULL
    if bare and cls == <PyObject *>public_type and class_is_plain():
        future = new_instance(public_type, <PyObject *>NO_ARGS)
        hs_state_set(&states, future, FutureState.__new__(FutureState))
        return future
    return call_slowly(cls, args, flags, names)


# ---- changing a future -----------------------------------------------------------------------------

cdef bint settle(
    future, FutureState self, int state, int latest, value, error, hs_wakes *due
) except -1:
    """Make the future done; False, without an effect, if its state is beyond *latest*.

    The caller has to wake *due*, and to call the callbacks.
    """
    cdef object condition = self.lock()
    if self.state > latest:
        self.unlock(condition)
        return False
    if self.pooled and (error is not None or hs_is_collected(value)):
        show(future, self)
    _value, _error = self.value, self.error  # deallocated after the guard is released
    self.value, self.error = value, error
    store_state(&self.state, state)
    dequeue_all_locked(&self.asleep, due)
    if state == FINISHED:
        self.notice_end(due)
    hs_mutex_unlock(&self.guard)
    if condition is not None or self.waiters is not None:
        tell_waiters(future, self, condition, due)
    return True


cdef int tell_waiters(future, FutureState self, condition, hs_wakes *due) except -1:
    """Call the objects in `_waiters`, and notify and release the condition."""
    wake(due)
    try:
        if self.waiters is not None and self.state > CANCELLED:
            for waiter in list(self.waiters):
                if self.state == CANCELLED_AND_NOTIFIED:
                    waiter.add_cancelled(future)
                elif self.error is not None:
                    waiter.add_exception(future)
                else:
                    waiter.add_result(future)
    finally:
        if condition is not None:
            condition.notify_all()
            condition.release()
    return 0


cdef int begin(future, FutureState self) except -1:
    """set_running_or_notify_cancel(); the previous state: PENDING if the call has to be made."""
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
        tell_waiters(future, self, condition, &due)
    else:
        self.unlock(condition)
        wake(&due)
    return before


cdef int finish(future, FutureState self, value, error) except -1:
    cdef hs_wakes due
    due.count = 0
    if not settle(future, self, FINISHED, RUNNING, value, error, &due):
        raise InvalidStateError(f"{STATES[self.state]}: {future!r}")
    wake(&due)
    return has_changed(future, self)


cdef int has_changed(future, FutureState self) except -1:
    """Call the _invoke_callbacks() of a future that is done; a program may have replaced it."""
    if is_plain(future, self):
        invoke_callbacks(future, self)
    else:
        future._invoke_callbacks()
    return 0


cdef int invoke_callbacks(future, FutureState self) except -1:
    cdef list callbacks
    if self.callbacks is None:
        return 0
    callbacks = self.take_callbacks()
    if callbacks is not None:
        for fn in callbacks:
            call_back(future, fn)
    return 0


cdef int call_back(future, fn) except -1:
    try:
        fn(future)
    except Exception:
        logger.exception("exception calling callback for %r", future)
    return 0


cdef int raise_it(error) except -1:
    if not isinstance(error, (BaseException, type)):
        raise TypeError(f"exceptions must derive from BaseException, and set_exception() was given {error!r}")
    raise error


cdef void unlink(FutureState self, watch *w) noexcept:
    """Remove *w* from the list.  With the guard held."""
    if w.previous != NULL:
        w.previous.next = w.next
    else:
        self.watches = w.next
    if w.next != NULL:
        w.next.previous = w.previous
    w.linked = False


# ---- the class -------------------------------------------------------------------------------------

cdef FutureState state_for_setting(future):
    """The state; a new one if there is none: a subclass may set attributes without calling __init__()."""
    if not hs_state_exists(&states, future):
        hs_state_set(&states, future, FutureState.__new__(FutureState))
    return state_of(future)


class Future(stdlib.Future):
    """The outcome of a call of an executor: a result, an exception, or a cancellation.

    Futures are made by executors.  Thread-safe.
    """

    __module__ = "hasten.futures"
    __qualname__ = "Future"
    if sys.version_info >= (3, 11):
        __getstate__ = attributes_as_state  # before, a copy shares the state

    def __init__(self):
        """A pending future that belongs to no executor."""
        cdef FutureState state = FutureState.__new__(FutureState)
        hs_state_set(&states, self, state)

    def __class_getitem__(cls, item, /):
        """Future[int] and its like, for annotations."""
        return GenericAlias(cls, item)

    def __setattr__(self, name, value):
        touch(self)
        PyObject_GenericSetAttr(self, name, <PyObject *>value)

    def __delattr__(self, name):
        touch(self)
        PyObject_GenericSetAttr(self, name, NULL)

    def __repr__(self):
        cdef FutureState state = state_of(self)
        cdef int now = state.seen_state()
        text = f"<{type(self).__name__} at {<size_t><void *>self:#x} state={WORDS[now]}"
        if now != FINISHED:
            return text + ">"
        error = state.get_error()
        if error is not None:
            return f"{text} raised {type(error).__name__}>"
        return f"{text} returned {type(state.get_value()).__name__}>"

    def result(self, timeout=None):
        """Block until the call has ended; its result, or raise its exception.

        timeout: seconds, any real number; None: no limit; 0 or less: does not block.  CancelledError if the
        future was cancelled; TimeoutError if it is not done in time; ValueError for NaN.  A signal handler
        that raises ends the wait.
        """
        cdef FutureState state = state_of(self)
        if load_state(&state.state) != FINISHED:
            state.wait_until_done(timeout)
        return state.outcome()

    def exception(self, timeout=None):
        """Block until the call has ended; its exception, or None if it has returned.

        timeout and errors: as for result().
        """
        cdef FutureState state = state_of(self)
        if load_state(&state.state) != FINISHED:
            state.wait_until_done(timeout)
        state.sync_with_external_setter()
        if load_state(&state.state) != FINISHED:
            raise CancelledError()
        return state.get_error()

    def done(self):
        """Whether the call has ended or was cancelled."""
        cdef FutureState state = state_of(self)
        state.ask_for_end()
        return state.is_done()

    def running(self):
        """Whether the call is running, so that it can't be cancelled."""
        return state_of(self).seen_state() == RUNNING

    def cancelled(self):
        """Whether the call was cancelled."""
        cdef FutureState state = state_of(self)
        return CANCELLED <= load_state(&state.state) <= CANCELLED_AND_NOTIFIED

    def _get_snapshot(self):
        """(done, cancelled, result, exception), consistently; used by asyncio."""
        cdef FutureState state = state_of(self)
        cdef int now = load_state(&state.state)
        if now == FINISHED:
            return True, False, state.get_value(), state.get_error()
        return now >= CANCELLED, now >= CANCELLED, None, None

    def cancel(self, *, bint kill=False):
        """Cancel the call, unless it has begun.  True if it is cancelled, False if it is too late.

        kill: for process pools; true also ends a running call, by sending SIGKILL to its process.  Effects of
        the call so far remain.  Blocks until the process is stopped, about 0.1 seconds at most.
        """
        cdef hs_wakes due
        cdef FutureState state = state_of(self)
        cdef object remote = state.remote
        due.count = 0
        if not (state.withdraw() or (kill and remote.kill(state.number))) or not settle(
            self, state, CANCELLED, PENDING, None, None, &due
        ):
            return CANCELLED <= load_state(&state.state) <= CANCELLED_AND_NOTIFIED
        wake(&due)
        if remote is not None:
            state.remote = None
            remote.forget(state.number)
        if state.pooled:
            begin(self, state)
        has_changed(self, state)
        return True

    def set_running_or_notify_cancel(self):
        """For executors: mark the call as running.  False if it was cancelled and must not be made.

        RuntimeError if the call has begun or ended before.
        """
        cdef int before = begin(self, state_of(self))
        if before <= CANCELLED and before != RUNNING:
            return before == PENDING
        logger.critical("Future %s in unexpected state: %s", <size_t><void *>self, STATES[before])
        raise RuntimeError("Future in unexpected state")

    def set_result(self, result):
        """For executors: set the result.  InvalidStateError if the future is done."""
        finish(self, state_of(self), result, None)

    def set_exception(self, exception):
        """For executors: set the exception.  InvalidStateError if the future is done."""
        finish(self, state_of(self), None, exception)

    def add_done_callback(self, fn):
        """Call fn(self) when the future is done: at once if it is already, else in the thread that ends it.

        fn: a callable.  Callbacks are called in the order in which they were added.  Their Exceptions are
        logged to "concurrent.futures".
        """
        cdef FutureState state = state_of(self)
        cdef list first = [fn] if state.callbacks is None else None  # made before the guard is taken
        cdef object condition
        cdef bint done
        show(self, state)
        condition = state.lock()
        done = state.state >= CANCELLED
        if not done:
            if state.callbacks is None:
                state.callbacks = first if first is not None else [fn]
            else:
                state.callbacks.append(fn)
        state.unlock(condition)
        state.ask_for_end()
        if done:
            call_back(self, fn)

    def _invoke_callbacks(self):
        """Call the callbacks that have not been called."""
        invoke_callbacks(self, state_of(self))

    # ---- private names of the standard library's class that others use ---------------------------------

    @property
    def _state(self):
        """The state's name."""
        return STATES[state_of(self).seen_state()]

    @_state.setter
    def _state(self, name):
        if name not in STATES:
            raise ValueError(f"{name!r} is no state of a future: it is one of {', '.join(STATES)}")
        state_for_setting(self).enter_state(STATES.index(name))

    @property
    def _result(self):
        """The result, or None."""
        return state_of(self).get_value()

    @_result.setter
    def _result(self, value):
        cdef FutureState state = state_for_setting(self)
        hs_mutex_lock(&state.guard)
        _old, state.value = state.value, value  # the old one is dropped when the guard is free
        hs_mutex_unlock(&state.guard)

    @property
    def _exception(self):
        """The exception, or None."""
        return state_of(self).get_error()

    @_exception.setter
    def _exception(self, error):
        cdef FutureState state = state_for_setting(self)
        hs_mutex_lock(&state.guard)
        _old, state.error = state.error, error
        hs_mutex_unlock(&state.guard)

    @property
    def _condition(self):
        """A condition; while it is held, the future does not change."""
        cdef FutureState state = state_of(self)
        cdef object condition = get_condition(state)
        if condition is None:
            state.ask_for_end()
            show(self, state)
            condition = Condition()
            hs_mutex_lock(&state.guard)
            if state.condition is None:
                state.condition = condition
            hs_mutex_unlock(&state.guard)
            condition = get_condition(state)
        return condition

    @_condition.setter
    def _condition(self, condition):
        cdef FutureState state = state_for_setting(self)
        hs_mutex_lock(&state.guard)
        _old, state.condition = state.condition, condition
        hs_mutex_unlock(&state.guard)

    @property
    def _waiters(self):
        """Objects whose add_result(), add_exception() or add_cancelled() is called at the end."""
        cdef FutureState state = state_of(self)
        cdef list waiters = []
        state.ask_for_end()
        show(self, state)
        hs_mutex_lock(&state.guard)
        if state.waiters is None:
            state.waiters = waiters
        else:
            waiters = state.waiters
        hs_mutex_unlock(&state.guard)
        return waiters

    @_waiters.setter
    def _waiters(self, waiters):
        cdef FutureState state = state_for_setting(self)
        cdef list new = waiters
        hs_mutex_lock(&state.guard)
        _old, state.waiters = state.waiters, new
        hs_mutex_unlock(&state.guard)

    @property
    def _done_callbacks(self):
        """The callbacks that have not been called."""
        cdef FutureState state = state_of(self)
        cdef list callbacks = []
        show(self, state)
        hs_mutex_lock(&state.guard)
        if state.callbacks is None:
            state.callbacks = callbacks
        else:
            callbacks = state.callbacks
        hs_mutex_unlock(&state.guard)
        return callbacks

    @_done_callbacks.setter
    def _done_callbacks(self, callbacks):
        cdef FutureState state = state_for_setting(self)
        cdef list new = callbacks
        hs_mutex_lock(&state.guard)
        _old, state.callbacks = state.callbacks, new
        hs_mutex_unlock(&state.guard)


show_attributes(
    Future,
    "_future_state",
    ("_condition", "_state", "_result", "_exception", "_waiters", "_done_callbacks"),
)


cdef int touch(future) except -1:
    """Record that a program has set or deleted an attribute of the future."""
    cdef FutureState state
    if hs_state_exists(&states, future):
        state = state_of(future)
        state.touched = True
        show(future, state)
    return 0


cdef object get_condition(FutureState self):
    cdef object condition
    hs_mutex_lock(&self.guard)
    condition = self.condition
    hs_mutex_unlock(&self.guard)
    return condition


public_class = Future
public_type = <PyTypeObject *>public_class
methods = {
    name: vars(Future)[name]
    for name in (
        "__init__", "__setattr__", "_invoke_callbacks", "set_exception", "set_result",
        "set_running_or_notify_cancel",
    )
}
class_is_plain()
set_constructor(public_type, construct)
