# cython: freethreading_compatible=True
"""The timer service: one thread that waits for all pending timers.

A pending timer is in a heap until it is due.  Then the service starts the timer's own thread, in which
Timer.run() calls the function, so a function that blocks delays no other timer.  withdraw() removes a timer
from the heap.  The service starts with the first timer and ends LINGER seconds after the heap has become
empty.

A pending timer has the identifier of the service's thread and is in the registry's `limbo`, as a thread
that is being started.  The interpreter's exit waits for non-daemon timers.

Invariant: no exception ends the service.  One that is sent to its thread, or raised by a timer's start or
by the excepthook, is reported.  The service waits in a Python function (_timers.wait_for_next) so that its
thread has a frame; a timer taken from the heap is in the Turn passed to that function, where an exception
does not lose it.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

from clock cimport HS_NEVER, hs_deadline_after, hs_now
from compat cimport hs_load, hs_mutex, hs_mutex_lock, hs_mutex_unlock, hs_store
from park cimport hs_park_init, hs_waitlist
from sleep cimport hs_park, hs_unpark_all
from hasten.threading._thread cimport claim, leave_limbo

import os

import hasten._thread
from hasten._thread import _start as starting
from hasten.threading import _registry as registry
from hasten.threading._thread import HANDLE

cdef extern from "Python.h":
    void PyErr_SetObject(object kind, object error)  # no `except`: the error set is reported, not raised
    void PyErr_WriteUnraisable(object where)

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

if hs_park_init() != 0:
    raise MemoryError("no memory for the handler that resets sleeping threads after fork()")

cdef struct service_state:
    hs_mutex guard
    hs_timers heap
    int threads           # services running or being started: 0 or 1
    int holds             # threads about to add a timer: the service does not end
    Py_ssize_t awaited    # pending non-daemon timers
    hs_waitlist watching  # the service
    hs_waitlist leaving   # threads that wait for `awaited` to become 0
    hs_waitlist joining   # threads that wait for a timer to be no longer pending

cdef service_state service
cdef double LINGER = 0.1  # seconds that the service waits for another timer

cdef object beginning = None     # a lock: one thread at a time starts a service
cdef object new_event = None     # the public Event
cdef object wait_for_next = None
cdef object ready = None         # an event: the service that was started last runs
cdef tuple service_ids = (None, None)


def _set_python_parts(event, lock, waiting):
    """Set the public Event, a lock, and the Python function in which the service waits."""
    global new_event, beginning, wait_for_next
    new_event, beginning, wait_for_next = event, lock, waiting


cdef void report(error, timer) noexcept:
    """Pass an exception to sys.unraisablehook().

    Not by Cython's handling of exceptions in `noexcept` functions: there a SystemExit would end the program.
    """
    PyErr_SetObject(<object>type(error), error)
    PyErr_WriteUnraisable(timer)


@cython.final
cdef class Pending:
    """One timer in the heap.  While it is there, the heap owns a reference to this object."""

    cdef hs_timer entry
    cdef readonly object timer
    cdef object finished  # the timer's event, whose set() withdraws it
    cdef bint daemonic
    cdef int over         # no longer pending: fired (the timer has a thread) or withdrawn

    def __reduce__(self):
        raise TypeError("cannot pickle a pending timer")

    def is_over(self):
        """Whether the timer is no longer pending."""
        return bool(hs_load(&self.over))

    def wait(self, deadline):
        """Wait until the timer is no longer pending, or the deadline; returns is_over()."""
        cdef int64_t until = deadline
        while True:
            hs_mutex_lock(&service.guard)
            if self.over or until == 0 or until != HS_NEVER and hs_now() >= until:
                hs_mutex_unlock(&service.guard)
                return self.is_over()
            hs_park(&service.joining, &service.guard, until, NULL)

    def withdraw(self):
        """Remove the timer from the heap, so that it never fires; False if it has fired."""
        if not unschedule(self):
            return False
        disarm(self)
        end_unrun(self)
        return True


# ---- the heap, which owns a reference to each timer in it --------------------------------------------------

cdef bint schedule(Pending pending) except -1:
    """Put the timer into the heap; returns whether a service has to be started."""
    cdef bint idle
    hs_mutex_lock(&service.guard)
    if hs_timers_add(&service.heap, &pending.entry) < 0:
        hs_mutex_unlock(&service.guard)
        raise MemoryError("no memory for another timer")
    Py_INCREF(pending)
    service.awaited += not pending.daemonic
    idle = service.threads == 0
    if hs_timers_first(&service.heap) == &pending.entry:
        hs_unpark_all(&service.watching, &service.guard)
    else:
        hs_mutex_unlock(&service.guard)
    return idle


cdef bint unschedule(Pending pending) except -1:
    """Remove the timer from the heap; False if it was not there."""
    cdef bint removed
    hs_mutex_lock(&service.guard)
    removed = hs_timers_remove(&service.heap, &pending.entry)
    if removed and hs_timers_first(&service.heap) == NULL:
        hs_unpark_all(&service.watching, &service.guard)  # else the service stays until this timer is due
    else:
        hs_mutex_unlock(&service.guard)
    if removed:
        no_longer_awaited(pending)
        Py_DECREF(pending)
    return removed


cdef void no_longer_awaited(Pending pending) noexcept:
    if not pending.daemonic:
        hs_mutex_lock(&service.guard)
        service.awaited -= 1
        if service.awaited == 0:
            hs_unpark_all(&service.leaving, &service.guard)
        else:
            hs_mutex_unlock(&service.guard)


cdef void no_longer_pending(Pending pending) noexcept:
    hs_mutex_lock(&service.guard)
    hs_store(&pending.over, 1)
    hs_unpark_all(&service.joining, &service.guard)
    try:
        pending.timer._pending = None  # they refer to each other
    except BaseException as error:
        report(error, pending.timer)


# ---- the service -------------------------------------------------------------------------------------------

@cython.final
cdef class Turn:
    """One turn of the service."""

    cdef Pending due  # the timer that wait() has taken from the heap
    cdef bint idle    # there was none for LINGER seconds: this service has ended

    def wait(self):
        """Wait until a timer is due, and take it from the heap."""
        cdef hs_timer *first
        cdef bint lingered = False
        cdef int64_t until
        while True:
            hs_mutex_lock(&service.guard)
            first = hs_timers_first(&service.heap)
            if first == NULL and lingered and service.holds <= 0:
                self.idle = True
                service.threads = 0
                hs_mutex_unlock(&service.guard)
                return
            if first != NULL and first.deadline <= hs_now():
                hs_timers_remove(&service.heap, first)
                hs_mutex_unlock(&service.guard)
                self.due = <Pending>first.owner
                Py_DECREF(self.due)
                return
            until = first.deadline if first != NULL else hs_deadline_after(LINGER)
            hs_park(&service.watching, &service.guard, until, NULL)
            lingered = first == NULL and hs_now() >= until


def serve():
    """Run the service.  It ends only with Turn.idle, which is set together with `service.threads`."""
    global service_ids
    service_ids = (hasten._thread.get_ident(), hasten._thread.get_native_id())
    ready.set()
    while serve_once():
        pass


cdef bint serve_once() noexcept:
    """Fire the next timer; False if the service has ended."""
    cdef Turn turn = None
    try:
        turn = Turn.__new__(Turn)
        wait_for_next(turn)
    except BaseException as error:
        report(error, wait_for_next)
    if turn is None:
        return True
    if turn.due is not None:
        fire(turn.due)
    return not turn.idle


cdef void hold_service(int change) noexcept:
    hs_mutex_lock(&service.guard)
    service.holds += change
    hs_mutex_unlock(&service.guard)


cdef int need_service() except -1:
    """Start a service unless one runs."""
    global ready
    if service.threads and ready is not None and ready.is_set():
        return 0
    with beginning:
        if service.threads == 0:
            ready = new_event()
            service.threads = 1
            try:
                starting.start_new_thread(serve, ())
            except BaseException:
                service.threads = 0
                raise
        ready.wait()
    return 0


cdef void fire(Pending pending) noexcept:
    """Start the timer's own thread.  Called by the service."""
    try:
        start_thread_of(pending)
    except BaseException:
        try:
            pending.timer._invoke_excepthook(pending.timer)
        except BaseException as error:
            report(error, pending.timer)
        end_unrun(pending)
    no_longer_pending(pending)
    no_longer_awaited(pending)


