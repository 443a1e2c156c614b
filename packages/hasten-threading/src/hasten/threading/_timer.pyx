# cython: freethreading_compatible=True
"""Timer: call a function later.  However many timers wait, one thread waits for all of them.

A timer that was started lies in a heap until it is due.  Then the timer thread starts the timer's own
thread, in which run() calls the function: so a function that blocks holds up nobody, and finds
current_thread() to be its Timer.  cancel() takes the timer out of the heap.

The timer thread is started with the first timer and ends when there has been none for a moment.  Nobody
sees it in enumerate().  Pending timers stand in the registry's `limbo`, as threads that were started and do
not run yet; the end of the interpreter waits for those that are no daemons.

A subclass with a run() of its own is none of this: run() may wait as it likes, so it gets a thread at once.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

from clock cimport HS_NEVER, hs_deadline_after, hs_now
from compat cimport hs_mutex, hs_mutex_lock, hs_mutex_unlock
from park cimport hs_waiter
from timeout cimport hs_seconds
from hasten.threading._event cimport is_raised, raise_flag
from hasten.threading._thread cimport Thread, enter_limbo, leave_limbo
from hasten.threading._waiting cimport EVERYBODY, deadline_of, release, seconds_until, sleep, sleepers

import os

import hasten._thread
from hasten._thread import _start as starting
from hasten.threading import _registry as registry
from hasten.threading._event import Event

cdef extern from "_timers.h":
    ctypedef struct hs_timer:
        int64_t deadline
        size_t place
        void *owner
    ctypedef struct hs_timers:
        pass
    hs_timer *hs_timers_first(const hs_timers *h) noexcept
    int hs_timers_add(hs_timers *h, hs_timer *t) noexcept
    bint hs_timers_remove(hs_timers *h, hs_timer *t) noexcept

cdef struct service_state:
    hs_mutex guard
    hs_timers heap
    bint running         # there is a timer thread
    int64_t until        # when it will look at the heap; 0: soon
    Py_ssize_t awaited   # pending timers that are no daemons
    sleepers watching    # the timer thread
    sleepers leaving     # who waits for awaited to become 0

cdef service_state service
cdef double LINGER = 0.1  # seconds that the timer thread waits for another timer


# ---- the heap: each function takes or gives up a reference to the timer ------------------------------------

cdef int schedule(Timer timer) except -1:
    """Put the timer into the heap and see to it that the timer thread looks."""
    cdef bint start
    hs_mutex_lock(&service.guard)
    if hs_timers_add(&service.heap, &timer.entry) < 0:
        hs_mutex_unlock(&service.guard)
        raise MemoryError("no memory for another timer")
    Py_INCREF(timer)
    service.awaited += not timer.daemonic
    start = not service.running
    service.running = True
    if not start and timer.entry.deadline < service.until:
        release(&service.watching, &service.guard, EVERYBODY)
    else:
        hs_mutex_unlock(&service.guard)
    if start:
        start_service(timer)
    return 0


cdef int start_service(Timer timer) except -1:
    try:
        hasten._thread.start_new_thread(serve, ())
    except BaseException:
        hs_mutex_lock(&service.guard)
        service.running = False
        hs_mutex_unlock(&service.guard)
        unschedule(timer)
        raise
    return 0


cdef bint unschedule(Timer timer) except -1:
    """Take the timer out of the heap; False if it was not in."""
    cdef bint removed
    hs_mutex_lock(&service.guard)
    removed = hs_timers_remove(&service.heap, &timer.entry)
    if removed and hs_timers_first(&service.heap) == NULL and service.until > hs_deadline_after(LINGER):
        release(&service.watching, &service.guard, EVERYBODY)  # or it would linger until this timer is due
    else:
        hs_mutex_unlock(&service.guard)
    if removed:
        no_longer_pending(timer)
        Py_DECREF(timer)
    return removed


cdef int no_longer_pending(Timer timer) except -1:
    if not timer.daemonic:
        hs_mutex_lock(&service.guard)
        service.awaited -= 1
        if service.awaited == 0:
            release(&service.leaving, &service.guard, EVERYBODY)
        else:
            hs_mutex_unlock(&service.guard)
    return 0


cdef Timer next_due():
    """Wait for the first timer that is due, and take it; None if there has been none for a while."""
    cdef hs_waiter me
    cdef hs_timer *first
    cdef Timer timer
    cdef int64_t until
    cdef bint lingered = False
    while True:
        hs_mutex_lock(&service.guard)
        service.until = 0
        first = hs_timers_first(&service.heap)
        if first == NULL and lingered:
            service.running = False
            hs_mutex_unlock(&service.guard)
            return None
        if first != NULL and first.deadline <= hs_now():
            hs_timers_remove(&service.heap, first)
            hs_mutex_unlock(&service.guard)
            timer = <Timer>first.owner
            Py_DECREF(timer)
            return timer
        service.until = until = first.deadline if first != NULL else hs_deadline_after(LINGER)
        lingered = not sleep(&service.watching, &service.guard, &me, &service, until) and first == NULL


def serve():
    """What the timer thread does."""
    cdef Timer timer
    while True:
        timer = next_due()
        if timer is None:
            return
        timer.fire()
        timer = None  # not kept while waiting for the next one


def wait_for_timers():
    """Wait until no timer is pending but daemons; whether there was one."""
    cdef hs_waiter me
    cdef bint waited = False
    while True:
        hs_mutex_lock(&service.guard)
        if service.awaited == 0:
            hs_mutex_unlock(&service.guard)
            return waited
        waited = True
        sleep(&service.leaving, &service.guard, &me, &service, HS_NEVER)


def forget_timers():
    """In the child of a fork(): the timer thread is gone, and no timer is pending."""
    cdef hs_timer *first
    cdef list dropped = []
    while True:
        first = hs_timers_first(&service.heap)
        if first == NULL:
            break
        hs_timers_remove(&service.heap, first)
        timer = <object><PyObject *>first.owner
        Py_DECREF(timer)
        dropped.append(timer)
    memset(&service.guard, 0, sizeof(hs_mutex))
    service.running = False
    service.until = 0
    service.awaited = 0


# ---- one timer ----------------------------------------------------------------------------------------

class Finished(Event):
    """The `finished` event of a Timer: setting it cancels the timer while that is pending."""

    __module__ = "hasten.threading"
    __qualname__ = "_Finished"

    def set(self):
        raise_flag(self)  # before: start() arms first and then looks at the flag
        timer = disarm(self)
        if timer is not None:
            (<Timer>timer).withdraw()


cdef object disarm(finished):
    """The timer that setting the event would have cancelled until now, or None."""
    return vars(finished).pop("_pending", None)


cdef class Timer(Thread):
    """Timer(interval, function, args=None, kwargs=None)
