# cython: freethreading_compatible=True
"""What a result of a call is made of, and the loop of a thread that runs calls.

A Call is the base of ApplyResult: its state, without a dictionary.  In a pool of threads it also carries what
is to be called, so that it is itself what goes through the queue.

What holds:

- `done` is stored last, after the outcome and after the call has left the pool's cache; whoever has read it
  as true may read the outcome.
- Whoever waits makes the event first and then looks at `done`; whoever finishes stores `done` first and then
  looks for the event, both under the object's critical section: so one of them sees the other.
- Fields that are changed while others may look are read and written in the object's critical section, which
  is the GIL where there is one.
"""

cimport cython

from libc.stdint cimport int64_t

from clock cimport hs_now
from compat cimport HS_FREE_THREADED, hs_load, hs_store

cdef enum:
    LOOK_EVERY = 500000  # ns between two looks whether another thread has asked for the GIL


cdef class Call:
    cdef object func, args, kwds  # what a thread is to call; None elsewhere, and once it was taken
    cdef object callback, error_callback, pool, cache, job, outcome, event
    cdef bint success
    cdef int done

    cdef int enter(self, pool, callback, error_callback) except -1:
        """Have the pool know it."""
        self.callback = callback
        self.error_callback = error_callback
        self.pool = pool
        self.job = next(job_counter)
        self.cache = pool._cache
        self.cache[self.job] = self
        return 0

    cdef int finish(self) except -1:
        """Call back, and let those go who wait."""
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
            _pool, self.pool = self.pool, None  # freed when the lock is
            _callback, self.callback = self.callback, None
            _error_callback, self.error_callback = self.error_callback, None
        if event is not None:
            event.set()
        return 0

    def __copy__(self):
        """As a copy of any object: it is told nothing that the original is told."""
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
        """False if there was one."""
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
        """What those wait for who have come before the result; made at its first use."""
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
    """Say where numbers of jobs come from, what makes an event, and which class new_call() makes."""
    global job_counter, new_event, plain
    job_counter, new_event, plain = counter, event, cls


def use_threads(state, call, turns):
    """Say in which state an engine needs no look at its end; and two functions of Python's.

    call(func, args, kwds): makes a call whose arguments are not a tuple and a dictionary, for the words of
    its errors.  turns(): takes no time, and lets the interpreter do what it does between two instructions.
    """
    global running, call_any, take_turns
    running, call_any, take_turns = state, call, turns


def use_outcomes(kind, result, failure):
    """Say what deliver() is to know: the kind of a result, result(data), and failure(data): an outcome."""
    global result_kind, result_of, failure_of
    result_kind, result_of, failure_of = kind, result, failure


def deliver(arrived, tell):
    """Tell sinks what has arrived: ((sink, index), kind, data), with kind None for an exception.

    tell(sink, index, outcome) tells all but a call without callbacks, and does not raise.
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
    """Whether no code of a program's runs when that call has its outcome."""
    return call.callback is None and call.error_callback is None and type(call.cache) is dict


def new_call(pool, func, args, kwds, callback, error_callback):
    """An ApplyResult, which for run_calls() carries what is to be called."""
    cdef Call call = plain.__new__(plain)
    call.func, call.args, call.kwds = func, args, kwds
    call.enter(pool, callback, error_callback)
    return call


def run_calls(engine, get):
    """Run calls from the queue whose get() this is until it gives None.

    A call is what new_call() has made, or a tuple (sink, index, func, args, kwds).
    """
    cdef Call call
    cdef bint success
    cdef int64_t next_look = hs_now() + LOOK_EVERY
    while True:
        if not HS_FREE_THREADED and hs_now() > next_look:  # calls of compiled functions never give way
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
        func = args = kwds = None  # nothing is kept while the thread waits for the next
        if call is not None and call.callback is None and call.error_callback is None:
            if call.take_outcome(success, value):
                call.leave()
        else:
            engine._tell(sink, index, (success, value))
        sink = call = value = None
        if engine.state is not running:
            engine._look_for_end()