cdef int start_thread_of(Pending pending) except -1:
    timer = pending.timer
    disarm(pending)
    timer._due = True
    # is_alive() and join() use `pending` until the thread has begun
    timer._started = begun = new_event()
    if HANDLE:
        starting._start_promised(timer._bootstrap, getattr(timer, HANDLE), timer.daemon)
    else:
        starting._start_new_promised(timer._bootstrap)
    begun.wait()
    return 0


cdef int disarm(Pending pending) except -1:
    finished, pending.finished = pending.finished, None
    if finished is not None:
        finished._pending = None
    return 0


cdef void end_unrun(Pending pending) noexcept:
    """Mark the timer as ended: its thread will never run."""
    try:
        leave_limbo(pending.timer)
    except BaseException as error:
        report(error, pending.timer)
    try:
        pending.timer._end_unrun()
    except BaseException as error:
        report(error, pending.timer)
    no_longer_pending(pending)


def start_shared(timer, double seconds):
    """Have the service fire this timer.  If this raises, the timer is as before."""
    cdef Pending pending = Pending.__new__(Pending)
    cdef bint scheduled = False
    claim(timer)
    hold_service(1)
    try:
        pending.timer = timer
        pending.daemonic = timer.daemon
        pending.entry.owner = <void *>pending
        pending.entry.deadline = hs_deadline_after(seconds)
        pending.finished = timer.finished
        if not pending.daemonic:
            registry.wait_at_exit()
        need_service()
        # Set before schedule(): the timer may fire as soon as it is in the heap.
        timer._ident, timer._native_id = service_ids
        timer._pending = pending.finished._pending = pending
        timer._started.set()
        if schedule(pending):
            need_service()
        scheduled = True
    except BaseException:
        if not scheduled:
            unschedule(pending)
            timer._started.clear()
            timer._ident = timer._native_id = None
            disarm(pending)
            leave_limbo(timer)
            no_longer_pending(pending)
        raise
    finally:
        hold_service(-1)
    if timer.finished.is_set():
        pending.withdraw()  # cancelled before it was in the heap


def wait_for_timers():
    """Wait until no non-daemon timer is pending; returns whether there was one."""
    cdef bint waited = False
    while True:
        hs_mutex_lock(&service.guard)
        if service.awaited == 0:
            hs_mutex_unlock(&service.guard)
            return waited
        waited = True
        hs_park(&service.leaving, &service.guard, HS_NEVER, NULL)


def forget_timers():
    """In the child of a fork(): there is no service, and no timer is pending any more."""
    global beginning
    cdef hs_timer *first
    cdef list dropped = []
    memset(&service.guard, 0, sizeof(hs_mutex))
    beginning = hasten._thread.RLock()
    service.threads = service.holds = 0
    service.awaited = 0
    while True:
        first = hs_timers_first(&service.heap)
        if first == NULL:
            break
        hs_timers_remove(&service.heap, first)
        dropped.append(<object><PyObject *>first.owner)
        Py_DECREF(dropped[-1])
    for pending in dropped:
        end_unrun(pending)


registry.also_wait(wait_for_timers)
os.register_at_fork(after_in_child=forget_timers)