--

    Call function(*args, **kwargs) in a thread of its own, *interval* seconds after start().

    args: a sequence; None for none.  kwargs: a dict; None for none.  cancel() calls it off.
    It is a Thread, alive from start() until the function has returned or the timer was cancelled.
    Thread-safety: all methods may be called from any thread.
    """

    cdef hs_timer entry
    cdef object armed   # `finished` as it was at start(): users may replace the attribute
    cdef bint due  # run() need not wait

    def __init__(self, interval, function, args=None, kwargs=None):
        cdef object me = self
        Thread.__init__(self)
        me.interval = interval
        me.function = function
        me.args = [] if args is None else args
        me.kwargs = {} if kwargs is None else kwargs
        me.finished = Finished()
        self.entry.owner = <void *>self

    def start(self):
        """Start the timer.  RuntimeError if that was done before."""
        cdef object me = self
        cdef double seconds = 0
        self.claim_start()
        if self.waits_by_itself(&seconds):
            self.launch()
            return
        if not self.daemonic:
            registry.wait_at_exit()
        self.entry.deadline = hs_deadline_after(seconds)
        enter_limbo(self)
        self.armed = me.finished
        self.armed._pending = self
        try:
            schedule(self)
        except BaseException:
            disarm(self.armed)
            self.armed = None
            leave_limbo(self)
            self.launched = False
            raise
        if is_raised(self.armed):
            self.withdraw()  # cancelled before it was in the heap

    cdef bint waits_by_itself(self, double *seconds) except -1:
        """Whether the timer's thread is to be started at once, and run() to do the waiting."""
        cdef object me = self
        if type(self).run is not Timer.run or "run" in getattr(self, "__dict__", ()):
            return True
        if type(me.finished) is not Finished:
            return True
        try:
            hs_seconds(me.interval, seconds)
        except (TypeError, ValueError):
            return True  # the thread meets the error, and tells excepthook()
        return seconds[0] <= 0

    def cancel(self):
        """Call the timer off, if the function has not been called yet."""
        cdef object me = self
        me.finished.set()

    cdef int withdraw(self) except -1:
        disarm(self.armed)
        if unschedule(self):
            self.end_unrun()
        return 0

    cdef int end_unrun(self) except -1:
        """The timer's thread will never run."""
        leave_limbo(self)
        self._after_fork(None)
        return 0

    cdef int fire(self) except -1:
        """In the timer thread: start the timer's own."""
        disarm(self.armed)
        self.due = True
        try:
            starting._start_promised(self._bootstrap, self.the_handle(), self.daemonic)
        except BaseException:
            self._invoke_excepthook(self)
            self.end_unrun()
        no_longer_pending(self)
        return 0

    def run(self):
        """Wait for the interval, if start() has left that to this thread, and call the function."""
        cdef object me = self
        if not self.due:
            me.finished.wait(me.interval)
        if not me.finished.is_set():
            me.function(*me.args, **me.kwargs)
        me.finished.set()

    def join(self, timeout=None):
        """Wait until the function has returned or the timer was cancelled.

        Arguments and errors are those of Thread.join().
        """
        cdef hs_waiter me
        cdef int64_t deadline
        if self.armed is not None:
            deadline = deadline_of(timeout)
            hs_mutex_lock(&self.guard)
            if deadline > 0 and not self.begun:
                sleep(&self.beginning, &self.guard, &me, <void *>self, deadline)
            else:
                hs_mutex_unlock(&self.guard)
            if not self.begun:
                return  # there is no thread to be joined yet
            timeout = seconds_until(deadline)
        Thread.join(self, timeout)


registry.also_wait(wait_for_timers)
os.register_at_fork(after_in_child=forget_timers)
