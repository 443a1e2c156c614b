# cython: freethreading_compatible=True
"""The scheduler: its methods, and which of the two ways to keep events each of them takes.

enterabs(), cancel() and run() use the agenda as long as all pending events can be compared in C.  Under
the guard they look, and move one record; nothing in between runs Python code.  So finalizers, signal
handlers and other threads may use the scheduler at any moment, also while timefunc, delayfunc or an
action runs.  Difficult events go the way of _fallback.pyx; whoever finds that they have just moved from one
to the other looks AGAIN.

run() waits by itself where the delayfunc is time.sleep, so that it can be woken: by an event that comes
before the one it waits for, or when that one is cancelled.  Another delayfunc is called as ever.
"""

import time as _time_module
from types import BuiltinFunctionType

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport Py_TYPE, PyObject_GenericSetAttr
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint64_t

from clock cimport hs_deadline_after, hs_now
from compat cimport hs_mutex_lock, hs_mutex_unlock, hs_type_tag
from park cimport hs_waitlist
from timeout cimport hs_seconds
from hasten.sched._event cimport event_of, new_event, perform, point_into, same_objects, sequence_of
from hasten.sched._fallback cimport AGAIN, DUE, LATER, NOTHING, Fallback, not_queued, position
from hasten.sched._numbers cimport as_double, as_long, is_real
from hasten.sched._pending cimport (handed_over, hs_agenda, hs_agenda_add, hs_agenda_cancel, hs_agenda_detach,
                                    hs_agenda_first, hs_agenda_first_time, hs_agenda_free, hs_agenda_on_top,
                                    hs_agenda_take_first, hs_next_number, hs_record, hs_record_drop,
                                    hs_record_incref, hs_records_find, take_over)
from hasten.sched._waiting cimport sleep, wake_all

cdef enum:
    PAUSE_EVERY = 1000000  # ns

cdef object system_sleep = _time_module.sleep
if not isinstance(system_sleep, BuiltinFunctionType):
    system_sleep = None  # replaced by another one (gevent does that), which is to be called

# The tag of a type whose enterabs() is ours; no other type ever has the same
cdef unsigned int direct_tag = 0
cdef object own_enterabs = None

# What an overridden enterabs() gets for kwargs if enter() was given none
cdef object unset = object()
_sentinel = unset


