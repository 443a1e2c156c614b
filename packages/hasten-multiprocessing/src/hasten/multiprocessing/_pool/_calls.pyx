# cython: freethreading_compatible=True
"""The state of ApplyResult, and the loop of a thread that runs calls.

A Call is the base of ApplyResult.  In a pool of threads it also holds the function and its arguments, so that
it is itself the item of the queue.

Invariants:

- `done` is stored last, after the outcome, and after the call was removed from the pool's cache: a thread
  that reads it as true may read the outcome.
- A waiter makes the event, then reads `done`; the finisher stores `done`, then reads the event.  Both hold
  the object's critical section, so no wake-up is lost.
- Other fields that change while threads may read them are accessed in the object's critical section only
  (with a GIL, that is the GIL).
"""

cimport cython

from libc.stdint cimport int64_t

from clock cimport hs_now
from compat cimport HS_FREE_THREADED, hs_load, hs_store

cdef enum:
    LOOK_EVERY = 500000  # ns between two checks for a thread that requests the GIL


cdef class Call:
    cdef object func, args, kwds  # for a pool of threads, until a thread has taken the call; else None
    cdef object callback, error_callback, pool, cache, job, outcome, event
    cdef bint success
    cdef int done

    cdef int enter(self, pool, callback, error_callback) except -1:
        """Register the call in the pool's cache, under a new job number."""
        self.callback = callback
        self.error_callback = error_callback
        self.pool = pool
        self.job = next(job_counter)
        self.cache = pool._cache
        self.cache[self.job] = self
        return 0

    cdef int finish(self) except -1:
        """Call the callback, then wake the waiters."""
        callback = self.callback if self.success else self.error_callback
        try:
            if callback is not None:
                callback(self.outcome)
        finally:
            self.leave()
        return 0

    cdef int leave(self) except -1:
        cache = self.cache
        if type(cache) is dict:
            (<dict>cache).pop(self.job, None)
        else:
            cache.pop(self.job, None)
        with cython.critical_section(self):
            hs_store(&self.done, 1)
            event = self.event
            _pool, self.pool = self.pool, None  # deallocated after the critical section
            _callback, self.callback = self.callback, None
            _error_callback, self.error_callback = self.error_callback, None
        if event is not None:
            event.set()
        return 0

    def __copy__(self):
        """A copy of the current state, which later outcomes of the original do not change."""
        cdef Call copy = type(self).__new__(type(self))
        with cython.critical_section(self):
            copy.callback, copy.error_callback, copy.pool = self.callback, self.error_callback, self.pool
            copy.outcome, copy.event, copy.success = self.outcome, self.event, self.success
            hs_store(&copy.done, hs_load(&self.done))
        copy.cache, copy.job = self.cache, self.job
        copy.__dict__.update(self.__dict__)
        return copy

    def _enter(self, pool, callback, error_callback):
        self.enter(pool, callback, error_callback)

    cdef bint take_outcome(self, bint success, value) except -1:
        """Store the outcome; False if there is one already."""
        if hs_load(&self.done):
            return False
        with cython.critical_section(self):
            self.success = success
            self.outcome = value
        return True

    def _set(self, i, obj):
        success, value = obj
        if self.take_outcome(success, value):
            self.finish()

    def _finish(self):
        self.finish()

    @property
    def _ready(self):
        return hs_load(&self.done) != 0

    @_ready.setter
    def _ready(self, value):
        hs_store(&self.done, 1 if value else 0)

    @property
    def _success(self):
        return self.success

    @_success.setter
    def _success(self, value):
        self.success = value

    @property
    def _value(self):
        with cython.critical_section(self):
            return self.outcome

    @_value.setter
    def _value(self, value):
        with cython.critical_section(self):
            _old, self.outcome = self.outcome, value

    @property
    def _pool(self):
        with cython.critical_section(self):
            return self.pool

    @_pool.setter
    def _pool(self, value):
        with cython.critical_section(self):
            _old, self.pool = self.pool, value

    @property
    def _cache(self):
        return self.cache

    @property
    def _job(self):
        return self.job

    @property
    def _callback(self):
        with cython.critical_section(self):
            return self.callback

    @_callback.setter
    def _callback(self, value):
        with cython.critical_section(self):
            _old, self.callback = self.callback, value

    @property
    def _error_callback(self):
        with cython.critical_section(self):
            return self.error_callback

    @_error_callback.setter
    def _error_callback(self, value):
        with cython.critical_section(self):
            _old, self.error_callback = self.error_callback, value

    @property
    def _event(self):
        """The event of waiters; made at first use."""
        made = None
        if self.event is None:
            made = new_event()
        with cython.critical_section(self):
            if self.event is None:
                self.event = made
            return self.event

    @_event.setter
    def _event(self, value):
        with cython.critical_section(self):
            _old, self.event = self.event, value


