# cython: freethreading_compatible=True
"""wait() and as_completed(): waiting for several futures at once.

A Collector adds one watch (see _future.pxd) to each future that has not ended.  A future that ends passes its
watch to the collector, in constant time however many are outstanding, and the collector wakes its thread when
enough have arrived.  Afterwards the remaining watches are removed.

Lock order: a future's guard, then the collector's.  A future calls arrive() with its own guard held and does
not use the watch afterwards, so a thread that has held the future's guard since may free the watch.

Futures of the standard library's class are waited for as there: the collector is one of their `_waiters`.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waitlist
from sleep cimport hs_wakes
from timeout cimport hs_deadline_of, hs_expired
from hasten.futures._future cimport FutureState, is_ours, state_of, watch
from hasten.futures._waiting cimport dequeue_all_locked, park, wake

from concurrent.futures import _base as stdlib

cdef object DoneAndNotDoneFutures = stdlib.DoneAndNotDoneFutures
cdef object TimeoutError = stdlib.TimeoutError


cdef class Collector:
    """Collects the futures that are done."""
    cdef hs_mutex guard
    cdef hs_waitlist asleep
    cdef watch *watches         # one for each of our futures
    cdef Py_ssize_t count
    cdef watch *first           # the watches that have arrived and were not taken
    cdef watch *last
    cdef Py_ssize_t arrived
    cdef Py_ssize_t wanted      # how many have to arrive before the thread is woken
    cdef bint until_exception
    cdef set futures            # keeps them alive until they are taken
    cdef dict others            # the watches of the standard library's futures

    def __cinit__(self):
        self.futures, self.others = set(), {}

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.watches[i].state != NULL:
                Py_DECREF(<FutureState>self.watches[i].state)
        free(self.watches)

    cdef int watch_all(self, set futures, Py_ssize_t wanted, bint until_exception) except -1:
        """Watch *futures*; those that have ended arrive at once.  take() removes them from the set."""
        cdef watch *w
        cdef FutureState state
        self.futures, self.wanted, self.until_exception = futures, wanted, until_exception
        self.watches = <watch *>calloc(max(len(futures), 1), sizeof(watch))
        if self.watches == NULL:
            raise MemoryError(f"no memory to wait for {len(futures)} futures")
        for future in futures:
            w = &self.watches[self.count]
            self.count += 1
            w.future = <void *>future
            if is_ours(future):
                state = state_of(future)
                Py_INCREF(state)
                w.state, w.watcher, w.notice = <void *>state, <void *>self, arrive
                if not state.add_watch(w):
                    take_in(w, state.error is not None)
            else:
                self.watch_other(future, w)
        return 0

    cdef int watch_other(self, future, watch *w) except -1:
        self.others[future] = <size_t>w
        with future._condition:
            if has_ended(future):
                self.arrive_other(future, False)
            else:
                future._waiters.append(self)
        return 0

    cdef int unwatch_all(self) except -1:
        """Remove all watches: no future refers to the collector any more."""
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.watches[i].state != NULL and self.watches[i].future != NULL:
                (<FutureState>self.watches[i].state).remove_watch(&self.watches[i])
        for future in list(self.others):
            self.unwatch_other(future)
        return 0

    cdef int unwatch_other(self, future) except -1:
        with future._condition:
            if self in future._waiters:
                future._waiters.remove(self)
        self.others.pop(future, None)
        return 0

    cdef bint sleep_until(self, int64_t deadline) except -1:
        """Block until enough futures have arrived (True) or the deadline has passed (False)."""
        while True:
            hs_mutex_lock(&self.guard)
            if self.arrived >= self.wanted or hs_expired(deadline):
                hs_mutex_unlock(&self.guard)
                return self.arrived >= self.wanted
            park(&self.asleep, &self.guard, deadline, NULL)

    cdef object take(self):
        """The next future in the order of arrival; None if none has arrived."""
        cdef watch *w
        cdef object future = None
        hs_mutex_lock(&self.guard)
        w = self.first
        if w != NULL:
            self.first = w.next_done
            future = <object>w.future
            w.future = NULL
            self.arrived -= 1
        hs_mutex_unlock(&self.guard)
        if w != NULL:
            self.futures.discard(future)
            if self.others and future in self.others:
                self.unwatch_other(future)
        return future

    cdef int take_all(self, set done) except -1:
        """Move all futures that have arrived to *done*.  Only after unwatch_all()."""
        if self.arrived == len(self.futures):
            done |= self.futures  # much faster than one by one
            self.futures.clear()
            return 0
        while self.first != NULL:
            done.add(self.take())
        return 0

    cdef int arrive_other(self, future, bint failed) except -1:
        cdef hs_wakes due
        cdef watch *w
        if future not in self.others:
            return 0
        w = <watch *><size_t>self.others[future]
        due.count = 0
        hs_mutex_lock(&self.guard)
        append(self, w, failed, &due)
        hs_mutex_unlock(&self.guard)
        wake(&due)
        return 0

    def add_result(self, future):
        """Called by a standard library future that has a result."""
        self.arrive_other(future, False)

    def add_exception(self, future):
        """Called by a standard library future that has an exception."""
        self.arrive_other(future, True)

    def add_cancelled(self, future):
        """Called by a standard library future that was cancelled."""
        self.arrive_other(future, False)


cdef void arrive(watch *w, bint failed, hs_wakes *due) noexcept:
    """Called by a future that has ended, with its guard held."""
    cdef Collector self = <Collector>w.watcher
    hs_mutex_lock(&self.guard)
    append(self, w, failed, due)
    hs_mutex_unlock(&self.guard)


cdef void take_in(watch *w, bint failed) noexcept:
    """Add the watch of a future that had ended before it could be watched."""
    cdef hs_wakes nobody
    nobody.count = 0
    arrive(w, failed, &nobody)


cdef void append(Collector self, watch *w, bint failed, hs_wakes *due) noexcept:
    """Add an arrived watch.  With the guard held."""
    w.next_done = NULL
    if self.first == NULL:
        self.first = w
    else:
        self.last.next_done = w
    self.last = w
    self.arrived += 1
    if failed and self.until_exception:
        self.wanted = 0
    if self.arrived >= self.wanted:
        dequeue_all_locked(&self.asleep, due)


cdef bint has_ended(future) except -1:
    if is_ours(future):
        return state_of(future).has_ended()
    with future._condition:
        return future._state in ("CANCELLED_AND_NOTIFIED", "FINISHED")


cdef bint has_failed(future) except -1:
    return not future.cancelled() and future.exception() is not None


cdef bint are_enough(set done, return_when) except -1:
    """Whether wait() can return with those that are done."""
    if return_when == "FIRST_COMPLETED":
        return len(done) > 0
    if return_when == "FIRST_EXCEPTION":
        for future in done:
            if has_failed(future):
                return True
    return False


def wait(fs, timeout=None, return_when="ALL_COMPLETED"):
    """Wait for futures.  Returns a named tuple of two sets: (done, not_done).

    fs: an iterable of futures, of any executors; duplicates count once.
    timeout: seconds, any real number; None: no limit; 0 or less: does not block.
    return_when: ALL_COMPLETED; FIRST_COMPLETED: as soon as one has ended or was cancelled;
    FIRST_EXCEPTION: as soon as one has raised, or all have ended.  ValueError for anything else, and for a
    NaN timeout.  A cancelled future counts as done once its executor has noticed.  Thread-safe.
    """
    cdef int64_t deadline = hs_deadline_of(timeout)
    cdef set pending = set(fs)
    cdef set done = {future for future in pending if has_ended(future)}
    cdef Collector collector
    pending -= done
    if not pending or are_enough(done, return_when):
        return DoneAndNotDoneFutures(done, pending)
    if return_when not in ("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"):
        raise ValueError(
            f"Invalid return condition: {return_when!r}; "
            "it is FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED"
        )
    collector = Collector()
    try:
        collector.watch_all(
            pending,
            1 if return_when == "FIRST_COMPLETED" else len(pending),
            return_when == "FIRST_EXCEPTION",
        )
        collector.sleep_until(deadline)
    finally:
        collector.unwatch_all()
    collector.take_all(done)  # out of `pending`
    return DoneAndNotDoneFutures(done, pending)


def as_completed(fs, timeout=None):
    """An iterator over futures in the order of completion.  next() blocks until one is done.

    fs: an iterable of futures, of any executors; duplicates are yielded once.  timeout: seconds from the
    first next() on, any real number; None: no limit.  TimeoutError if the next future is not done by then;
    ValueError for NaN.  The iterator keeps no reference to a future that it has yielded.
    """
    cdef int64_t deadline = hs_deadline_of(timeout)
    cdef set pending = set(fs)
    cdef Py_ssize_t total = len(pending), given = 0
    cdef Collector collector = Collector()
    try:
        collector.watch_all(pending, 1, False)
        pending = None
        while given < total:
            if not collector.sleep_until(deadline):
                raise TimeoutError(f"{total - given} (of {total}) futures unfinished")
            given += 1
            yield collector.take()
    finally:
        collector.unwatch_all()