cdef class scheduler(Fallback):
    """Runs actions at given times, each once, in the order of time, priority and entry.

    *timefunc* tells the time, without arguments; *delayfunc* waits, for a difference of two such times.
    The default is the monotonic clock in seconds and time.sleep.

    Every method may be called from any thread, from actions, signal handlers and finalizers.
    """

    cdef hs_waitlist sleepers
    cdef uint64_t tops      # counts how often another event than before came first, out of turn
    cdef uint64_t sequence  # of the next event
    cdef bint shadowed      # enterabs is an attribute of the instance

    def _reset(self):
        """Forget all events and count from 0 again."""
        cdef hs_agenda dropped
        self.empty_list()
        hs_mutex_lock(&self.guard)
        dropped = hs_agenda_detach(&self.agenda)
        self.changed += 1
        self.sequence = 0
        _last = self.replace_newest(None, 0)  # dropped when the guard is free
        self.tell_sleepers()
        hs_mutex_unlock(&self.guard)
        hs_agenda_free(&dropped)

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object")

    cdef void tell_sleepers(self) noexcept:
        """Another event comes first now; the guard is held."""
        self.tops += 1
        wake_all(&self.sleepers)

    # ---- entering ----

    @cython.embedsignature(False)
    def enterabs(self, time, priority, action, argument=(), kwargs=unset):
        """enterabs($self, time, priority, action, argument=(), kwargs={})
--

        Have run() call action(*argument, **kwargs) at *time*; returns the event, for cancel().

        Of the events of one time, that with the lowest *priority* (a number) comes first; of those, the
        one that was entered first.  A run() that sleeps in time.sleep takes note of the new event.
        """
        return self.enter_at(time, priority, action, argument, kwargs)

    @cython.embedsignature(False)
    def enter(self, delay, priority, action, argument=(), kwargs=unset):
        """enter($self, delay, priority, action, argument=(), kwargs={})
--

        The same with a time *delay* from now: timefunc() + delay.
        """
        time = (<object>self).timefunc() + delay
        if self.is_direct():
            return self.enter_at(time, priority, action, argument, kwargs)
        return (<object>self).enterabs(time, priority, action, argument, kwargs)

    cdef bint is_direct(self) except -1:
        """Whether self.enterabs is the method above.  A look at the type's tag nearly always tells."""
        global direct_tag
        cdef unsigned int tag = hs_type_tag(Py_TYPE(self))
        if self.shadowed:
            return False
        if tag != 0 and tag == direct_tag:
            return True
        if type(self).enterabs is not own_enterabs:
            return False
        direct_tag = tag
        return True

    def __setattr__(self, name, value):
        if name == "enterabs":
            self.shadowed = True
        PyObject_GenericSetAttr(self, name, value)

    cdef object enter_at(self, time, priority, action, argument, kwargs):
        cdef double due
        cdef long rank
        cdef uint64_t sequence = hs_next_number(&self.sequence)
        cdef bint implicit = kwargs is unset
        if implicit:
            kwargs = self.no_kwargs()
        event = new_event(time, priority, sequence, action, argument, kwargs)
        if (as_double(time, &due) and as_long(priority, &rank)
                and self.add(due, rank, sequence, event, implicit)):
            return event
        if self.push_on_list(event):
            hs_mutex_lock(&self.guard)
            self.tell_sleepers()
            hs_mutex_unlock(&self.guard)
        return event

    cdef bint add(self, double due, long rank, uint64_t sequence, event, bint implicit) except -1:
        """False if the events are in a list.  *implicit*: kwargs were not given."""
        cdef dict _last = None  # dropped when the guard is free
        cdef hs_record record
        cdef bint added = False, failed = False
        record.sequence = sequence
        point_into(event, &record)
        if implicit:
            record.kwargs = NULL
        hs_record_incref(&record)
        hs_mutex_lock(&self.guard)
        if self.events is None:
            added = hs_agenda_add(&self.agenda, due, rank, record) == 0
            failed = not added
        if added:
            self.changed += 1
            if implicit:
                _last = self.replace_newest(event[5], sequence)
            if hs_agenda_on_top(&self.agenda, sequence):
                self.tell_sleepers()
        hs_mutex_unlock(&self.guard)
        if not added:
            hs_record_drop(&record)
            if failed:
                raise MemoryError("no memory for another event in the scheduler")
        return added

    # ---- cancelling ----

    def cancel(self, event):
        """Remove an event that enter() or enterabs() returned, or an equal one, so that it does not run.

        ValueError if it is not in the queue: it has run, or was cancelled before.  If a run() sleeps in
        time.sleep until the time of this event, it wakes up.
        """
        while not self.remove_from_agenda(event):
            if self.remove_from_list(event):
                hs_mutex_lock(&self.guard)
                self.tell_sleepers()
                hs_mutex_unlock(&self.guard)
                break

    cdef bint remove_from_agenda(self, event) except -1:
        """False if the events are in a list."""
        cdef uint64_t sequence
        cdef hs_record found
        cdef hs_record *pending
        if not sequence_of(event, &sequence):
            return self.search_and_remove(event)
        hs_mutex_lock(&self.guard)
        if self.events is not None:
            hs_mutex_unlock(&self.guard)
            return False
        pending = hs_records_find(&self.agenda.records, sequence)
        if pending == NULL:
            hs_mutex_unlock(&self.guard)
            raise not_queued(event)
        self.complete(pending)
        if same_objects(pending, event):
            self.remove(pending)
            return True
        found = pending[0]
        hs_record_incref(&found)
        hs_mutex_unlock(&self.guard)
        if found.kwargs == NULL:
            found.kwargs = handed_over({})
        try:
            equal = event_of(&found) == event
        finally:
            hs_record_drop(&found)
        if not equal:
            raise not_queued(event)
        return self.remove_number(sequence, event)

    cdef bint remove_number(self, uint64_t sequence, event) except -1:
        cdef hs_record *pending
        cdef bint in_list
        hs_mutex_lock(&self.guard)
        in_list = self.events is not None
        pending = NULL if in_list else hs_records_find(&self.agenda.records, sequence)
        if pending != NULL:
            self.remove(pending)
            return True
        hs_mutex_unlock(&self.guard)
        if in_list:
            return False
        raise not_queued(event)

    cdef void remove(self, hs_record *pending) noexcept:
        """Take a record out of the agenda and drop it; the guard is held, and free at the end."""
        cdef hs_record record
        self.changed += 1
        if hs_agenda_on_top(&self.agenda, pending.sequence):
            self.tell_sleepers()
        record = hs_agenda_cancel(&self.agenda, pending)
        hs_mutex_unlock(&self.guard)
        hs_record_drop(&record)

    cdef bint search_and_remove(self, event) except -1:
        """The same for an object that may be equal to any event."""
        events = self.listed(NULL)
        if events is None:
            return False
        return self.remove_number(events[position(events, event)][2], event)

    # ---- running ----

    def run(self, blocking=True):
        """Run the actions of all events when they are due, until there are no more.

        Until then wait with delayfunc(time that is left), and call delayfunc(0) after every action, which
        lets other threads run.  (Where delayfunc is time.sleep, a real sleep(0) takes place once a
        millisecond only.)  With a false *blocking* run the events that are due now, and return the time
        that is left until the next one, or None if there is none.

        What an action, timefunc or delayfunc raises ends run(): the event of that action is done with,
        all others are still there, and run() may be called again.  Ctrl-C ends the wait in time.sleep.
        Actions may use the scheduler, run() included, and several threads may be in run() at once.
        """
        cdef hs_record due
        cdef uint64_t tops
        cdef int found
        cdef int64_t last_pause = hs_now()
        timefunc, delayfunc = (<object>self).timefunc, (<object>self).delayfunc
        cdef bint naps = delayfunc is system_sleep
        while not self.nothing_pending():
            tops = self.tops
            now = timefunc()
            found = self.take(now, &due)
            if found == DUE:
                perform(&due)
                if naps and hs_now() - last_pause < PAUSE_EVERY:
                    PyErr_CheckSignals()
                else:
                    delayfunc(0)
                    last_pause = hs_now() if naps else 0
            elif found == LATER:
                delay = take_over(due.time) - now
                if not blocking:
                    return delay
                if naps and is_real(delay):
                    self.sleep_for(delay, tops)
                else:
                    delayfunc(delay)
        return None

    cdef int take(self, now, hs_record *due) except -1:
        """Hand over the first event if it is due; if it is LATER, its time alone."""
        cdef double at
        cdef int found = AGAIN
        while found == AGAIN:
            if self.events is not None:
                found = self.take_from_list(now, due)
            elif as_double(now, &at):
                found = self.take_from_agenda(at, due)
            else:
                found = self.compare_and_take(now, due)
        return found

    cdef int take_from_agenda(self, double now, hs_record *due) noexcept:
        cdef hs_record *first
        cdef int found
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if self.events is not None:
            found = AGAIN
        elif first == NULL:
            found = NOTHING
        elif hs_agenda_first_time(&self.agenda) > now:
            found = LATER
            due.time = first.time
            Py_INCREF(<object>due.time)
        else:
            found = DUE
            due[0] = hs_agenda_take_first(&self.agenda, first)
            self.complete(due)
            self.changed += 1
        hs_mutex_unlock(&self.guard)
        return found

    cdef int compare_and_take(self, now, hs_record *due) except -1:
        """The same for a timefunc whose results C cannot compare."""
        cdef hs_record *first
        cdef uint64_t sequence
        cdef int found = AGAIN
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if first == NULL or self.events is not None:
            found = NOTHING if self.events is None else AGAIN
            hs_mutex_unlock(&self.guard)
            return found
        sequence = first.sequence
        due.time = first.time
        Py_INCREF(<object>due.time)
        hs_mutex_unlock(&self.guard)
        time = take_over(due.time)
        if time > now:
            due.time = handed_over(time)
            return LATER
        hs_mutex_lock(&self.guard)
        first = hs_agenda_first(&self.agenda)
        if self.events is None and first != NULL and first.sequence == sequence:
            found = DUE
            due[0] = hs_agenda_take_first(&self.agenda, first)
            self.complete(due)
            self.changed += 1
        hs_mutex_unlock(&self.guard)
        return found

    cdef int sleep_for(self, delay, uint64_t tops) except -1:
        """Sleep so many seconds, unless another event has come first since `tops` was read."""
        cdef double seconds
        hs_seconds(delay, &seconds)
        cdef int64_t deadline = hs_deadline_after(seconds)
        hs_mutex_lock(&self.guard)
        if self.tops != tops:
            hs_mutex_unlock(&self.guard)
            return 0
        return sleep(&self.sleepers, &self.guard, deadline)

    # ---- looking ----

    cdef bint nothing_pending(self) except -1:
        cdef int found = AGAIN
        while found == AGAIN:
            hs_mutex_lock(&self.guard)
            if self.events is None:
                found = LATER if self.agenda.records.live > 0 else NOTHING
            hs_mutex_unlock(&self.guard)
            if found == AGAIN:
                found = self.look_at_list()
        return found == NOTHING

    def empty(self):
        """Whether no event is pending now; that may have changed when the caller looks at it."""
        return self.nothing_pending()

    @property
    def queue(self):
        """The pending events in the order in which they will run: a new list of named tuples."""
        events = None
        while events is None:
            events = self.listed(NULL)
            if events is None:
                events = self.copy_of_list()
        return events


own_enterabs = vars(scheduler)["enterabs"]