cdef object job_counter = None, new_event = None, plain = None
cdef object running = None, call_any = None, take_turns = None
cdef object result_kind = None, result_of = None, failure_of = None


def use_results(counter, event, cls):
    """Set the source of job numbers, the function that makes an event, and the class of new_call()."""
    global job_counter, new_event, plain
    job_counter, new_event, plain = counter, event, cls


def use_threads(state, call, turns):
    """Set the state of a running engine, and two functions written in Python.

    call(func, args, kwds): calls with arguments that are not a tuple and a dict, for the interpreter's error
    messages.  turns(): an empty function: its call lets the interpreter release the GIL to a waiting thread.
    """
    global running, call_any, take_turns
    running, call_any, take_turns = state, call, turns


def use_outcomes(kind, result, failure):
    """Set the decoders of deliver(): result(data) for records of *kind*, failure(data) for all others."""
    global result_kind, result_of, failure_of
    result_kind, result_of, failure_of = kind, result, failure


def deliver(arrived, tell):
    """Pass arrived outcomes to their sinks.

    arrived: a deque of ((sink, index), kind, data); for kind None, data is an exception.
    tell(sink, index, outcome): used for all sinks but calls without callbacks; must not raise.
    """
    cdef Call call
    cdef object success, value
    while arrived:
        (sink, index), kind, data = arrived.popleft()
        try:
            if kind is None:
                success, value = False, data
            elif kind == result_kind:
                success, value = True, result_of(data)
            else:
                success, value = failure_of(data)
        except BaseException as error:  # unpickling runs the program's code
            success, value = False, error
        data = None
        call = <Call>sink if type(sink) is plain else None
        if call is not None and may_tell(call):
            if call.take_outcome(success, value):
                call.leave()
        else:
            tell(sink, index, (success, value))
        sink = call = value = None


cdef bint may_tell(Call call) noexcept:
    """Whether storing the outcome of that call runs no code of the program."""
    return call.callback is None and call.error_callback is None and type(call.cache) is dict


def new_call(pool, func, args, kwds, callback, error_callback):
    """An ApplyResult, with the function and its arguments for run_calls()."""
    cdef Call call = plain.__new__(plain)
    call.func, call.args, call.kwds = func, args, kwds
    call.enter(pool, callback, error_callback)
    return call


def run_calls(engine, get):
    """Run the calls that get() returns, until it returns None.

    A call is a result of new_call(), or a tuple (sink, index, func, args, kwds).
    """
    cdef Call call
    cdef bint success
    cdef int64_t next_look = hs_now() + LOOK_EVERY
    while True:
        if not HS_FREE_THREADED and hs_now() > next_look:  # compiled code never releases the GIL
            take_turns()
            next_look = hs_now() + LOOK_EVERY
        item = get()
        if item is None:
            return
        index = 0
        if type(item) is tuple:
            sink, index, func, args, kwds = item
            call = None
        else:
            sink = call = <Call?>item
            func, args, kwds = call.func, call.args, call.kwds
            call.func = call.args = call.kwds = None
        item = None
        try:
            if type(args) is tuple and type(kwds) is dict:
                value = func(*args, **kwds)
            else:
                value = call_any(func, args, kwds)
            success = True
        except BaseException as error:
            value = error
            success = False
        func = args = kwds = None  # hold no references while waiting for the next call
        if call is not None and call.callback is None and call.error_callback is None:
            if call.take_outcome(success, value):
                call.leave()
        else:
            engine._tell(sink, index, (success, value))
        sink = call = value = None
        if engine.state is not running:
            engine._look_for_end()
